// "A query that forgot its tenant returns nothing": PostgreSQL's row-level security, tried with
// statements that name no tenant, and with the repositories' own statements after their tenant
// condition was cut out. And that no table of a tenant, of today or of a later migration, lacks it.

#include <list>
#include <map>
#include <regex>
#include <set>

#include "store/alerts.h"
#include "store/deliveries.h"
#include "store/passports.h"
#include "store/portfolio.h"
#include "store/retention.h"
#include "store/schedules.h"
#include "store/tests/store_fixture.h"
#include "store/uploads.h"
#include "store/webhooks.h"
#include "tests/support/pg_cluster.h"

namespace carnet::store {
namespace {

// Whose a row is, where it does not say so in tenant_id. Written here from the schema's meaning,
// not taken from the policies.
const std::map<std::string, std::string> kOwners = {
    {"tenants", "id"},
    {"scan_results", "(SELECT tenant_id FROM scans WHERE id = scan_id)"},
    {"scan_events", "(SELECT tenant_id FROM scans WHERE id = scan_id)"},
    {"scan_files", "(SELECT tenant_id FROM scans WHERE id = scan_id)"},
    {"share_views", "(SELECT tenant_id FROM shares WHERE shares.id = share_id)"},
    {"passcode_tries", "(SELECT tenant_id FROM shares WHERE shares.id = share_id)"},
    {"partner_links", "child_id"},  // the parent sees it too, and may end it
    {"passport_files",
     "(SELECT tenant_id FROM passports p WHERE p.scan_id = passport_files.scan_id)"},
};
// Nobody's: the log is the server's and public, the version of the schema the program's.
const std::set<std::string> kOfNobody = {"carnet_schema",   "allowances", "log_head",
                                         "log_entries",     "log_tiles",  "log_checkpoints",
                                         "log_cosignatures"};

// Cuts the tenant out of every statement that names one, and counts how often it did. `everywhere`
// lifts the scope besides, to show that the cutting cuts.
class Forgetful final : public Connection {
 public:
  Forgetful(Connection& inner, bool everywhere) : inner_(inner), everywhere_(everywhere) {}

  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                           const OnRow& on_row) override {
    return inner_.run(without_tenant(sql), params, on_row);
  }
  [[nodiscard]] Dialect dialect() const override { return inner_.dialect(); }
  Result<void> lock(std::string_view name) override { return inner_.lock(name); }
  Result<void> notify(std::string_view channel, std::string_view payload) override {
    return inner_.notify(channel, payload);
  }
  [[nodiscard]] int cuts() const { return cuts_; }

 protected:
  void set_scope(std::string_view scope) override { inner_.as_tenant(everywhere_ ? "*" : scope); }

 private:
  // The parameter stays in use, or the database would not know its type.
  std::string_view without_tenant(std::string_view sql) {
    static const std::regex kCondition(R"((\b\w+\.)?tenant_id = (\$\d+))");
    static const std::regex kOwnRow(R"(\btenants( SET \w+ = \$\d+)? WHERE id = (\$\d+))");
    constexpr const char* kTrue = "CAST($2 AS TEXT) IS NOT NULL";
    std::string cut = std::regex_replace(std::string(sql), kCondition, kTrue);
    cut = std::regex_replace(cut, kOwnRow, std::string("tenants$1 WHERE ") + kTrue);
    if (cut != sql) ++cuts_;
    static std::list<std::string> kept;  // statements live as long as literals do
    for (const std::string& known : kept)
      if (known == cut) return known;
    return kept.emplace_back(std::move(cut));
  }

  Connection& inner_;
  bool everywhere_;
  int cuts_ = 0;
};

class RowSecurity : public StoreTest {
 protected:
  // What one tenant has: a row in every table.
  struct Side {
    TenantId tenant;
    ScanId scan;
    ShareRow share;
    UploadId upload;
    PartnerLinkId link;
    AlertId alert;
    ScheduleId schedule;
    WebhookId webhook;
  };

  void SetUp() override {
    if (!test::on_postgresql()) GTEST_SKIP() << "PostgreSQL only";
    open();
    ours_ = fill("ours");
    theirs_ = fill("theirs");
  }

