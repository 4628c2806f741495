#include "store/tests/store_fixture.h"

#include <thread>

namespace carnet::store {
namespace {

class Repositories : public StoreTest {
 protected:
  void SetUp() override {
    open();
    ours_ = add_tenant("ours").id;
    theirs_ = add_tenant("theirs").id;
  }
  template <class F>
  auto w(F f) {
    using Value = typename decltype(f(std::declval<Connection&>()))::value_type;
    return write<Value>(Closure<Value>(f));
  }
  TenantId ours_, theirs_;
};

TEST_F(Repositories, TenantsRoundTripAndSlugsAreUnique) {
  TenantRow row{.id = id<TenantId>(50), .name = "Bänk", .slug = "ours", .created_at = kNow};
  const Result<void> taken = run([&](Connection& c) { return tenants::insert(c, row); });
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
  EXPECT_EQ(taken.error().public_detail.find("slug"), std::string::npos);
  EXPECT_NE(taken.error().internal.find("slug"), std::string::npos);
  row.slug = "bank";
  ASSERT_TRUE(run([&](Connection& c) { return tenants::insert(c, row); }));
  EXPECT_TRUE(w([&](Connection& c) { return tenants::update_settings(c, row.id, R"({"a":1})"); }));
  EXPECT_TRUE(w(
      [&](Connection& c) { return tenants::update_authorized_targets(c, row.id, R"({"b":2})"); }));
  EXPECT_FALSE(
      w([&](Connection& c) { return tenants::update_settings(c, id<TenantId>(9), "{}"); }));
  EXPECT_FALSE(w(
      [&](Connection& c) { return tenants::update_authorized_targets(c, id<TenantId>(9), "{}"); }));
  const auto found = w([&](Connection& c) { return tenants::find(c, row.id); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "Bänk");
  EXPECT_EQ(found->settings, R"({"a":1})");
  EXPECT_EQ(found->authorized_targets, R"({"b":2})");
  EXPECT_EQ(found->created_at, kNow);
  EXPECT_FALSE(w([&](Connection& c) { return tenants::find(c, id<TenantId>(9)); }));
  const auto first = w([&](Connection& c) { return tenants::list(c, {.before = "", .limit = 2}); });
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].id, row.id);
  const auto rest =
      w([&](Connection& c) { return tenants::list(c, {.before = first[1].id.str(), .limit = 2}); });
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].id, ours_);
  EXPECT_TRUE(
      w([&](Connection& c) { return tenants::list(c, {.before = "", .limit = -1}); }).empty());
}

