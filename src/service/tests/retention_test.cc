// What goes when it is too old, what is kept and why, on a clock that is told the time.
#include "service/retention.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "service/tests/fixture.h"
#include "service/tests/tenant_state.h"
#include "store/passports.h"
#include "store/remediation.h"

namespace carnet::service {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RetentionTest : public ServiceTest {
 protected:
  RetentionTest() : retention(*db, clock, random, log, {}), actor(make_tenant("Acme")) {}

  void set_days(const Actor& of, std::optional<int> number) {
    Settings settings;
    settings.retention_days = number;
    ASSERT_TRUE(run_task(tenancy.put_settings(of, settings)));
  }
  struct Made {
    std::string status = "success";
    int assets = 1;
    std::string host;  // "": it reached nothing
  };
  // A scan that ended now, as the worker leaves it.
  ScanId make_scan(const Actor& of, const Made& made) {
    store::ScanRow row;
    row.id = ScanId::generate(clock.now(), random);
    row.tenant_id = of.tenant;
    row.status = made.status;
    row.target = "example.org";
    row.request = "{}";
    row.asset_count = made.assets;
    row.created_at = clock.now();
    if (made.status != "queued" && made.status != "running") row.finished_at = clock.now();
    const auto work = [&](store::Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(store::scans::insert(c, row));
      CARNET_TRY_VOID(store::scans::append_event(c, row.id, {.key = "done", .at = clock.now()}));
      CARNET_TRY_VOID(store::scans::put_result(c, row.id, "{}", "sha"));
      std::vector<store::AssetRow> assets;
      for (int i = 0; i < made.assets; ++i)
        assets.push_back({.asset_id = "ast_" + std::to_string(i),
                          .kind = "key",
                          .host = made.host,
                          .port = 443,
                          .status = "broken",
                          .body = "{}"});
      CARNET_TRY_VOID(store::scans::put_assets(c, of.tenant, row.id, assets));
      if (!made.host.empty())
        CARNET_TRY_VOID(store::scans::mark_latest(c, of.tenant, row.id, {{made.host, 443}}));
      return true;
    };
    const auto done = in_db<bool>(work);
    EXPECT_TRUE(done.has_value()) << done.error().internal;
    return row.id;
  }
  std::vector<std::string> scans_of(const Actor& of) {
    std::vector<std::string> out;
    const auto rows = run_task(scans.list(of.tenant, {.before = "", .limit = 1000})).value();
    for (const auto& row : rows) out.push_back(row.id.str());
    return out;
  }
  std::int64_t number(std::string_view sql) {
    const auto work = [sql](store::Connection& c) -> Result<std::int64_t> {
      std::int64_t out = -1;
      CARNET_TRY_VOID(c.run(sql, {}, [&](const store::Row& row) { out = row.integer(0); }));
      return out;
    };
    return in_db<std::int64_t>(work).value();
  }
  Retention::Round tick() {
    const auto round = run_task(retention.tick(clock.now()));
    EXPECT_TRUE(round.has_value()) << round.error().internal;
    return round.value_or(Retention::Round{});
  }
  RetentionView view(std::optional<int> with_days = std::nullopt, std::string after = {},
                     int limit = 100) {
    return run_task(retention.view(actor.tenant, with_days, std::move(after), limit)).value();
  }