  Side fill(const std::string& name) {
    Side side{.tenant = add_tenant(name).id,
              .scan = {},
              .share = {},
              .upload = {},
              .link = {},
              .alert = {},
              .schedule = {}};
    side.scan = add_scan(side.tenant, "success").id;
    side.share = make_share(side.tenant, side.scan, "pub-" + name);
    side.upload = id<UploadId>(++sequence_);
    const KeyRow key{.public_id = "key-" + name,
                     .id = id<KeyId>(++sequence_),
                     .tenant_id = side.tenant,
                     .created_at = kNow};
    const PassportRow passport{.scan_id = side.scan,
                               .tenant_id = side.tenant,
                               .target_set = "targets",
                               .sha256 = "sha-" + name,
                               .envelope = "{}",
                               .issued_at = kNow,
                               .not_after = kNow};
    const UploadRow upload{.id = side.upload,
                           .tenant_id = side.tenant,
                           .created_at = kNow,
                           .expires_at = kNow + std::chrono::hours(1),
                           .targets = "[]",
                           .endpoints = "[]"};
    EXPECT_TRUE(run([&](Connection& c) { return keys::insert(c, key); }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_scan(c, side); }));
    EXPECT_TRUE(run([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(passports::insert(c, passport));
      return passports::insert_file(c, side.scan, {.name = "report.json"});
    }));
    EXPECT_TRUE(run([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(uploads::insert(c, upload));
      CARNET_TRY_VOID(uploads::copy_to_scan(c, side.tenant, upload.id, side.scan, kNow));
      return {};
    }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_trails(c, side); }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_partners(c, side, name); }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_webhooks(c, side); }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_alerts(c, side); }));
    EXPECT_TRUE(run([&](Connection& c) { return fill_schedules(c, side); }));
    fill_others(side);
    return side;
  }
  Result<void> fill_scan(Connection& c, const Side& side) {
    CARNET_TRY_VOID(scans::put_result(c, side.scan, "{}", "aa"));
    CARNET_TRY_VOID(scans::append_event(c, side.scan, {.key = "k", .at = kNow}));
    CARNET_TRY_VOID(scans::put_assets(c, side.tenant, side.scan,
                                      {{.asset_id = "a", .host = "h", .port = 1, .body = "{}"}}));
    CARNET_TRY_VOID(scans::mark_latest(c, side.tenant, side.scan, {{"h", 1}}));
    CARNET_TRY_VOID(shares::insert(c, side.share));
    return shares::insert_view(c, {.id = id<ViewId>(++sequence_),
                                   .share_id = side.share.id,
                                   .at = kNow,
                                   .outcome = "granted"});
  }
  Result<void> fill_trails(Connection& c, const Side& side) {
    CARNET_TRY_VOID(idempotency::begin(c, {.tenant_id = side.tenant.str(),
                                           .operation = "share.create",
                                           .key_hash = "k",
                                           .state = "running",
                                           .owner = "p",
                                           .created_at = kNow}));
    return audit::insert(c, {.id = id<AuditId>(++sequence_),
                             .tenant_id = side.tenant.str(),
                             .at = kNow,
                             .action = "share.create",
                             .detail = "{}"});
  }

  Result<void> fill_alerts(Connection& c, Side& side) {
    side.alert = id<AlertId>(++sequence_);
    CARNET_TRY(raised, alerts::raise(c, {.id = side.alert,
                                         .tenant_id = side.tenant,
                                         .kind = "hybrid_lost",
                                         .subject = "h:1",
                                         .severity = "high",
                                         .last_seen_at = kNow}));
    EXPECT_TRUE(raised.fresh);
    CARNET_TRY_VOID(watch::put(c, side.tenant, {"h", 1}, {.cert_not_after = kNow}));
    return watch::put_score(c, side.tenant, "targets", {.scan_id = side.scan, .score = 1});
  }

  Result<void> fill_schedules(Connection& c, Side& side) {
    side.schedule = id<ScheduleId>(++sequence_);
    CARNET_TRY_VOID(schedules::insert(c, {.id = side.schedule,
                                          .tenant_id = side.tenant,
                                          .cadence_hours = 1,
                                          .scan = "{}",
                                          .notify = "{}",
                                          .next_run_at = kNow}));
    return schedules::add_run(c,
                              {.id = id<ScheduleRunId>(++sequence_),
                               .schedule_id = side.schedule,
                               .tenant_id = side.tenant,
                               .number = 1,
                               .cause = "manual",
                               .scan_id = side.scan},
                              9);
  }

  // A child of somebody else, and a parent that nobody has accepted yet.
  Result<void> fill_partners(Connection& c, Side& side, const std::string& name) {
    const TenantRow parent{.id = id<TenantId>(++sequence_),
                           .name = "parent",
                           .slug = "parent-of-" + name,
                           .created_at = kNow};
    side.link = id<PartnerLinkId>(++sequence_);
    CARNET_TRY_VOID(tenants::insert(c, parent));
    CARNET_TRY_VOID(partners::insert_link(
        c, {.id = side.link, .tenant_id = parent.id, .child_id = side.tenant, .scope = "scans"}));
    return partners::insert_invitation(c, {.public_id = "invite-" + name,
                                           .id = id<PartnerLinkId>(++sequence_),
                                           .tenant_id = side.tenant,
                                           .scope = "summary"});
  }

  Result<void> fill_webhooks(Connection& c, Side& side) {
    side.webhook = id<WebhookId>(++sequence_);
    CARNET_TRY_VOID(webhooks::insert(c, {.id = side.webhook,
                                         .tenant_id = side.tenant,
                                         .events = "[]",
                                         .format = "carnet",
                                         .secret = "sealed"}));
    return deliveries::insert(c, {.id = id<DeliveryId>(++sequence_),
                                  .tenant_id = side.tenant,
                                  .webhook_id = side.webhook,
                                  .lane = side.webhook.str(),
                                  .body = "{}"});
  }

  // Rows that no function above makes.
  void fill_others(const Side& side) {
    const std::map<std::string, std::string> rows = {
        {"remediation", "('{0}', 'item', 'a', 'open', '', '', '', '', '', '', 1, '')"},
        {"drift_events", "('{0}-d', '{0}', 1, 's', '', 'h', 1, 'a', 'added', 'same', '', '')"},
        {"passcode_tries", "('{1}', 1, 'v', 1)"},
        {"audit_heads", "('{0}', 1, 'h', 1, '')"},
        {"tenant_removals", "('{0}', 'offboard', 1, '', '', 1)"},
        {"drift_days", "('{0}', '2026-11-24', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"},
    };
    for (const std::string& table : tables()) {
      const auto row = rows.find(table);
      if (row == rows.end()) continue;
      const std::string values =
          fmt::format(fmt::runtime(row->second), side.tenant.str(), side.share.id.str());
      static_cast<void>(as_superuser(fmt::format("INSERT INTO {} VALUES {}", table, values)));
    }
  }

  test::PgCluster::Rows as_superuser(const std::string& sql) const {
    return test::PgCluster::shared().query(postgres_->name(), sql);
  }
  std::vector<std::string> tables() const {
    std::vector<std::string> out;
    for (const auto& row : as_superuser("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
                                        "AND relnamespace = 'public'::regnamespace ORDER BY 1"))
      if (!kOfNobody.contains(row[0])) out.push_back(row[0]);
    return out;
  }
  static std::string owner_of(const std::string& table) {
    const auto found = kOwners.find(table);
    return found == kOwners.end() ? "tenant_id" : found->second;
  }

  // One statement as the program runs it, under a scope; rolled back after. Gives the number of
  // rows that it changed or, for a SELECT, found.
  Result<std::int64_t> under(const std::string& scope, const std::string& sql) {
    static std::list<std::string> kept;
    const std::string& text = kept.emplace_back(sql);
    std::int64_t rows = 0;
    Result<std::int64_t> outcome = 0;
    const Result<void> undone = db_->write_blocking([&](Connection& c) -> Result<void> {
      rows = 0;
      if (!scope.empty()) c.as_tenant(scope);
      outcome = c.run(text, {}, [&](const Row&) { ++rows; });
      return make_error(ErrorCode::kConflict, "rolled back");
    });
    EXPECT_FALSE(undone);
    if (!outcome) return outcome;
    return std::max(rows, *outcome);
  }
  std::int64_t rows_under(const std::string& scope, const std::string& sql) {
    const auto outcome = under(scope, sql);
    EXPECT_TRUE(outcome) << sql << ": " << outcome.error().internal;
    return outcome.value_or(-1);
  }
  // Like try_write, with the tenant cut out of the closure's statements at least once.
  template <class F>
  auto forgetting(F f, bool everywhere = false) {
    using Value = typename decltype(f(std::declval<Connection&>()))::value_type;
    const Closure<Value> closure = [&](Connection& c) {
      Forgetful forgetful(c, everywhere);
      auto out = f(static_cast<Connection&>(forgetful));
      EXPECT_GT(forgetful.cuts(), 0) << "there was no tenant to forget";
      return out;
    };
    return try_write<Value>(closure);
  }

  Side ours_, theirs_;
};

