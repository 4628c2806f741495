// The audit trail's chain against whoever changes the database, and the removal of a tenant, also
// when it is broken off.

#include "service/governance.h"

#include <list>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/tests/shell.h"
#include "service/signing_keys.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

using std::chrono::hours;

class GovernanceTest : public ServiceTest {
 protected:
  GovernanceTest() : keys(make_keys()), governance(make()) {}

  SigningKeysNow make_keys() {
    const KeySeal seal{.kind = KeySeal::Kind::kPassphrase, .secret = Secret("a long passphrase")};
    const auto file = new_key_file(seal, clock.now(), random);
    EXPECT_TRUE(file.has_value());
    return open_key_file(*file, seal).value();
  }
  std::unique_ptr<Governance> make() {
    return std::make_unique<Governance>(*db, clock, random, log, keys);
  }
  Actor admin(const std::string& name) {
    Actor actor = make_tenant(name);
    actor.role = Role::kAdmin;
    const auto key = run_task(
        tenancy.issue_key(platform(), actor.tenant, {.label = "admin", .role = Role::kAdmin}));
    EXPECT_TRUE(key.has_value());
    actor.key = key->row.id;
    key_text = key->token.expose();
    return actor;
  }
  // Settings that change `count` times, each a row of the trail.
  void change_settings(const Actor& actor, int count) {
    for (int i = 0; i < count; ++i) {
      clock.advance(std::chrono::milliseconds(5));
      Settings settings;
      settings.branding_name = "name " + std::to_string(i);
      ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)).has_value());
    }
  }
  AuditVerdict verdict(const Actor& actor) {
    const auto out = run_task(governance->verify_audit(actor.tenant));
    EXPECT_TRUE(out.has_value()) << out.error().public_detail;
    return out.value_or(AuditVerdict{});
  }
  std::string read_all(TextSource& source) {
    std::string out;
    while (true) {
      auto piece = run_task(source.next());
      EXPECT_TRUE(piece.has_value()) << piece.error().internal;
      if (!piece || !*piece) return out;
      out += **piece;
    }
  }
  // Runs a statement as who has the database's file, not as the program.
  void tamper(const std::string& sql) { database.run_beside(sql); }
  std::int64_t number(const std::string& sql) {
    static std::list<std::string> kept;
    const std::string& text = kept.emplace_back(sql);
    return in_db<std::int64_t>([&](store::Connection& c) -> Result<std::int64_t> {
             std::int64_t out = 0;
             CARNET_TRY_VOID(c.run(text, {}, [&](const store::Row& r) { out = r.integer(0); }));
             return out;
           })
        .value();
  }
  int work(int steps_max = 10000) {
    int steps = 0;
    while (true) {
      const auto made = run_task(governance->tick(steps_max));
      EXPECT_TRUE(made.has_value()) << made.error().internal << made.error().public_detail;
      if (!made || *made == 0) return steps;
      steps += *made;
    }
  }

  SigningKeys keys;
  std::unique_ptr<Governance> governance;
  std::string key_text;
};

TEST_F(GovernanceTest, SealedRowsFollowEachOtherAndTheHeadIsSigned) {
  const Actor actor = admin("acme");
  change_settings(actor, 3);
  EXPECT_TRUE(run_task(governance->sealer().tick()).has_value());
  const AuditVerdict whole = verdict(actor);
  EXPECT_FALSE(whole.fault) << whole.fault->reason;
  EXPECT_EQ(whole.rows, 5);  // tenant, key, three changes
  EXPECT_EQ(whole.head.seq, 5);
  // It goes on from there, also by another instance.
  change_settings(actor, 2);
  auto other = make();
  EXPECT_EQ(run_task(other->sealer().tick()).value(), 2);
  EXPECT_EQ(run_task(governance->sealer().tick()).value(), 0);
  EXPECT_EQ(verdict(actor).head.seq, 7);
  other->stop();
}