TEST_F(Repositories, KeysAreFoundRevokedOnceAndTouchedForwardOnly) {
  const KeyRow row{.public_id = "pub1",
                   .id = id<KeyId>(1),
                   .tenant_id = ours_,
                   .secret_mac = std::string("\0bin\xff", 5),
                   .hint = "wxyz",
                   .label = "ci",
                   .role = Role::kAdmin,
                   .rate_per_minute = 7,
                   .created_at = kNow,
                   .expires_at = kNow + std::chrono::hours(1)};
  ASSERT_TRUE(run([&](Connection& c) { return keys::insert(c, row); }));
  const auto found = find_row(keys::by_public_id("pub1"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, row.id);
  EXPECT_EQ(found->secret_mac, row.secret_mac);
  EXPECT_EQ(found->role, Role::kAdmin);
  EXPECT_EQ(found->rate_per_minute, 7);
  EXPECT_EQ(found->expires_at, row.expires_at);
  EXPECT_EQ(found->revoked_at, std::nullopt);
  EXPECT_EQ(found->tenant_name, "Name of ours");
  EXPECT_FALSE(find_row(keys::by_public_id("nope")));
  EXPECT_EQ(w([&](Connection& c) { return keys::list(c, ours_, {}); }).size(), 1u);
  EXPECT_TRUE(w([&](Connection& c) { return keys::list(c, theirs_, {}); }).empty());
  EXPECT_TRUE(
      w([&](Connection& c) { return keys::list(c, ours_, {.before = row.id.str()}); }).empty());

  const auto later = kNow + std::chrono::seconds(9);
  ASSERT_TRUE(run([&](Connection& c) { return keys::touch(c, row.id, later); }));
  ASSERT_TRUE(run([&](Connection& c) { return keys::touch(c, row.id, kNow); }));
  EXPECT_EQ(find_row(keys::by_public_id("pub1"))->last_used_at, later);
  EXPECT_EQ(w([&](Connection& c) { return keys::revoke(c, row.id, kNow); })->revoked_at, kNow);
  EXPECT_EQ(w([&](Connection& c) { return keys::revoke(c, row.id, later); })->revoked_at, kNow);
  EXPECT_FALSE(w([&](Connection& c) { return keys::revoke(c, id<KeyId>(2), kNow); }));

  KeyRow orphan = row;
  orphan.public_id = "pub2";
  orphan.id = id<KeyId>(3);
  orphan.tenant_id = id<TenantId>(99);
  const Result<void> refused = run([&](Connection& c) { return keys::insert(c, orphan); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

TEST_F(Repositories, ScansBelongToTheirTenant) {
  ScanRow row = make_scan(ours_, "success");
  row.error_detail = "half";
  row.progress_done = 1;
  row.progress_total = 2;
  row.readiness_score = 41.5;
  row.readiness_band = "at-risk";
  row.asset_count = 3;
  row.started_at = row.finished_at = kNow;
  ASSERT_TRUE(run([&](Connection& c) { return scans::insert(c, row); }));
  const auto found = w([&](Connection& c) { return scans::find(c, ours_, row.id); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, "success");
  EXPECT_EQ(found->label, "label");
  EXPECT_EQ(found->target, "example.org:443");
  EXPECT_EQ(found->profile, "standard");
  EXPECT_EQ(found->request, row.request);
  EXPECT_EQ(found->error_detail, "half");
  EXPECT_EQ(found->progress_done, 1);
  EXPECT_EQ(found->progress_total, 2);
  EXPECT_EQ(found->readiness_score, 41.5);
  EXPECT_EQ(found->readiness_band, "at-risk");
  EXPECT_EQ(found->asset_count, 3);
  EXPECT_EQ(found->started_at, kNow);
  EXPECT_EQ(found->finished_at, kNow);
  EXPECT_FALSE(found->sample || found->pinned || found->cancel_requested);

  EXPECT_FALSE(w([&](Connection& c) { return scans::find(c, theirs_, row.id); }));
  EXPECT_FALSE(w([&](Connection& c) { return scans::set_pinned(c, theirs_, row.id); }));
  EXPECT_FALSE(w([&](Connection& c) { return scans::erase(c, theirs_, row.id); }));
  EXPECT_FALSE(w([&](Connection& c) { return scans::request_cancel(c, theirs_, row.id, kNow); }));
  EXPECT_TRUE(w([&](Connection& c) { return scans::list(c, theirs_, {}); }).empty());
  EXPECT_EQ(w([&](Connection& c) { return scans::count(c, theirs_); }), 0);
  EXPECT_FALSE(w([&](Connection& c) { return scans::latest_finished(c, theirs_); }));
  for (const Result<void>& refused :
       {run([&](Connection& c) { return scans::put_assets(c, theirs_, row.id, {}); }),
        run([&](Connection& c) { return scans::mark_latest(c, theirs_, row.id, {{"h", 1}}); })}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  }

  EXPECT_TRUE(w([&](Connection& c) { return scans::set_pinned(c, ours_, row.id); }));
  EXPECT_TRUE(w([&](Connection& c) { return scans::find(c, ours_, row.id); })->pinned);
  add_scan(ours_, "success", true);
  add_scan(ours_, "error");
  EXPECT_EQ(w([&](Connection& c) { return scans::count(c, ours_); }), 3);
  EXPECT_EQ(w([&](Connection& c) { return scans::latest_finished(c, ours_); })->id, row.id);
  const auto newer = add_scan(ours_, "success");
  EXPECT_EQ(w([&](Connection& c) { return scans::latest_finished(c, ours_); })->id, newer.id);
  EXPECT_TRUE(w([&](Connection& c) { return scans::erase(c, ours_, newer.id); }));
  EXPECT_FALSE(w([&](Connection& c) { return scans::erase(c, ours_, newer.id); }));
  EXPECT_EQ(w([&](Connection& c) { return scans::count(c, ours_); }), 3);
}

TEST_F(Repositories, ListsPageThroughEveryRowOnceWhileRowsAreAdded) {
  std::vector<ScanId> expected;
  for (int i = 0; i < 7; ++i) expected.insert(expected.begin(), add_scan(ours_).id);
  std::vector<ScanId> seen;
  for (Page page{.before = "", .limit = 3};;) {
    const auto rows = w([&](Connection& c) { return scans::list(c, ours_, page); });
    if (rows.empty()) break;
    for (const ScanRow& row : rows) seen.push_back(row.id);
    page.before = rows.back().id.str();
    add_scan(ours_);
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(Repositories, DeletingAScanDeletesAllThatHangsOnIt) {
  const ScanId scan = add_scan(ours_, "success").id;
  const ShareRow share = make_share(ours_, scan, "pub");
  const ViewRow view{.id = id<ViewId>(1), .share_id = share.id, .at = kNow, .outcome = "ok"};
  ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(scans::put_result(c, scan, "{}", "aa"));
    CARNET_TRY_VOID(scans::append_event(c, scan, {.key = "k", .at = kNow}));
    CARNET_TRY_VOID(scans::put_assets(c, ours_, scan, {{.asset_id = "a", .host = "h", .port = 1}}));
    CARNET_TRY_VOID(scans::mark_latest(c, ours_, scan, {{"h", 1}}));
    CARNET_TRY_VOID(shares::insert(c, share));
    return shares::insert_view(c, view);
  }));
  constexpr const char* kChildren =
      "SELECT (SELECT count(*) FROM scan_results) + (SELECT count(*) FROM scan_events) + (SELECT "
      "count(*) FROM assets) "
      "+ (SELECT count(*) FROM endpoint_latest) + (SELECT count(*) FROM shares) + (SELECT count(*) "
      "FROM share_views)";
  EXPECT_EQ(number(kChildren), 6);
  EXPECT_TRUE(w([&](Connection& c) { return scans::erase(c, ours_, scan); }));
  EXPECT_EQ(number(kChildren), 0);
  EXPECT_FALSE(w([&](Connection& c) { return scans::erase(c, ours_, scan); }));
}

TEST_F(Repositories, QueueClaimsTheOldestAndKeepsToTheOwner) {
  const ScanId a = add_scan(ours_).id, b = add_scan(theirs_).id, d = add_scan(ours_).id;
  const auto lease = kNow + std::chrono::seconds(30);
  const auto claimed = w([&](Connection& c) { return scans::claim(c, "w1", kNow, lease, 2); });
  ASSERT_EQ(claimed.size(), 2u);
  EXPECT_EQ(claimed[0].id, a);
  EXPECT_EQ(claimed[1].id, b);
  EXPECT_EQ(claimed[0].status, "running");
  EXPECT_EQ(claimed[0].attempts, 1);
  EXPECT_EQ(claimed[0].started_at, kNow);
  EXPECT_FALSE(w([&](Connection& c) { return scans::renew(c, a, "w2", lease, 1, 2); }).held);
  EXPECT_FALSE(w([&](Connection& c) { return scans::renew(c, d, "w1", lease, 1, 2); }).held);
  const auto renewed = w([&](Connection& c) { return scans::renew(c, a, "w1", lease, 1, 2); });
  EXPECT_TRUE(renewed.held);
  EXPECT_FALSE(renewed.cancel_requested);
  EXPECT_EQ(w([&](Connection& c) { return scans::find(c, ours_, a); })->progress_total, 2);
  EXPECT_TRUE(w([&](Connection& c) { return scans::request_cancel(c, ours_, a, kNow); }));
  EXPECT_TRUE(
      w([&](Connection& c) { return scans::renew(c, a, "w1", lease, 1, 2); }).cancel_requested);
  EXPECT_EQ(w([&](Connection& c) { return scans::find(c, ours_, a); })->status, "running");
  EXPECT_TRUE(w([&](Connection& c) { return scans::request_cancel(c, ours_, d, kNow); }));
  const auto cancelled = w([&](Connection& c) { return scans::find(c, ours_, d); });
  EXPECT_EQ(cancelled->status, "cancelled");
  EXPECT_EQ(cancelled->finished_at, kNow);
  EXPECT_FALSE(w([&](Connection& c) { return scans::request_cancel(c, ours_, d, kNow); }));

  scans::Finish end{.status = "success",
                    .readiness_score = 12.0,
                    .readiness_band = "x",
                    .asset_count = 4,
                    .at = lease};
  EXPECT_FALSE(w([&](Connection& c) { return scans::finish(c, b, "w2", end); }));
  EXPECT_TRUE(w([&](Connection& c) { return scans::finish(c, b, "w1", end); }));
  EXPECT_FALSE(w([&](Connection& c) { return scans::finish(c, b, "w1", end); }));
  const auto finished = w([&](Connection& c) { return scans::find(c, theirs_, b); });
  EXPECT_EQ(finished->status, "success");
  EXPECT_EQ(finished->readiness_score, 12.0);
  EXPECT_EQ(finished->asset_count, 4);
  EXPECT_EQ(finished->finished_at, lease);
  end.status = "queued";
  EXPECT_FALSE(run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(scans::finish(c, a, "w1", end));
    return {};
  }));
}

TEST_F(Repositories, ReapAndGiveBack) {
  const ScanId a = add_scan(ours_).id, b = add_scan(ours_).id;
  const auto lease = kNow + std::chrono::seconds(30);
  const auto claim = [&] {
    return w([&](Connection& c) { return scans::claim(c, "w", kNow, lease, 9); }).size();
  };
  EXPECT_EQ(claim(), 2u);
  EXPECT_FALSE(w([&](Connection& c) { return scans::give_back(c, a, "other"); }));
  EXPECT_TRUE(w([&](Connection& c) { return scans::give_back(c, a, "w"); }));
  EXPECT_EQ(w([&](Connection& c) { return scans::find(c, ours_, a); })->attempts, 0);
  EXPECT_EQ(claim(), 1u);
  const auto before = lease - std::chrono::milliseconds(1);
  EXPECT_EQ(w([&](Connection& c) { return scans::reap(c, before, 2); }).size(), 0);
  EXPECT_TRUE(w([&](Connection& c) { return scans::request_cancel(c, ours_, b, kNow); }));
  EXPECT_EQ(w([&](Connection& c) { return scans::reap(c, lease, 2); }).size(), 2);
  EXPECT_EQ(w([&](Connection& c) { return scans::find(c, ours_, b); })->status, "cancelled");
  EXPECT_EQ(w([&](Connection& c) { return scans::find(c, ours_, a); })->status, "queued");
  EXPECT_FALSE(w([&](Connection& c) { return scans::renew(c, a, "w", lease, 0, 0); }).held);
  EXPECT_EQ(claim(), 1u);
  EXPECT_EQ(w([&](Connection& c) { return scans::reap(c, lease, 2); }).size(), 1);
  const auto given_up = w([&](Connection& c) { return scans::find(c, ours_, a); });
  EXPECT_EQ(given_up->status, "error");
  EXPECT_EQ(given_up->finished_at, lease);
  EXPECT_FALSE(given_up->error_detail.empty());
  EXPECT_EQ(claim(), 0u);
}

TEST_F(Repositories, NoScanIsClaimedTwice) {
  constexpr int kScans = 200, kWorkers = 4;
  for (int i = 0; i < kScans; ++i) add_scan(ours_);
  std::vector<std::vector<ScanId>> taken(kWorkers);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kWorkers; ++worker)
    workers.emplace_back([&, worker] {
      const std::string owner = std::to_string(worker);
      for (std::size_t got = 1; got != 0;) {
        const Closure<std::vector<ScanRow>> claim = [&](Connection& c) {
          return scans::claim(c, owner, kNow, kNow + std::chrono::hours(1), 3);
        };
        const auto rows = try_write<std::vector<ScanRow>>(claim);
        got = rows ? rows->size() : 0;
        for (std::size_t i = 0; i < got; ++i)
          taken[static_cast<std::size_t>(worker)].push_back((*rows)[i].id);
      }
    });
  for (std::thread& worker : workers) worker.join();
  std::vector<ScanId> all;
  for (const auto& part : taken) all.insert(all.end(), part.begin(), part.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kScans));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST_F(Repositories, ResultsAndEvents) {
  const ScanId scan = add_scan(ours_).id, other = add_scan(ours_).id;
  EXPECT_FALSE(w([&](Connection& c) { return scans::find_result(c, scan); }));
  ASSERT_TRUE(run([&](Connection& c) { return scans::put_result(c, scan, "one", "h1"); }));
  ASSERT_TRUE(run([&](Connection& c) { return scans::put_result(c, scan, "two", "h2"); }));
  const auto stored = w([&](Connection& c) { return scans::find_result(c, scan); });
  EXPECT_EQ(stored->result, "two");
  EXPECT_EQ(stored->sha256, "h2");
  EventRow event{.key = "dns", .label = "Names", .at = kNow, .duration_ms = 5, .status = "ok"};
  EXPECT_EQ(w([&](Connection& c) { return scans::append_event(c, scan, event); }), 1);
  EXPECT_EQ(w([&](Connection& c) { return scans::append_event(c, other, event); }), 1);
  event.key = "tls";
  EXPECT_EQ(w([&](Connection& c) { return scans::append_event(c, scan, event); }), 2);
  const auto events = w([&](Connection& c) { return scans::events_after(c, scan, 0); });
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].label, "Names");
  EXPECT_EQ(events[0].duration_ms, 5);
  EXPECT_EQ(events[1].key, "tls");
  EXPECT_EQ(w([&](Connection& c) { return scans::events_after(c, scan, 1); }).size(), 1u);
  EXPECT_TRUE(w([&](Connection& c) { return scans::events_after(c, scan, 2); }).empty());
  const Result<void> orphan = run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(scans::append_event(c, id<ScanId>(900), event));
    return {};
  });
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error().code, ErrorCode::kConflict);
}