TEST_F(RowSecurity, StatementsWithoutATenantSeeTheScopesRowsOnly) {
  for (const std::string& table : tables()) {
    const std::string mine = as_superuser(fmt::format("SELECT count(*) FROM {} WHERE {} = '{}'",
                                                      table, owner_of(table), ours_.tenant.str()))
                                 .front()
                                 .front();
    const std::string all = as_superuser("SELECT count(*) FROM " + table).front().front();
    EXPECT_GT(std::stoi(mine), 0) << table << " has no row to try with";
    EXPECT_GT(std::stoi(all), std::stoi(mine)) << table << " has no other tenant's row";
    const std::string column =
        as_superuser(fmt::format("SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass "
                                 "AND attnum = 1",
                                 table))
            .front()
            .front();
    const std::string select = "SELECT 1 FROM " + table;
    const std::string update = fmt::format("UPDATE {} SET {} = {}", table, column, column);
    const std::string erase = "DELETE FROM " + table;
    EXPECT_EQ(rows_under(ours_.tenant.str(), select), std::stoi(mine)) << table;
    EXPECT_EQ(rows_under("", select), 0) << table;
    EXPECT_EQ(rows_under("another", select), 0) << table;
    EXPECT_EQ(rows_under("*", select), std::stoi(all)) << table;
    for (const std::string& change : {update, erase}) {
      if (table == "audit") {  // a trail is only added to, until its tenant is closed
        if (change == update)
          EXPECT_FALSE(under("*", change)) << change;
        else
          EXPECT_EQ(rows_under("*", change), 0) << change;
        continue;
      }
      EXPECT_EQ(rows_under(ours_.tenant.str(), change), std::stoi(mine)) << change;
      EXPECT_EQ(rows_under("", change), 0) << change;
    }
    EXPECT_EQ(as_superuser("SELECT count(*) FROM " + table).front().front(), all) << table;
  }
}