  Retention retention;
  Actor actor;
};

TEST_F(RetentionTest, NothingGoesWhereNobodySaidHowLong) {
  const ScanId old = make_scan(actor, {});
  clock.advance(days(4000));
  make_scan(actor, {});
  EXPECT_EQ(tick().scans, 0);
  EXPECT_EQ(scans_of(actor).size(), 2U);
  const RetentionView before = view();
  EXPECT_FALSE(before.days);
  EXPECT_EQ(before.source, RetentionSource::kNone);
  EXPECT_THAT(before.scans, IsEmpty());
  // What 30 days would do, without anything being done.
  const RetentionView would = view(30);
  EXPECT_EQ(would.source, RetentionSource::kRequest);
  EXPECT_EQ(would.erasable, 1);
  ASSERT_EQ(would.scans.size(), 1U);
  EXPECT_EQ(would.scans[0].id, old);
  EXPECT_EQ(scans_of(actor).size(), 2U);
}

TEST_F(RetentionTest, AScanGoesOnItsDayWithAllThatBelongsToIt) {
  set_days(actor, 30);
  const ScanId old = make_scan(actor, {.assets = 3});
  clock.advance(std::chrono::milliseconds(1));
  const ScanId younger = make_scan(actor, {});
  clock.advance(days(30) - std::chrono::milliseconds(1));
  EXPECT_EQ(tick().scans, 0) << "it ended 30 days ago to the millisecond";
  clock.advance(std::chrono::milliseconds(1));
  const Retention::Round round = tick();
  EXPECT_EQ(round.scans, 1);
  EXPECT_FALSE(round.more);
  EXPECT_THAT(scans_of(actor), ElementsAre(younger.str()));
  EXPECT_EQ(run_task(tenancy.me(actor.tenant))->scan_count, 1);
  for (const char* table : {"scan_results", "scan_events", "assets"})
    EXPECT_EQ(number(std::string("SELECT count(*) FROM ") + table), 1) << table;
  const auto trail = audit_of(actor.tenant, "retention.erased");
  ASSERT_EQ(trail.size(), 1U);
  EXPECT_EQ(trail[0].actor, "system");
  const auto detail = json::parse(trail[0].detail).value().as_object();
  EXPECT_EQ(detail.at("scans").as_int64(), 1);
  EXPECT_EQ(detail.at("retentionDays").as_int64(), 30);
  EXPECT_EQ(detail.at("first").as_string(), old.str());
  EXPECT_EQ(tick().scans, 0);
  EXPECT_EQ(audit_of(actor.tenant, "retention.erased").size(), 1U) << "nothing was done: no row";
}

TEST_F(RetentionTest, OfATenantThatIsClosingOrErasedNothingGoes) {
  set_days(actor, 30);
  const ScanId old = make_scan(actor, {.assets = 3});
  make_scan(actor, {});
  clock.advance(days(31));
  for (const auto state : {store::TenantState::kClosing, store::TenantState::kErasing}) {
    set_tenant_state(*db, actor, state);
    const Retention::Round round = tick();
    EXPECT_EQ(round.scans + round.views, 0);
    EXPECT_FALSE(round.more);
    EXPECT_EQ(scans_of(actor).size(), 2U);
  }
  EXPECT_THAT(audit_of(actor.tenant, "retention.erased"), IsEmpty());
  set_tenant_state(*db, actor, store::TenantState::kActive);
  EXPECT_EQ(tick().scans, 1) << old.str();
}

TEST_F(RetentionTest, WhatIsNeededIsKeptAndSaysWhy) {
  set_days(actor, 20);
  std::map<std::string, ScanId> made;
  for (const char* name : {"free", "pinned", "shared", "chain", "target", "proof"})
    made[name] = make_scan(actor, {});
  made["current"] = make_scan(actor, {.host = "a.example"});
  made["overtaken"] = make_scan(actor, {.host = "b.example"});
  made["failed"] = make_scan(actor, {.status = "error"});
  made["running"] = make_scan(actor, {.status = "running"});
  made["queued"] = make_scan(actor, {.status = "queued"});
  ASSERT_TRUE(run_task(scans.pin(actor, made["pinned"])));
  ASSERT_TRUE(run_task(sharing.create(actor, made["shared"], {.expires_hours = 720})));
  const auto mark = [&](store::Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(store::passports::insert(c, {.scan_id = made["chain"],
                                                 .tenant_id = actor.tenant,
                                                 .target_set = "targets",
                                                 .sha256 = "sha",
                                                 .envelope = "{}",
                                                 .issued_at = clock.now(),
                                                 .not_after = clock.now()}));
    CARNET_TRY_VOID(c.run(
        "INSERT INTO watched_targets (tenant_id, target_set, scan_id, score) VALUES ($1, 't', $2, "
        "1.5)",
        {std::string_view(actor.tenant.str()), std::string_view(made["target"].str())}));
    store::RemediationRow row{.item_id = "rem_1", .asset_id = "a", .status = "done"};
    row.verified_by = made["proof"].str();
    CARNET_TRY_VOID(store::remediation::put(c, actor.tenant, row));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(mark));
  clock.advance(days(19));
  made["newest"] = make_scan(actor, {.host = "b.example"});  // overtakes; young
  clock.advance(days(1) + std::chrono::milliseconds(1));

  const RetentionView seen = view();
  EXPECT_EQ(seen.days, 20);
  EXPECT_EQ(seen.source, RetentionSource::kTenant);
  EXPECT_EQ(seen.erasable, 3);
  EXPECT_TRUE(seen.complete);
  std::map<std::string, std::string> kept;
  for (const auto& scan : seen.scans) kept[scan.id.str()] = scan.kept;
  const std::map<std::string, std::string> wanted = {
      {made["free"].str(), ""},           {made["pinned"].str(), "pinned"},
      {made["shared"].str(), "shared"},   {made["chain"].str(), "baseline"},
      {made["target"].str(), "baseline"}, {made["proof"].str(), "proof"},
      {made["current"].str(), "current"}, {made["overtaken"].str(), ""},
      {made["failed"].str(), ""}};
  EXPECT_EQ(kept, wanted);
  EXPECT_EQ(tick().scans, 3);
  EXPECT_EQ(scans_of(actor).size(), 9U);

  // The link runs out; the newest grows old and stays, for it is the newest.
  clock.advance(days(31));
  EXPECT_EQ(tick().scans, 1);
  EXPECT_FALSE(run_task(scans.row(actor.tenant, made["shared"])));
  EXPECT_TRUE(run_task(scans.row(actor.tenant, made["newest"])));
  EXPECT_TRUE(run_task(scans.row(actor.tenant, made["running"])));
  EXPECT_TRUE(run_task(scans.row(actor.tenant, made["queued"])));
}

TEST_F(RetentionTest, ARevokedLinkKeepsNothingAPausedOneDoes) {
  set_days(actor, 1);
  const ScanId revoked = make_scan(actor, {}), paused = make_scan(actor, {});
  const auto first = run_task(sharing.create(actor, revoked, {.expires_hours = 720}));
  const auto second = run_task(sharing.create(actor, paused, {.expires_hours = 720}));
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(run_task(sharing.patch(actor, second->row.id, {}, {}, {}, true)));
  clock.advance(days(2));
  const ScanId newest = make_scan(actor, {});
  EXPECT_EQ(tick().scans, 0);
  ASSERT_TRUE(run_task(sharing.revoke(actor, first->row.id)));
  EXPECT_EQ(tick().scans, 1);
  EXPECT_THAT(scans_of(actor), UnorderedElementsAre(newest.str(), paused.str()));
}

// What was free when it was looked at, and is not when it is to go.
TEST_F(RetentionTest, TheDeletionLooksAgain) {
  const ScanId scan = make_scan(actor, {.assets = 2});
  clock.advance(days(2));
  make_scan(actor, {});
  const store::retention::Age age{.before = clock.now() - days(1),
                                  .before_id = ScanId::generate(clock.now() - days(1), random),
                                  .now = clock.now()};
  ASSERT_EQ(view(1).erasable, 1);
  ASSERT_TRUE(run_task(scans.pin(actor, scan)));
  const auto erase = [&](store::Connection& c) -> Result<bool> {
    CARNET_TRY(sliced, store::retention::erase_assets(c, actor.tenant, scan, age, 100));
    CARNET_TRY(gone, store::retention::erase(c, actor.tenant, scan, age));
    return sliced > 0 || gone;
  };
  const auto erased = in_db<bool>(erase);
  ASSERT_TRUE(erased.has_value()) << erased.error().internal;
  EXPECT_FALSE(*erased);
}

TEST_F(RetentionTest, OneTenantsRetentionIsNotAnothers) {
  const Actor other = make_tenant("Other");
  set_days(other, 1);
  make_scan(actor, {});
  make_scan(other, {});
  clock.advance(days(10));
  const ScanId newest = make_scan(other, {});
  EXPECT_EQ(tick().scans, 1);
  EXPECT_EQ(scans_of(actor).size(), 1U);
  EXPECT_THAT(scans_of(other), ElementsAre(newest.str()));
  EXPECT_THAT(audit_of(actor.tenant, "retention"), IsEmpty());
}

TEST_F(RetentionTest, TheServersDefaultHoldsUntilATenantSetsItsOwn) {
  Retention with_default(*db, clock, random, log, {.default_days = 10});
  make_scan(actor, {});
  clock.advance(days(11));
  make_scan(actor, {});
  const auto seen = run_task(with_default.view(actor.tenant, {}, "", 10));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->source, RetentionSource::kServer);
  EXPECT_EQ(seen->days, 10);
  set_days(actor, 20);
  EXPECT_EQ(run_task(with_default.tick(clock.now()))->scans, 0);
  set_days(actor, std::nullopt);
  EXPECT_EQ(run_task(with_default.tick(clock.now()))->scans, 1);
}