TEST_F(Repositories, InventoryIsTheNewestScanOfEachEndpoint) {
  const ScanId old_scan = add_scan(ours_, "success").id, new_scan = add_scan(ours_, "success").id;
  const ScanId sample = add_scan(ours_, "success", true).id,
               foreign = add_scan(theirs_, "success").id;
  const auto put = [&](const TenantId& tenant, const ScanId& scan,
                       const std::vector<AssetRow>& assets,
                       const std::vector<scans::EndpointKey>& endpoints) {
    ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(scans::put_assets(c, tenant, scan, assets));
      return scans::mark_latest(c, tenant, scan, endpoints);
    }));
  };
  const AssetRow kex{
      .asset_id = "1", .kind = "kex", .host = "a", .port = 443, .status = "bad", .body = "{}"};
  AssetRow cert = kex, b80 = kex, b8 = kex;
  cert.asset_id = "2";
  cert.kind = "certificate";
  cert.status = "good";
  b80.host = b8.host = "b";
  b80.asset_id = "3";
  b8.asset_id = "0";
  b80.port = 80;
  b8.port = 8;
  put(ours_, new_scan, {cert, kex, b80}, {{"a", 443}, {"b", 80}});
  put(ours_, old_scan, {kex, b8}, {{"a", 443}, {"b", 8}});
  put(ours_, sample, {kex, b80}, {{"a", 443}, {"b", 80}});
  put(theirs_, foreign, {kex}, {{"a", 443}});

  const auto page = [&](const scans::InventoryFilter& filter) {
    return w([&](Connection& c) { return scans::inventory(c, ours_, filter); });
  };
  std::string seen;
  for (scans::InventoryFilter filter{.limit = 1};;) {
    const auto rows = page(filter);
    if (rows.empty()) break;
    const auto& row = rows.front();
    seen += row.asset.host + std::to_string(row.asset.port) + "/" + row.asset.asset_id +
            (row.scan_id == new_scan ? "new " : "old ");
    filter.after = scans::inventory_cursor(row);
  }
  EXPECT_EQ(seen, "a443/1new a443/2new b8/0old b80/3new ");
  EXPECT_EQ(page({.kind = "kex"}).size(), 3u);
  EXPECT_EQ(page({.status = "good"}).size(), 1u);
  EXPECT_EQ(page({.host = "b"}).size(), 2u);
  EXPECT_EQ(page({.kind = "certificate", .host = "b"}).size(), 0u);
  EXPECT_EQ(page({.kind = "kex", .status = "bad"}).size(), 3u);
  EXPECT_EQ(page({.kind = "kex", .status = "good"}).size(), 0u);
  EXPECT_EQ(page({.status = "bad", .after = "a\n443\n1", .limit = 1}).front().asset.host, "b");
  EXPECT_EQ(page({.status = "bad", .after = "b\n8\n0"}).size(), 1u);
  EXPECT_EQ(page({.host = "b", .after = "b\n8\n0"}).size(), 1u);
  for (const char* bad : {"x", "a\n1", "a\nx\n1", "a\n\n1"}) {
    const Closure<std::vector<scans::InventoryRow>> closure = [&](Connection& c) {
      return scans::inventory(c, ours_, {.after = bad});
    };
    const auto refused = try_read<std::vector<scans::InventoryRow>>(closure);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::kValidationFailed);
  }
}