TEST_F(RowSecurity, NoRowIsMadeForAnotherTenantNorMovedToOne) {
  for (const std::string& table : tables()) {
    const std::string theirs =
        as_superuser(fmt::format("SELECT replace(row_to_json({0})::text, '''', '''''') FROM {0} "
                                 "WHERE {1} = '{2}' LIMIT 1",
                                 table, owner_of(table), theirs_.tenant.str()))
            .front()
            .front();
    const std::string insert = fmt::format(
        "INSERT INTO {0} SELECT * FROM json_populate_record(NULL::{0}, '{1}')", table, theirs);
    const auto refused = [&](const std::string& scope, const std::string& sql) {
      const auto outcome = under(scope, sql);
      ASSERT_FALSE(outcome) << scope << ": " << sql;
      EXPECT_NE(outcome.error().internal.find("row-level security"), std::string::npos)
          << outcome.error().internal;
    };
    refused(ours_.tenant.str(), insert);
    refused("", insert);
    if (table != "audit" && table != "tenants" && !kOwners.contains(table))
      refused(ours_.tenant.str(),
              fmt::format("UPDATE {} SET tenant_id = '{}'", table, theirs_.tenant.str()));
  }
}

// The platform's own rows carry no tenant; a transaction without a scope must not take '' for one.
TEST_F(RowSecurity, ThePlatformsRowsNeedTheWholeScope) {
  ASSERT_TRUE(run([&](Connection& c) {
    return audit::insert(
        c, {.id = id<AuditId>(500), .tenant_id = "", .at = kNow, .action = "x", .detail = "{}"});
  }));
  const std::string select = "SELECT 1 FROM audit WHERE tenant_id = ''";
  for (int round = 0; round < 20; ++round) {  // connections on which a scope was set before, too
    EXPECT_EQ(rows_under(ours_.tenant.str(), select), 0);
    EXPECT_EQ(rows_under("", select), 0);
  }
  EXPECT_EQ(rows_under("*", select), 1);
}