TEST_F(GovernanceTest, BeforeAndAfterStandInTheTrail) {
  const Actor actor = admin("acme");
  change_settings(actor, 2);
  const auto rows = audit_of(actor.tenant, "settings.update");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NE(rows[0].before.find("name 0"), std::string::npos);
  EXPECT_NE(rows[0].after.find("name 1"), std::string::npos);
  EXPECT_EQ(rows[0].key_id, actor.key.str());
  EXPECT_EQ(rows[0].role, "admin");
  const auto targets = run_task(tenancy.put_authorized_targets(
      actor, {.domains = {"example.org"}, .cidrs = {}, .attestation = "We own these systems."}));
  ASSERT_TRUE(targets.has_value());
  const auto attested = audit_of(actor.tenant, "authorized_targets.update");
  ASSERT_EQ(attested.size(), 1U);
  EXPECT_EQ(attested[0].before, "{}");
  EXPECT_NE(attested[0].after.find("We own these systems."), std::string::npos);
}

TEST_F(GovernanceTest, TamperingIsFoundWhereItIs) {
  struct Case {
    const char* name;
    const char* sql;
    std::int64_t seq;
  };
  // %T is the tenant. Row 4 is the second change of the settings.
  const Case cases[] = {
      {"altered", "UPDATE audit SET after_json = '{}' WHERE tenant_id = '%T' AND seq = 4", 4},
      {"actor", "UPDATE audit SET actor = 'key_other' WHERE tenant_id = '%T' AND seq = 4", 4},
      {"deleted", "DELETE FROM audit WHERE tenant_id = '%T' AND seq = 4", 4},
      {"swapped",
       "UPDATE audit SET seq = -1 WHERE tenant_id = '%T' AND seq = 4;"
       "UPDATE audit SET seq = 4 WHERE tenant_id = '%T' AND seq = 5;"
       "UPDATE audit SET seq = 5 WHERE tenant_id = '%T' AND seq = -1",
       4},
      {"put in",
       "UPDATE audit SET seq = seq + 100 WHERE tenant_id = '%T' AND seq > 4;"
       "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail, seq, "
       "prev_hash, hash) SELECT 'aud_forged', tenant_id, at, actor, action, subject, request_id, "
       "detail, 5, hash, hash FROM audit WHERE tenant_id = '%T' AND seq = 4;"
       "UPDATE audit SET seq = seq - 99 WHERE tenant_id = '%T' AND seq > 100",
       5},
      {"put behind the head",
       "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail, seq, "
       "prev_hash, hash) SELECT 'aud_behind', tenant_id, at, actor, action, subject, request_id, "
       "detail, 7, hash, hash FROM audit WHERE tenant_id = '%T' AND seq = 6",
       7},
      {"truncated", "DELETE FROM audit WHERE tenant_id = '%T' AND seq > 4", 5},
      {"truncated with its head",
       "DELETE FROM audit WHERE tenant_id = '%T' AND seq > 4;"
       "UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit WHERE tenant_id = '%T' AND "
       "seq = 4) WHERE tenant_id = '%T'",
       4},
      {"head gone", "DELETE FROM audit_heads WHERE tenant_id = '%T'", 1},
      {"head not signed", "UPDATE audit_heads SET signature = '' WHERE tenant_id = '%T'", 6},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const Actor actor = admin(std::string("t ") + one.name);
    change_settings(actor, 4);
    ASSERT_FALSE(verdict(actor).fault);
    std::string sql = one.sql;
    for (std::size_t at = 0; (at = sql.find("%T", at)) != std::string::npos;)
      sql.replace(at, 2, actor.tenant.str());
    tamper(sql);
    const AuditVerdict broken = verdict(actor);
    ASSERT_TRUE(broken.fault);
    EXPECT_EQ(broken.fault->seq, one.seq) << broken.fault->reason;
    EXPECT_FALSE(broken.fault->reason.empty());
  }
}