TEST_F(Repositories, FacetsOfTheInventoryFollowItsAssets) {
  const auto facets = [&] { return number("SELECT count(*) FROM inventory_facets"); };
  const auto put = [&](const ScanId& scan, std::string kind, std::string status) {
    ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(scans::put_assets(
          c, ours_, scan,
          {{.asset_id = "1", .kind = std::move(kind), .host = "a", .port = 1, .status = status},
           {.asset_id = "2", .kind = "tls", .host = "a", .port = 1, .status = status}}));
      return scans::mark_latest(c, ours_, scan, {{"a", 1}});
    }));
  };
  const auto count = [&](std::string kind, std::string status) {
    const scans::InventoryFilter filter{.kind = std::move(kind), .status = std::move(status)};
    return w([&](Connection& c) { return scans::inventory(c, ours_, filter); }).size();
  };
  const ScanId before = add_scan(ours_, "success").id, after = add_scan(ours_, "success").id;
  put(before, "ssh", "bad");
  EXPECT_EQ(facets(), 6);  // ssh, tls, bad, ssh and bad, tls and bad, any
  put(after, "certificate", "good");
  EXPECT_EQ(facets(), 6);
  EXPECT_EQ(count("ssh", ""), 0u);
  EXPECT_EQ(count("", "bad"), 0u);
  EXPECT_EQ(count("", "good"), 2u);
  EXPECT_EQ(count("certificate", "good"), 1u);
  put(before, "ssh", "bad");  // late, so it changes nothing
  EXPECT_EQ(count("tls", "good"), 1u);
  EXPECT_TRUE(w([&](Connection& c) { return scans::erase(c, ours_, before); }));
  EXPECT_EQ(facets(), 6);
  EXPECT_TRUE(w([&](Connection& c) { return scans::erase(c, ours_, after); }));
  EXPECT_EQ(facets(), 0);
}