TEST_F(RowSecurity, RepositoriesThatForgetTheirTenantFindNothingOfAnother) {
  const TenantId& us = ours_.tenant;
  static_cast<void>(as_superuser("UPDATE scans SET finished_at = created_at"));
  for (const bool everywhere : {false, true}) {
    // With the scope lifted besides the same calls do reach the other's rows: the cutting works.
    const auto reaches = [&](auto f) {
      auto found = forgetting(f, everywhere);
      ASSERT_TRUE(found) << found.error().internal;
      EXPECT_EQ(static_cast<bool>(*found), everywhere);
    };
    reaches([&](Connection& c) { return scans::find(c, us, theirs_.scan); });
    reaches([&](Connection& c) { return scans::set_pinned(c, us, theirs_.scan); });
    reaches([&](Connection& c) { return shares::find(c, us, theirs_.share.id); });
    reaches([&](Connection& c) { return shares::revoke(c, us, theirs_.share.id, kNow); });
    reaches([&](Connection& c) {
      return shares::patch(c, us, theirs_.share.id, {.label = everywhere ? "seen" : "stolen"});
    });
    reaches([&](Connection& c) { return uploads::find(c, us, theirs_.upload, kNow); });
    reaches([&](Connection& c) { return alerts::find(c, us, theirs_.alert); });
    reaches([&](Connection& c) { return webhooks::find(c, us, theirs_.webhook); });
    reaches([&](Connection& c) {
      return alerts::mark(c, us, theirs_.alert, {.note = everywhere ? "seen" : "stolen"});
    });
    reaches([&](Connection& c) { return schedules::find(c, us, theirs_.schedule); });
    reaches([&](Connection& c) { return schedules::of_scan(c, us, theirs_.scan); });
    const auto counts = [&](auto f, std::int64_t mine, std::int64_t all) {
      const auto found = forgetting(f, everywhere);
      ASSERT_TRUE(found) << found.error().internal;
      EXPECT_EQ(*found, everywhere ? all : mine);
    };
    const auto size = [](auto rows) -> Result<std::int64_t> {
      if (!rows) return tl::unexpected(rows.error());
      return static_cast<std::int64_t>(rows->size());
    };
    counts([&](Connection& c) { return size(keys::list(c, us, {})); }, 1, 2);
    counts([&](Connection& c) { return size(scans::list(c, us, {})); }, 1, 2);
    counts([&](Connection& c) { return size(shares::list(c, us, std::nullopt, {})); }, 1, 2);
    counts([&](Connection& c) { return size(shares::list(c, us, theirs_.scan, {})); }, 0, 1);
    counts([&](Connection& c) { return size(audit::list(c, us.str(), {}, {})); }, 1, 2);
    counts([&](Connection& c) { return size(scans::inventory(c, us, {})); }, 1, 2);
    counts([&](Connection& c) { return uploads::count(c, us, kNow); }, 1, 2);
    counts([&](Connection& c) { return size(alerts::list(c, us, {}, {})); }, 1, 2);
    counts([&](Connection& c) { return size(webhooks::list(c, us, {})); }, 1, 2);
    counts([&](Connection& c) { return size(webhooks::of_tenant(c, us)); }, 1, 2);
    counts([&](Connection& c) { return size(schedules::list(c, us, {})); }, 1, 2);
    counts([&](Connection& c) { return schedules::count(c, us); }, 1, 2);
    counts([&](Connection& c) { return size(schedules::runs(c, us, theirs_.schedule, {})); }, 0, 1);
    counts([&](Connection& c) { return webhooks::count(c, us); }, 1, 2);
    const deliveries::Filter of_theirs{.webhook = theirs_.webhook, .state = ""};
    counts([&](Connection& c) { return size(deliveries::list(c, us, of_theirs, {})); }, 0, 1);
    counts([&](Connection& c) { return size(alerts::standing(c, us, "", 9)); }, 1, 2);
    const auto ending = [&](Connection& c) -> Result<std::int64_t> {
      CARNET_TRY(rows, watch::certificates_ending(c, us, kNow, 9));
      return rows.empty() ? 0 : rows[0].endpoints;
    };
    counts(ending, 1, 2);
    counts([&](Connection& c) { return size(partners::invitations(c, us, {})); }, 1, 2);
    const retention::Age age{
        .before = kNow + std::chrono::days(1), .before_id = id<ScanId>(1'000'000), .now = kNow};
    counts([&](Connection& c) { return size(retention::aged(c, us, age, "", 100)); }, 1, 2);
  }
  EXPECT_EQ(as_superuser("SELECT count(*) FROM shares WHERE label = 'stolen'")[0][0], "0");
  EXPECT_EQ(as_superuser("SELECT count(*) FROM alerts WHERE note = 'stolen'")[0][0], "0");
}