// Whoever rewrites all hashes has no key for the head.
TEST_F(GovernanceTest, ARewrittenChainIsFoundByItsHead) {
  const Actor actor = admin("acme");
  change_settings(actor, 3);
  ASSERT_FALSE(verdict(actor).fault);
  auto rows = in_db<std::vector<store::AuditRow>>([&](store::Connection& c) {
                return store::audit::sealed_after(c, actor.tenant.str(), 0, 100);
              }).value();
  std::string before(kAuditNoHash);
  std::string sql;
  for (store::AuditRow& row : rows) {
    if (row.seq == 3) row.actor = "key_other";
    row.prev_hash = before;
    row.hash = before = audit_hash(row);
    sql +=
        fmt::format("UPDATE audit SET actor = '{}', prev_hash = '{}', hash = '{}' WHERE id = '{}';",
                    row.actor, row.prev_hash, row.hash, row.id.str());
  }
  sql += fmt::format("UPDATE audit_heads SET hash = '{}' WHERE tenant_id = '{}'", before,
                     actor.tenant.str());
  tamper(sql);
  const AuditVerdict broken = verdict(actor);
  ASSERT_TRUE(broken.fault);
  EXPECT_EQ(broken.fault->reason, "The head's Ed25519 signature is not over this head.");
}

TEST_F(GovernanceTest, RowsOfBeforeTheChainAreSealedInTheirOrder) {
  const Actor actor = admin("acme");
  change_settings(actor, 1200);  // more than one step of the sealer
  EXPECT_EQ(run_task(governance->sealer().tick()).value(), 1202);
  EXPECT_EQ(number("SELECT count(*) FROM audit a JOIN audit b ON a.tenant_id = b.tenant_id AND "
                   "a.seq = b.seq + 1 AND a.id < b.id"),
            0);
  EXPECT_FALSE(verdict(actor).fault);
}

TEST_F(GovernanceTest, TheExportIsTheChainAndChecksByItself) {
  const Actor actor = admin("acme");
  change_settings(actor, 2);
  auto source = run_task(governance->export_audit(actor, AuditFormat::kNdjson));
  ASSERT_TRUE(source.has_value());
  const std::string text = read_all(**source);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(lines.size(), 5U);
  std::string before(kAuditNoHash);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    auto object = json::parse(lines[i])->as_object();
    const std::string hash(object["hash"].as_string());
    EXPECT_EQ(object["prevHash"].as_string(), before);
    object.erase("hash");
    EXPECT_EQ(crypto::sha256_hex(json::write_canonical(object)), hash);
    before = hash;
  }
  const auto head = json::parse(lines.back())->as_object();
  EXPECT_EQ(head.at("head").as_object().at("hash").as_string(), before);
  EXPECT_EQ(head.at("signatures").as_array().size(), 2U);
  EXPECT_EQ(audit_of(actor.tenant, "audit.export").size(), 1U);
}

TEST_F(GovernanceTest, ErasingLeavesTenantKeysSettingsAndTrail) {
  const Actor actor = admin("acme");
  const Actor other = admin("other");
  change_settings(actor, 1);
  for (int i = 0; i < 3; ++i) submit_sample(actor);
  submit_sample(other);
  const auto wrong = run_task(governance->erase_data(actor, "not-it"));
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, ErrorCode::kValidationFailed);
  ASSERT_TRUE(run_task(governance->erase_data(actor, "acme")).has_value());
  const auto again = run_task(governance->erase_data(actor, "acme"));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::kTenantClosing);
  // Nothing new begins while it is erased.
  ScanRequest request;
  request.scenario_id = kSample;
  request.use_fixture = true;
  EXPECT_EQ(run_task(scans.submit(actor, request)).error().code, ErrorCode::kTenantClosing);
  EXPECT_GT(work(), 2);
  const std::string id = actor.tenant.str();
  EXPECT_EQ(number("SELECT count(*) FROM scans WHERE tenant_id = '" + id + "'"), 0);
  EXPECT_EQ(number("SELECT scan_count FROM tenants WHERE id = '" + id + "'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM scans"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM api_keys WHERE tenant_id = '" + id + "'"), 1);
  EXPECT_EQ(run_task(tenancy.settings(actor.tenant)).value().branding_name, "name 0");
  EXPECT_FALSE(run_task(governance->removal(actor.tenant)).value());
  EXPECT_TRUE(run_task(scans.submit(actor, request)).has_value());
  const auto told = audit_of(actor.tenant, "tenant.erased");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].detail.find("\"deletedScans\":3"), std::string::npos) << told[0].detail;
  EXPECT_FALSE(verdict(actor).fault);
}