TEST_F(Repositories, SharesAreFoundListedChangedAndRevokedOnce) {
  const ScanId scan = add_scan(ours_, "success").id, other = add_scan(ours_, "success").id;
  ShareRow row = make_share(ours_, scan, "pub1");
  row.passcode_hash = "hash";
  row.max_views = 5;
  row.recipient = "a@example.org";
  const ShareRow second = make_share(ours_, other, "pub2");
  ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(shares::insert(c, row));
    return shares::insert(c, second);
  }));
  const auto found = find_row(shares::by_public_id("pub1"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, row.id);
  EXPECT_EQ(found->secret_mac, row.secret_mac);
  EXPECT_EQ(found->passcode_hash, "hash");
  EXPECT_EQ(found->max_views, 5);
  EXPECT_EQ(found->created_by, row.created_by);
  EXPECT_EQ(found->expires_at, row.expires_at);
  EXPECT_EQ(found->revision, 1);
  EXPECT_EQ(found->tenant_name, "Name of ours");
  EXPECT_FALSE(find_row(shares::by_public_id("pub3")));
  EXPECT_EQ(w([&](Connection& c) { return shares::find(c, ours_, second.id); })->passcode_hash,
            std::nullopt);
  EXPECT_FALSE(w([&](Connection& c) { return shares::find(c, theirs_, row.id); }));
  EXPECT_FALSE(w([&](Connection& c) { return shares::revoke(c, theirs_, row.id, kNow); }));
  EXPECT_FALSE(
      w([&](Connection& c) { return shares::patch(c, theirs_, row.id, {.label = "stolen"}); }));
  EXPECT_TRUE(w([&](Connection& c) { return shares::list(c, theirs_, std::nullopt, {}); }).empty());
  EXPECT_TRUE(w([&](Connection& c) { return shares::list(c, theirs_, scan, {}); }).empty());
  EXPECT_EQ(w([&](Connection& c) { return shares::list(c, ours_, std::nullopt, {}); }).size(), 2u);
  const auto of_scan = w([&](Connection& c) { return shares::list(c, ours_, scan, {}); });
  ASSERT_EQ(of_scan.size(), 1u);
  EXPECT_EQ(of_scan[0].id, row.id);
  EXPECT_EQ(w([&](Connection& c) {
              return shares::list(c, ours_, std::nullopt, {.before = second.id.str()});
            })[0]
                .id,
            row.id);

  const auto patched = w([&](Connection& c) {
    return shares::patch(c, ours_, row.id, {.label = "new", .expires_at = kNow, .paused = true});
  });
  EXPECT_EQ(patched->label, "new");
  EXPECT_EQ(patched->recipient, "a@example.org");
  EXPECT_EQ(patched->expires_at, kNow);
  EXPECT_TRUE(patched->paused);
  EXPECT_EQ(patched->revision, 2);
  EXPECT_EQ(w([&](Connection& c) { return shares::patch(c, ours_, row.id, {}); })->revision, 2);
  const auto cleared = w([&](Connection& c) {
    return shares::patch(c, ours_, row.id, {.recipient = "", .paused = false});
  });
  EXPECT_EQ(cleared->recipient, "");
  EXPECT_FALSE(cleared->paused);
  const auto revoked = w([&](Connection& c) { return shares::revoke(c, ours_, row.id, kNow); });
  EXPECT_EQ(revoked->revoked_at, kNow);
  EXPECT_EQ(revoked->revision, 4);
  const auto again = w([&](Connection& c) {
    return shares::revoke(c, ours_, row.id, kNow + std::chrono::hours(1));
  });
  EXPECT_EQ(again->revoked_at, kNow);
  EXPECT_EQ(again->revision, 4);
}