// More than one round takes on: each does its part, and nothing that is kept stops it.
TEST_F(RetentionTest, ALongHistoryIsWorkedOffInParts) {
  set_days(actor, 1);
  constexpr int kScans = 2600;
  const auto fill = [&](store::Connection& c) -> Result<bool> {
    for (int i = 0; i < kScans; ++i) {
      store::ScanRow row;
      row.id = ScanId::generate(clock.now() + std::chrono::milliseconds(i), random);
      row.tenant_id = actor.tenant;
      row.status = "success";
      row.request = "{}";
      row.pinned = i % 4 == 0;
      row.created_at = clock.now();
      row.finished_at = clock.now();
      CARNET_TRY_VOID(store::scans::insert(c, row));
    }
    return true;
  };
  ASSERT_TRUE(in_db<bool>(fill));
  clock.advance(days(3));
  make_scan(actor, {});
  const RetentionView seen = view({}, {}, 1);
  EXPECT_EQ(seen.erasable, kScans * 3 / 4);
  EXPECT_EQ(seen.kept.at("pinned"), kScans / 4);
  std::int64_t erased = 0;
  int rounds = 0;
  for (bool more = true; more && rounds < 50; ++rounds) {
    const Retention::Round round = tick();
    EXPECT_LE(round.scans, kRetentionWritesMax * kRetentionScansMax);
    erased += round.scans;
    more = round.more;
  }
  EXPECT_EQ(erased, kScans * 3 / 4);
  EXPECT_GT(rounds, 1);
  EXPECT_EQ(run_task(tenancy.me(actor.tenant))->scan_count, kScans / 4 + 1);
}