TEST_F(GovernanceTest, ClosingWaitsForItsEndAndCanBeCancelled) {
  const Actor actor = admin("acme");
  submit_sample(actor);
  ASSERT_TRUE(run_task(governance->offboard(actor, "acme", 30)).has_value());
  clock.advance(hours(30 * 24) - std::chrono::seconds(1));
  EXPECT_EQ(work(), 0);
  EXPECT_EQ(run_task(tenancy.authenticate(key_text)).value().actor.tenant_state,
            store::TenantState::kClosing);
  ASSERT_TRUE(run_task(governance->cancel_offboarding(actor)).has_value());
  clock.advance(hours(24));
  EXPECT_EQ(work(), 0);
  EXPECT_EQ(run_task(tenancy.authenticate(key_text)).value().actor.tenant_state,
            store::TenantState::kActive);
  EXPECT_EQ(run_task(governance->cancel_offboarding(actor)).error().code, ErrorCode::kConflict);
  const auto told = audit_of(actor.tenant, "tenant.offboard");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NE(told[1].after.find("\"closing\""), std::string::npos);
}

// Each step by another process, so that one may die after any of them.
TEST_F(GovernanceTest, ClosingGoesOnAfterEveryStep) {
  const Actor other = admin("other");
  const Actor actor = admin("acme");
  change_settings(actor, 3);
  for (int i = 0; i < 3; ++i) submit_sample(actor);
  submit_sample(other);
  ASSERT_TRUE(run_task(governance->offboard(actor, "acme", 1)).has_value());
  clock.advance(hours(24));
  int steps = 0;
  while (true) {
    governance->stop();
    governance = make();
    const auto made = run_task(governance->tick(1));
    ASSERT_TRUE(made.has_value()) << made.error().internal;
    if (*made == 0) break;
    ASSERT_LT(++steps, 200);
    if (steps == 1)
      EXPECT_EQ(run_task(governance->cancel_offboarding(actor)).error().code, ErrorCode::kConflict);
  }
  EXPECT_GT(steps, 5);
  const std::string id = actor.tenant.str();
  for (const store::TenantTable& table : store::tenant_tables())
    EXPECT_EQ(in_db<bool>([&](store::Connection& c) {
                return store::governance::has_rows(c, table, actor.tenant);
              }).value(),
              false)
        << table.name;
  EXPECT_EQ(number("SELECT count(*) FROM tenants WHERE id = '" + id + "'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM audit WHERE tenant_id = '" + id + "'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM scans"), 1);
  // The end of its trail and the platform's word stay.
  EXPECT_EQ(
      number("SELECT count(*) FROM audit_heads WHERE signature <> '' AND tenant_id = '" + id + "'"),
      1);
  const auto told = run_task(list_audit(*db, TenantId(), {.action_prefix = "tenant.closed"},
                                        {.before = "", .limit = 10}))
                        .value();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].detail.find("\"deletedScans\":3"), std::string::npos) << told[0].detail;
  EXPECT_EQ(told[0].subject, id);
  EXPECT_EQ(run_task(tenancy.authenticate(key_text)).error().code, ErrorCode::kUnauthenticated);
}

TEST_F(GovernanceTest, TheArchiveHoldsEverythingButSecrets) {
  const Actor actor = admin("acme");
  change_settings(actor, 1);
  for (int i = 0; i < 120; ++i) submit_sample(actor, "label " + std::to_string(i));
  auto source = run_task(governance->export_tenant(actor));
  ASSERT_TRUE(source.has_value());
  const std::string zip = read_all(**source);
  EXPECT_EQ(zip.substr(0, 4), "PK\x03\x04");
  EXPECT_EQ(zip.find("secret"), std::string::npos);
  EXPECT_EQ(audit_of(actor.tenant, "tenant.export").size(), 1U);
}