TEST_F(Repositories, ViewsArePaged) {
  const ShareRow share = make_share(ours_, add_scan(ours_).id, "pub");
  ASSERT_TRUE(run([&](Connection& c) { return shares::insert(c, share); }));
  for (int i = 0; i < 3; ++i) {
    const ViewRow view{.id = id<ViewId>(i),
                       .share_id = share.id,
                       .at = kNow,
                       .outcome = "granted",
                       .format = "html",
                       .visitor = "v",
                       .user_agent = "curl"};
    ASSERT_TRUE(run([&](Connection& c) { return shares::insert_view(c, view); }));
  }
  const auto first =
      w([&](Connection& c) { return shares::list_views(c, share.id, {.before = "", .limit = 2}); });
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].user_agent, "curl");
  EXPECT_EQ(first[0].outcome, "granted");
  EXPECT_EQ(w([&](Connection& c) {
              return shares::list_views(c, share.id, {.before = first[1].id.str()});
            }).size(),
            1u);
}

TEST_F(Repositories, IdempotencyRecords) {
  IdempotencyRow row{.tenant_id = "t",
                     .operation = "share.create",
                     .key_hash = "k",
                     .fingerprint = "f",
                     .state = "running",
                     .owner = "p1",
                     .created_at = kNow};
  const auto find = [&] {
    return w([](Connection& c) { return idempotency::find(c, "t", "share.create", "k"); });
  };
  EXPECT_FALSE(find());
  ASSERT_TRUE(run([&](Connection& c) { return idempotency::begin(c, row); }));
  const Result<void> twice = run([&](Connection& c) { return idempotency::begin(c, row); });
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::kConflict);
  EXPECT_EQ(find()->state, "running");
  EXPECT_EQ(find()->fingerprint, "f");
  EXPECT_FALSE(w([](Connection& c) { return idempotency::find(c, "other", "share.create", "k"); }));
  row.state = "done";
  row.status = 201;
  row.response = std::string("\0sealed", 7);
  row.owner = "p2";
  EXPECT_FALSE(run([&](Connection& c) { return idempotency::finish(c, row); }));
  row.owner = "p1";
  ASSERT_TRUE(run([&](Connection& c) { return idempotency::finish(c, row); }));
  EXPECT_FALSE(run([&](Connection& c) { return idempotency::finish(c, row); }));
  EXPECT_EQ(find()->status, 201);
  EXPECT_EQ(find()->response, row.response);
  EXPECT_EQ(w([](Connection& c) { return idempotency::purge(c, kNow, 10); }), 0);
  EXPECT_EQ(w([](Connection& c) {
              return idempotency::purge(c, kNow + std::chrono::milliseconds(1), 0);
            }),
            0);
  EXPECT_EQ(w([](Connection& c) {
              return idempotency::purge(c, kNow + std::chrono::milliseconds(1), 10);
            }),
            1);
  ASSERT_TRUE(run([&](Connection& c) { return idempotency::begin(c, row); }));
  ASSERT_TRUE(run([](Connection& c) { return idempotency::erase(c, "t", "share.create", "k"); }));
  EXPECT_FALSE(find());
}