TEST_F(RowSecurity, RepositoriesThatForgetTheirTenantChangeNothingOfAnother) {
  const TenantId& us = ours_.tenant;
  const std::string them = theirs_.tenant.str();
  const auto theirs_left = [&](const std::string& table) {
    return as_superuser(
               fmt::format("SELECT md5(string_agg({0}::text, ',' ORDER BY {0}::text)) FROM "
                           "{0} WHERE {1} = '{2}'",
                           table, owner_of(table), them))
        .front()
        .front();
  };
  std::map<std::string, std::string> before;
  for (const std::string& table : tables()) before[table] = theirs_left(table);
  const auto changes_nothing = [&](auto f) {
    const auto done = forgetting(f);
    ASSERT_TRUE(done) << done.error().internal;
    EXPECT_FALSE(*done);
  };
  changes_nothing([&](Connection& c) { return scans::erase(c, us, theirs_.scan); });
  changes_nothing([&](Connection& c) -> Result<bool> {
    CARNET_TRY(purged, alerts::purge(c, us, kNow + std::chrono::days(1), 0, 9));
    return purged > 0;
  });
  changes_nothing([&](Connection& c) { return partners::erase_invitation(c, us, theirs_.link); });
  changes_nothing([&](Connection& c) { return webhooks::erase(c, us, theirs_.webhook); });
  changes_nothing([&](Connection& c) { return schedules::erase(c, us, theirs_.schedule); });
  changes_nothing([&](Connection& c) {
    ScheduleRow row{.id = theirs_.schedule, .tenant_id = us, .scan = "{}", .notify = "{}"};
    return schedules::update(c, row);
  });
  changes_nothing([&](Connection& c) {
    return schedules::take_manual(c, {.id = theirs_.schedule, .tenant_id = us});
  });
  changes_nothing([&](Connection& c) -> Result<bool> {
    CARNET_TRY(held, deliveries::hold(c, us, theirs_.webhook.str()));
    return held > 0;
  });
  changes_nothing([&](Connection& c) {
    return retention::erase(c, us, theirs_.scan,
                            {.before = kNow + std::chrono::days(1), .before_id = {}, .now = kNow});
  });
  changes_nothing([&](Connection& c) { return scans::request_cancel(c, us, theirs_.scan, kNow); });
  changes_nothing([&](Connection& c) {
    return uploads::copy_to_scan(c, us, theirs_.upload, ours_.scan, kNow);
  });
  // Forgets which tenant's settings, which idempotency record: every row of the scope, no other.
  const auto runs = [&](auto f) {
    const auto done = forgetting([&](Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(f(c));
      return true;
    });
    EXPECT_TRUE(done) << done.error().internal;
  };
  runs([&](Connection& c) { return tenants::update_settings(c, us, R"({"changed":1})"); });
  runs([&](Connection& c) { return tenants::update_authorized_targets(c, us, "{}"); });
  runs([&](Connection& c) { return idempotency::erase(c, us.str(), "share.create", "k"); });
  EXPECT_EQ(as_superuser("SELECT count(*) FROM tenants WHERE settings LIKE '%changed%'")[0][0],
            "1");
  EXPECT_EQ(as_superuser("SELECT count(*) FROM idempotency")[0][0], "1");
  for (const bool put : {true, false}) {
    const auto refused = forgetting([&](Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(put ? scans::put_assets(c, us, theirs_.scan, {})
                          : scans::mark_latest(c, us, theirs_.scan, {{"h", 1}}));
      return true;
    });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kNotFound) << refused.error().internal;
  }
  for (const std::string& table : tables()) EXPECT_EQ(theirs_left(table), before[table]) << table;
}