// The lines of one file of an archive.
std::vector<std::string> lines_of(const std::string& zip, const std::string& name) {
  const test::TempDir folder;
  evidence::test::write_file(folder.file("all.zip"), zip);
  const std::string text = evidence::test::shell("unzip -p " + folder.file("all.zip") + " " + name);
  std::vector<std::string> lines;
  for (std::istringstream in(text); std::getline(in, lines.emplace_back());) {
  }
  lines.pop_back();
  return lines;
}

TEST_F(GovernanceTest, TheArchiveIsOneStateAndItsTrailTellsOfAllOfIt) {
  const Actor actor = admin("acme");
  change_settings(actor, 1);
  constexpr std::size_t kScans = 20;
  for (std::size_t i = 0; i < kScans; ++i) submit_sample(actor);
  clock.advance(std::chrono::seconds(1));
  auto source = run_task(governance->export_tenant(actor));
  ASSERT_TRUE(source.has_value()) << source.error().internal;
  std::string zip = run_task((*source)->next()).value().value_or("");
  // Everything goes, and other things come, before the tables are read.
  for (const store::TenantTable& table : store::tenant_tables())
    while (in_db<std::int64_t>([&](store::Connection& c) {
             return table.on_erase == store::OnErase::kDelete
                        ? store::governance::erase_page(c, table, actor.tenant)
                        : Result<std::int64_t>(0);
           }).value() > 0) {
    }
  const std::string later = submit_sample(actor).str();
  change_settings(actor, 3);
  zip += read_all(**source);

  const auto scans_in = lines_of(zip, "scans.ndjson");
  EXPECT_EQ(scans_in.size(), kScans);
  for (const std::string& line : scans_in) EXPECT_EQ(line.find(later), std::string::npos);
  ASSERT_EQ(lines_of(zip, "settings.ndjson").size(), 1U);
  EXPECT_NE(lines_of(zip, "settings.ndjson")[0].find("name 0"), std::string::npos);
  // The trail has every scan's entry and, as the last, that of the export itself.
  const auto trail = lines_of(zip, "audit.ndjson");
  ASSERT_EQ(trail.size(), 3 + kScans + 1 + 1);
  EXPECT_NE(trail[trail.size() - 2].find("\"tenant.export\""), std::string::npos);
  std::istringstream file(fmt::format("{}\n", fmt::join(trail, "\n")));
  const auto checked = check_audit_lines(file, keys.current()->published);
  ASSERT_TRUE(checked.has_value());
  EXPECT_FALSE(checked->fault);
}

TEST_F(GovernanceTest, AnExportThatTakesTooLongBreaksOff) {
  const Actor actor = admin("acme");
  auto source = run_task(governance->export_tenant(actor));
  ASSERT_TRUE(source.has_value());
  ASSERT_TRUE(run_task((*source)->next()).has_value());
  clock.advance(kExportTimeMax);
  ASSERT_TRUE(run_task((*source)->next()).has_value());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(run_task((*source)->next()).error().code, ErrorCode::kUnavailable);
}

TEST_F(GovernanceTest, SoManyExportsAtOnceOfATenantAndOfAll) {
  const std::vector<Actor> actors = {admin("one"), admin("two"), admin("three")};
  std::vector<std::unique_ptr<TextSource>> running;
  const auto begin = [&](const Actor& actor) {
    auto one = run_task(governance->export_tenant(actor));
    if (!one) return one.error().code == ErrorCode::kUnavailable ? 0 : -1;
    running.push_back(std::move(*one));
    return 1;
  };
  for (int i = 0; i < Governance::kTenantExportsMax; ++i) EXPECT_EQ(begin(actors[0]), 1);
  EXPECT_EQ(begin(actors[0]), 0);
  for (int i = Governance::kTenantExportsMax; i < Governance::kExportsMax; ++i)
    EXPECT_EQ(begin(actors[1]), 1);
  EXPECT_EQ(begin(actors[2]), 0);
  running.erase(running.begin());
  EXPECT_EQ(begin(actors[2]), 1);
  running.clear();
  EXPECT_EQ(begin(actors[0]), 1);
}

}  // namespace
}  // namespace carnet::service