TEST_F(RetentionTest, AScanWithVeryManyAssetsGoesInSlices) {
  set_days(actor, 1);
  make_scan(actor, {.assets = 2 * kRetentionRowsMax + 7});
  clock.advance(days(2));
  make_scan(actor, {});
  EXPECT_EQ(tick().scans, 1);
  EXPECT_EQ(number("SELECT count(*) FROM assets"), 1);
}

TEST_F(RetentionTest, EntriesOfAccessLogsGoAndTheirLinkStays) {
  set_days(actor, 30);
  const ScanId scan = make_scan(actor, {});
  ASSERT_TRUE(run_task(scans.pin(actor, scan)));
  const auto link = run_task(sharing.create(actor, scan, {.expires_hours = 1}));
  ASSERT_TRUE(link);
  const auto visit = [&](Timestamp last) {
    const auto work = [&](store::Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(store::shares::insert_view(c, {.id = ViewId::generate(clock.now(), random),
                                                     .share_id = link->row.id,
                                                     .at = clock.now(),
                                                     .last_at = last,
                                                     .outcome = "granted"}));
      return true;
    };
    ASSERT_TRUE(in_db<bool>(work));
  };
  visit(clock.now());
  visit(clock.now() + days(2));  // one entry for several visits, the last of them later
  clock.advance(days(31));
  visit(clock.now());
  EXPECT_EQ(tick().views, 1);
  EXPECT_EQ(run_task(sharing.views(actor.tenant, link->row.id, {}))->size(), 2U);
  clock.advance(days(2));
  EXPECT_EQ(tick().views, 1);
  const auto trail = audit_of(actor.tenant, "retention.erased");
  ASSERT_EQ(trail.size(), 2U);
  EXPECT_NE(trail[0].detail.find(R"("accessLogEntries":1)"), std::string::npos);
}

TEST_F(RetentionTest, PagesGoOnBehindTheLastScan) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) {
    made.push_back(make_scan(actor, {}).str());
    clock.advance(std::chrono::milliseconds(1));
  }
  clock.advance(days(2));
  make_scan(actor, {});
  std::vector<std::string> seen;
  for (std::string after; seen.size() < 5;) {
    const auto page = view(1, after, 2).scans;
    ASSERT_FALSE(page.empty());
    for (const auto& scan : page) seen.push_back(scan.id.str());
    after = seen.back();
  }
  EXPECT_EQ(seen, made);
}

}  // namespace
}  // namespace carnet::service