TEST_F(RowSecurity, EveryTableOfATenantHasItEnabledAndForced) {
  // A table with tenant_id, and every table that refers to one, however far, is a tenant's.
  const auto rows = as_superuser(
      "WITH RECURSIVE of_tenant AS (SELECT 'tenants'::regclass::oid AS oid UNION SELECT attrelid "
      "FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attname = 'tenant_id' AND "
      "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') UNION SELECT conrelid FROM "
      "pg_constraint JOIN of_tenant ON confrelid = of_tenant.oid) "
      "SELECT relname, relrowsecurity, relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE "
      "polrelid = pg_class.oid AND polcmd = '*' AND polpermissive AND polroles = '{0}'), (SELECT "
      "count(*) FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive) FROM pg_class JOIN "
      "of_tenant USING (oid)");
  std::set<std::string> of_tenants;
  for (const auto& row : rows) {
    of_tenants.insert(row[0]);
    EXPECT_EQ(row[1], "t") << row[0] << ": ENABLE ROW LEVEL SECURITY is missing";
    EXPECT_EQ(row[2], "t") << row[0] << ": FORCE ROW LEVEL SECURITY is missing";
    EXPECT_EQ(row[3] + " of " + row[4], "1 of 1")
        << row[0] << ": it has one policy that permits, for all";
  }
  for (const std::string& table : tables())
    EXPECT_TRUE(of_tenants.contains(table))
        << table << " leads to no tenant; if it is nobody's, say so in kOfNobody and in the README";
}

TEST_F(RowSecurity, TheServingRoleCannotGetAroundIt) {
  EXPECT_EQ(as_superuser("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin, "
                         "rolinherit, rolreplication FROM pg_roles WHERE rolname = 'carnet_app'"),
            (test::PgCluster::Rows{{"f", "f", "f", "f", "f", "f", "f"}}));
  EXPECT_EQ(as_superuser("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'carnet'"),
            (test::PgCluster::Rows{{"f", "f"}}));
  EXPECT_EQ(as_superuser("SELECT (SELECT count(*) FROM pg_class WHERE relowner = r.oid) + (SELECT "
                         "count(*) FROM pg_proc WHERE proowner = r.oid) + (SELECT count(*) FROM "
                         "pg_namespace WHERE nspowner = r.oid) + (SELECT count(*) FROM pg_database "
                         "WHERE datdba = r.oid) + (SELECT count(*) FROM pg_auth_members WHERE "
                         "member = r.oid) FROM pg_roles r WHERE rolname = 'carnet_app'")[0][0],
            "0");
  EXPECT_EQ(as_superuser("SELECT count(*) FROM pg_class WHERE relnamespace = "
                         "'public'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege("
                         "'carnet_app', oid, 'TRUNCATE, REFERENCES, TRIGGER')")[0][0],
            "0");
  EXPECT_EQ(as_superuser("SELECT has_schema_privilege('carnet_app', 'public', 'CREATE')")[0][0],
            "f");
  // Who the program's connections are, and what they cannot do.
  EXPECT_EQ(rows_under("", "SELECT 1 WHERE current_user = 'carnet_app'"), 1);
  for (const char* sql :
       {"ALTER TABLE scans DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE scans NO FORCE ROW LEVEL SECURITY", "DROP POLICY of_tenant ON scans",
        "TRUNCATE scans CASCADE", "DROP TABLE scans CASCADE", "CREATE TABLE public.mine (n BIGINT)",
        "DELETE FROM log_entries", "UPDATE log_checkpoints SET note = ''",
        "ALTER ROLE carnet_app BYPASSRLS"})
    EXPECT_FALSE(under("*", sql)) << sql;
  // The owner is bound as well.
  EXPECT_EQ(test::PgCluster::shared().query(postgres_->name(), "SELECT count(*) FROM scans",
                                            "carnet")[0][0],
            "0");
  EXPECT_THROW(
      static_cast<void>(test::PgCluster::shared().query(
          postgres_->name(), "SET row_security = off; SELECT count(*) FROM scans", "carnet")),
      std::runtime_error);
}

}  // namespace
}  // namespace carnet::store