TEST_F(Repositories, AuditIsFilteredByTenantPrefixAndTime) {
  const auto add = [&](int n, const std::string& tenant, const std::string& action) {
    const AuditRow row{.id = id<AuditId>(n),
                       .tenant_id = tenant,
                       .at = kNow + std::chrono::seconds(n),
                       .actor = "key",
                       .action = action,
                       .subject = "s",
                       .request_id = "r",
                       .detail = R"({"n":1})"};
    ASSERT_TRUE(run([&](Connection& c) { return audit::insert(c, row); }));
  };
  add(1, ours_.str(), "share.create");
  add(2, ours_.str(), "share.revoke");
  add(3, ours_.str(), "scan_create");
  add(4, theirs_.str(), "share.create");
  add(5, "", "tenant.create");
  const auto list = [&](const audit::Filter& filter, const Page& page) {
    return w([&](Connection& c) { return audit::list(c, ours_.str(), filter, page); });
  };
  const auto all = list({}, {});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].action, "scan_create");
  EXPECT_EQ(all[0].detail, R"({"n":1})");
  EXPECT_EQ(all[0].request_id, "r");
  EXPECT_EQ(list({.action_prefix = "share."}, {}).size(), 2u);
  EXPECT_EQ(list({.action_prefix = "s%"}, {}).size(), 0u);
  EXPECT_EQ(list({.action_prefix = "scan."}, {}).size(), 0u);
  EXPECT_EQ(list({.since = kNow + std::chrono::seconds(2)}, {}).size(), 2u);
  EXPECT_EQ(list({}, {.before = all[1].id.str()}).size(), 1u);
}

TEST(Roles, AreReadAndWritten) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin})
    EXPECT_EQ(parse_role(to_string(role)), role);
  EXPECT_EQ(parse_role("Admin"), std::nullopt);
  EXPECT_EQ(parse_role(""), std::nullopt);
  EXPECT_LT(Role::kViewer, Role::kOperator);
}

}  // namespace
}  // namespace carnet::store
