// Every kind of alert: raised once, kept while it lasts, resolved by itself, back as a new one.
#include "service/alerts.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "assess/judge.h"
#include "base/json.h"
#include "service/drift.h"
#include "service/scan_document.h"
#include "service/scan_ended.h"
#include "service/tests/fixture.h"
#include "service/tests/tenant_state.h"
#include "store/remediation.h"
#include "store/webhooks.h"

namespace carnet::service {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AlertsTest : public ServiceTest {
 protected:
  AlertsTest()
      : actor(make_tenant("Acme")),
        outbox(random),
        alerts(*db, clock, random, log, outbox, {.pass_every = hours(1), .tenants_at_once = 2}),
        ended(outbox, alerts.counts(), random) {
    const auto scenario = assess::find_scenario(kSample, clock.now());
    for (const inventory::Endpoint& endpoint : scenario->endpoints)
      if (endpoint.tls && endpoint.reached && endpoints.size() < 3) endpoints.push_back(endpoint);
    // So that nothing of the sample itself comes near its end.
    for (inventory::Endpoint& endpoint : endpoints) set_end(endpoint, days(400));
  }

  std::string profile = "standard";  // of the next scan

  // A certificate of its own for each endpoint.
  void set_end(inventory::Endpoint& endpoint, std::chrono::milliseconds from_now) {
    std::vector<inventory::Certificate> list(endpoint.tls->certificates.begin(),
                                             endpoint.tls->certificates.end());
    for (inventory::Certificate& certificate : list) {
      certificate.not_after = clock.now() + from_now;
      certificate.sha256 = std::to_string(++certificates_made) + endpoint.host;
    }
    endpoint.tls->certificates = std::move(list);
  }
  static inventory::Endpoint without_hybrid(inventory::Endpoint endpoint) {
    std::vector<inventory::TlsGroupSupport> groups(endpoint.tls->groups.begin(),
                                                   endpoint.tls->groups.end());
    for (auto& group : groups)
      group.state = group.kind == "classical" ? inventory::Support::kSupported
                                              : inventory::Support::kUnsupported;
    endpoint.tls->groups = std::move(groups);
    endpoint.tls->handshake_proof.group = "x25519";
    return endpoint;
  }
  static inventory::Endpoint with_hybrid(inventory::Endpoint endpoint) {
    std::vector<inventory::TlsGroupSupport> groups(endpoint.tls->groups.begin(),
                                                   endpoint.tls->groups.end());
    for (auto& group : groups)
      if (group.state == inventory::Support::kPreferred)
        group.state = inventory::Support::kSupported;
    groups.insert(groups.begin(), {.codepoint = 0x11EC,
                                   .name = "X25519MLKEM768",
                                   .kind = "hybrid",
                                   .state = inventory::Support::kPreferred});
    endpoint.tls->groups = std::move(groups);
    endpoint.tls->handshake_proof.group = "X25519MLKEM768";
    return endpoint;
  }
  static inventory::Endpoint away(const inventory::Endpoint& endpoint) {
    inventory::Endpoint out;
    out.id = endpoint.id;
    out.host = endpoint.host;
    out.port = endpoint.port;
    out.unreached_reason = "connection refused";
    return out;
  }

  store::ScanRow scan_row(bool sample = false) {
    store::ScanRow row;
    row.id = ScanId::generate(clock.now(), random);
    row.tenant_id = actor.tenant;
    row.status = "running";
    row.target = "the estate";
    row.request = "{}";
    row.profile = profile;
    row.sample = sample;
    row.created_at = clock.now();
    return row;
  }
  // What the worker does with a scan of `endpoints` that ends now.
  AlertChanges finish(bool complete = true, std::optional<double> score = 50) {
    clock.advance(hours(1));
    const store::ScanRow row = scan_row();
    DocumentHead head;
    head.scan_id = row.id.str();
    head.profile = profile;
    head.finished_at = clock.now();
    const auto document =
        std::make_shared<const inventory::ScanDocument>(judge_scan(head, endpoints));
    const auto work = [&](store::Connection& connection) -> Result<AlertChanges> {
      CARNET_TRY_VOID(store::scans::insert(connection, row));
      CARNET_TRY(made, make_drift(connection, actor.tenant, *document, random));
      const auto drift = std::make_shared<const DriftRecord>(std::move(made));
      CARNET_TRY(facts, ScanEnded::look(connection, actor.tenant, document, drift, complete));
      CARNET_TRY_VOID(store_drift(connection, actor.tenant, *drift));
      CARNET_TRY_VOID(store::scans::put_assets(connection, actor.tenant, row.id,
                                               asset_rows(*document, 0, 1000)));
      CARNET_TRY_VOID(store::scans::mark_latest(connection, actor.tenant, row.id,
                                                final_rows(*document).reached));
      return ended.apply(connection, {.scan = row,
                                      .status = complete ? "success" : "error",
                                      .error_detail = complete ? "" : "It ran out of time.",
                                      .score = complete ? score : std::nullopt,
                                      .band = "At Risk",
                                      .reached = 1,
                                      .endpoints = 1,
                                      .at = clock.now(),
                                      .facts = facts});
    };
    last_scan = row.id.str();
    const auto changes = run_task(db->write<AlertChanges>(work));
    EXPECT_TRUE(changes.has_value()) << changes.error().internal;
    return changes.value_or(AlertChanges{});
  }
  std::vector<store::AlertRow> list(store::alerts::Filter filter = {}) {
    const auto rows = run_task(alerts.list(actor.tenant, {.filter = std::move(filter), .since = {}},
                                           {.before = "", .limit = 100}));
    EXPECT_TRUE(rows.has_value()) << rows.error().internal;
    return rows.value_or(std::vector<store::AlertRow>{});
  }
  std::vector<store::AlertRow> of_kind(const std::string& kind) { return list({.kind = kind}); }
  void tick() {
    for (int i = 0; i < 10 && run_task(alerts.tick(clock.now())); ++i) {
    }
  }
  void set(const Settings& settings) {
    ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)).has_value());
  }
  static std::vector<std::string> kinds(const std::vector<store::AlertRow>& rows) {
    std::vector<std::string> out;
    out.reserve(rows.size());
    for (const store::AlertRow& row : rows) out.push_back(row.kind);
    return out;
  }

  Actor actor;
  Outbox outbox;
  Alerts alerts;
  ScanEnded ended;
  std::vector<inventory::Endpoint> endpoints;
  std::string last_scan;
  int certificates_made = 0;
};

TEST_F(AlertsTest, AFirstScanAndAnEqualOneRaiseNothing) {
  EXPECT_THAT(finish().raised, IsEmpty());
  EXPECT_THAT(finish().raised, IsEmpty());
  tick();
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(AlertsTest, LosingTheHybridIsRaisedOnceAndResolvedByTheScanThatSeesItAgain) {
  endpoints[0] = with_hybrid(endpoints[0]);
  finish();
  const inventory::Endpoint good = endpoints[0];
  endpoints[0] = without_hybrid(good);
  EXPECT_THAT(kinds(finish().raised), ElementsAre("hybrid_lost"));
  const std::string raised_by = last_scan;
  EXPECT_THAT(finish().raised, IsEmpty());
  const auto standing = of_kind("hybrid_lost");
  ASSERT_THAT(standing, SizeIs(1));
  EXPECT_EQ(standing[0].status, "open");
  EXPECT_EQ(standing[0].count, 2);
  EXPECT_EQ(standing[0].scan_id, raised_by);
  EXPECT_EQ(standing[0].last_scan_id, last_scan);
  EXPECT_EQ(standing[0].host, good.host);
  EXPECT_GT(standing[0].last_seen_at, standing[0].first_seen_at);

  endpoints[0] = good;
  EXPECT_THAT(kinds(finish().resolved), ElementsAre("hybrid_lost"));
  EXPECT_EQ(of_kind("hybrid_lost")[0].resolved_scan, last_scan);
  EXPECT_EQ(of_kind("hybrid_lost")[0].resolved_at, clock.now());

  endpoints[0] = without_hybrid(good);
  EXPECT_THAT(finish().raised, SizeIs(1));
  const auto both = of_kind("hybrid_lost");
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0].status, "open");
  EXPECT_EQ(both[1].status, "resolved");
}

TEST_F(AlertsTest, AnAcknowledgementLastsUntilTheAlertIsResolved) {
  endpoints[0] = with_hybrid(endpoints[0]);
  finish();
  const inventory::Endpoint good = endpoints[0];
  endpoints[0] = without_hybrid(good);
  finish();
  const AlertId id = list()[0].id;
  const auto marked =
      run_task(alerts.patch(actor, id, {.status = "acknowledged", .note = "Wanted."}));
  ASSERT_TRUE(marked.has_value());
  EXPECT_EQ(marked->status, "acknowledged");
  EXPECT_EQ(marked->acknowledged_by, actor.key.str());
  EXPECT_THAT(finish().raised, IsEmpty());
  const auto still = run_task(alerts.find(actor.tenant, id)).value();
  EXPECT_EQ(still.status, "acknowledged");
  EXPECT_EQ(still.note, "Wanted.");
  EXPECT_EQ(still.count, 2);
  const auto reopened = run_task(alerts.patch(actor, id, {.status = "open", .note = {}}));
  EXPECT_EQ(reopened->status, "open");
  EXPECT_EQ(reopened->note, "Wanted.");
  EXPECT_EQ(reopened->acknowledged_at, std::nullopt);
  EXPECT_THAT(audit_of(actor.tenant, "alert.update"), SizeIs(2));

  endpoints[0] = good;
  finish();
  EXPECT_EQ(run_task(alerts.patch(actor, id, {.status = "open", .note = {}})).error().code,
            ErrorCode::kConflict);
  const Actor other = make_tenant("Other");
  EXPECT_EQ(run_task(alerts.find(other.tenant, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(alerts.patch(other, id, {.status = "open", .note = {}})).error().code,
            ErrorCode::kNotFound);
}

TEST_F(AlertsTest, ADropOfTheScoreStandsUntilTheScoreIsBack) {
  finish(true, 60);
  EXPECT_THAT(finish(true, 56).raised, IsEmpty());  // less than five points
  const auto dropped = finish(true, 40);
  ASSERT_THAT(kinds(dropped.raised), ElementsAre("score_drop"));
  EXPECT_THAT(dropped.raised[0].message, HasSubstr("from 56.0 to 40.0"));
  EXPECT_EQ(dropped.raised[0].severity, "medium");
  EXPECT_THAT(finish(true, 30).raised, IsEmpty());
  EXPECT_EQ(of_kind("score_drop")[0].severity, "high");
  EXPECT_THAT(finish(true, 45).resolved, IsEmpty());
  EXPECT_THAT(kinds(finish(true, 52).resolved), ElementsAre("score_drop"));
  set({.alert_score_drop = 20});
  EXPECT_THAT(finish(true, 40).raised, IsEmpty());
  EXPECT_THAT(finish(true, 19).raised, SizeIs(1));
}

TEST_F(AlertsTest, TheScoreOfAQuickScanIsComparedWithThatOfAQuickOne) {
  finish(true, 60);
  profile = "quick";
  EXPECT_THAT(finish(true, 90).raised, IsEmpty());
  profile = "standard";
  EXPECT_THAT(finish(true, 60).raised, IsEmpty());
  profile = "quick";
  const auto dropped = finish(true, 80);
  ASSERT_THAT(kinds(dropped.raised), ElementsAre("score_drop"));
  EXPECT_THAT(dropped.raised[0].message, HasSubstr("from 90.0 to 80.0"));
}

TEST_F(AlertsTest, AVulnerableAssetThatWasNotThereIsNewButNotThoseOfAFirstScan) {
  endpoints[0] = with_hybrid(endpoints[0]);
  const inventory::Endpoint late = endpoints.back();
  endpoints.pop_back();
  finish();
  // Another set of targets: nobody scanned it before.
  endpoints.push_back(late);
  EXPECT_THAT(finish().raised, IsEmpty());
  // The same targets, of which one was away at first.
  const auto last = endpoints.back();
  endpoints.back() = away(last);
  endpoints.back().port = 8443;
  endpoints.back().host = "late.example";
  finish();
  endpoints.back() = last;
  endpoints.back().port = 8443;
  endpoints.back().host = "late.example";
  const auto changes = finish();
  ASSERT_FALSE(changes.raised.empty());
  for (const store::AlertRow& row : changes.raised) {
    EXPECT_EQ(row.kind, "new_quantum_vulnerable_asset");
    EXPECT_EQ(row.host, "late.example");
    EXPECT_EQ(row.subject.substr(0, 4), "ast_");
  }
  EXPECT_THAT(finish().raised, IsEmpty());
  // What cannot be judged is not safe.
  endpoints.back().tls->certificates = std::vector<inventory::Certificate>{};
  EXPECT_THAT(finish().resolved, IsEmpty());
  // Signatures of ML-DSA are.
  std::vector<inventory::Certificate> safe(last.tls->certificates.begin(),
                                           last.tls->certificates.end());
  for (inventory::Certificate& certificate : safe) {
    certificate.key_algorithm = certificate.signature_algorithm = "ML-DSA-65";
    certificate.key_bits = 0;
    certificate.curve.clear();
  }
  endpoints.back().tls->certificates = std::move(safe);
  const auto better = finish();
  ASSERT_FALSE(better.resolved.empty());
  EXPECT_THAT(better.resolved[0].resolved_reason, HasSubstr("not quantum-vulnerable any more"));
  EXPECT_EQ(better.resolved[0].resolved_scan, last_scan);
}

TEST_F(AlertsTest, AnEndpointIsGoneAfterTwoScansThatTried) {
  finish();
  const inventory::Endpoint good = endpoints[0];
  endpoints[0] = away(good);
  EXPECT_THAT(finish().raised, IsEmpty());
  EXPECT_THAT(finish(false).raised,
              Not(testing::Contains(testing::Field(&store::AlertRow::kind, "endpoint_gone"))));
  EXPECT_THAT(kinds(finish().raised), ElementsAre("endpoint_gone"));
  EXPECT_THAT(finish().raised, IsEmpty());
  EXPECT_EQ(of_kind("endpoint_gone")[0].count, 2);
  endpoints[0] = good;
  EXPECT_THAT(kinds(finish().resolved), ElementsAre("endpoint_gone"));
  endpoints[0] = away(good);
  EXPECT_THAT(finish().raised, IsEmpty());
  set({.endpoint_gone_scans = 1});
  EXPECT_THAT(finish().raised, SizeIs(1));
}

TEST_F(AlertsTest, ACertificateComesNearItsEndByTimeAloneAndExpires) {
  set_end(endpoints[0], days(40));
  finish();
  tick();
  EXPECT_THAT(list(), IsEmpty());
  clock.advance(days(11));
  tick();
  ASSERT_THAT(kinds(list()), ElementsAre("certificate_near_expiry"));
  EXPECT_EQ(list()[0].severity, "medium");
  EXPECT_EQ(list()[0].scan_id, "");
  clock.advance(days(24));
  tick();
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].severity, "high");
  clock.advance(days(6));
  tick();
  ASSERT_THAT(list(), SizeIs(2));
  EXPECT_EQ(list()[0].severity, "critical");
  EXPECT_EQ(list()[0].status, "open");
  EXPECT_EQ(list()[1].status, "resolved");
  clock.advance(hours(2));
  tick();
  EXPECT_EQ(list()[0].count, 1);  // looked at again, and nothing new

  set_end(endpoints[0], days(90));
  EXPECT_THAT(kinds(finish().resolved), ElementsAre("certificate_near_expiry"));
  EXPECT_EQ(list()[0].resolved_scan, last_scan);
  // Drift knows of the renewal, though key and algorithm are the same.
  const auto changes = run_task(db->read<std::vector<store::DriftRow>>([&](store::Connection& c) {
    return store::drift::list(c, actor.tenant, {.change = "renewed"}, {.before = "", .limit = 9});
  }));
  ASSERT_THAT(*changes, SizeIs(1));
  EXPECT_EQ((*changes)[0].host, endpoints[0].host);
}

TEST_F(AlertsTest, OneCertificateOnSeveralEndpointsIsOneAlert) {
  set_end(endpoints[0], days(10));
  endpoints[1].tls->certificates = endpoints[0].tls->certificates;
  const auto changes = finish();
  ASSERT_THAT(kinds(changes.raised), ElementsAre("certificate_near_expiry"));
  EXPECT_EQ(json::parse(changes.raised[0].detail)->at("endpoints"), 2);
  set_end(endpoints[0], days(300));
  EXPECT_THAT(finish().resolved, IsEmpty());  // the other still has it
  set_end(endpoints[1], days(300));
  EXPECT_THAT(finish().resolved, SizeIs(1));
}

TEST_F(AlertsTest, OfATenantThatIsErasedNothingIsRaised) {
  set_end(endpoints[0], days(20));
  finish();
  for (const store::AlertRow& row : list()) EXPECT_EQ(row.kind, "certificate_near_expiry");
  const std::size_t standing = list().size();
  set_tenant_state(*db, actor, store::TenantState::kErasing);
  clock.advance(days(21));  // it expires, which is an alert of its own
  tick();
  EXPECT_THAT(list(), SizeIs(standing));
  EXPECT_THAT(finish(true, 1).raised, IsEmpty()) << "nor by a scan that ends now";
  set_tenant_state(*db, actor, store::TenantState::kClosing);
  clock.advance(hours(2));
  tick();
  EXPECT_GT(list().size(), standing);
}

TEST_F(AlertsTest, DeadlinesAreOneAlertEachWithTheNumberOfAssets) {
  finish();
  tick();
  EXPECT_THAT(of_kind("deadline_near"), IsEmpty());
  set({.deadline_days = 3650});
  clock.advance(hours(2));
  tick();
  const auto rows = of_kind("deadline_near");
  ASSERT_FALSE(rows.empty());
  for (const store::AlertRow& row : rows) {
    const auto detail = json::parse(row.detail).value();
    EXPECT_GT(detail.at("assets").as_int64(), 0);
    EXPECT_GT(detail.at("date").as_string(), "2026");
    const bool one = detail.at("assets").as_int64() == 1;
    EXPECT_THAT(row.message, HasSubstr(one ? " has to migrate by " : " have to migrate by "));
    EXPECT_EQ(row.subject, std::string_view(detail.at("deadlineId").as_string()));
  }
  set({.deadline_days = 1});
  clock.advance(hours(2));
  tick();
  EXPECT_THAT(list({.status = "open"}), IsEmpty());
}

TEST_F(AlertsTest, AFailedScanStandsUntilOneOfTheSameTargetsSucceeds) {
  const auto failed = finish(false);
  ASSERT_THAT(kinds(failed.raised), ElementsAre("scan_failed"));
  EXPECT_THAT(failed.raised[0].message, HasSubstr("ran out of time"));
  EXPECT_THAT(finish(false).raised, IsEmpty());
  EXPECT_EQ(of_kind("scan_failed")[0].count, 2);
  EXPECT_THAT(kinds(finish().resolved), ElementsAre("scan_failed"));
}

TEST_F(AlertsTest, TriesAtADeadLinkAreToldOnceAndAgainWhenTheyComeBack) {
  finish();
  store::ShareRow share;
  share.public_id = "0123456789";
  share.id = ShareId::generate(clock.now(), random);
  share.tenant_id = actor.tenant;
  share.scan_id = ScanId::trusted(last_scan);
  share.secret_mac = std::string(32, 'm');
  share.scope = "report";
  share.label = "For the auditor";
  share.created_by = actor.key;
  share.created_at = share.expires_at = clock.now();
  const auto tries = [&](int number) {
    const auto work = [&, number](store::Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(store::shares::add_dead_tries(c, share.id, number, clock.now()));
      return true;
    };
    EXPECT_TRUE(in_db<bool>(work).has_value());
  };
  const auto insert = [&](store::Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(store::shares::insert(c, share));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(insert).has_value());
  const auto later = [&](std::chrono::milliseconds by) {
    clock.advance(by);
    tick();
  };
  tries(9);
  later(hours(2));
  EXPECT_THAT(list(), IsEmpty());
  tries(1);
  later(hours(2));
  ASSERT_THAT(kinds(list()), ElementsAre("dead_link_tries"));
  EXPECT_THAT(list()[0].message, HasSubstr("For the auditor"));
  later(days(8));
  ASSERT_THAT(list({.status = "resolved"}), SizeIs(1));
  tries(5);
  later(hours(2));
  EXPECT_THAT(list(), SizeIs(1));  // five since, not fifteen
  tries(5);
  later(hours(2));
  EXPECT_THAT(list({.status = "open"}), SizeIs(1));
}

TEST_F(AlertsTest, WhatIsSwitchedOffIsResolvedAndNotRaised) {
  set_end(endpoints[0], days(10));
  EXPECT_THAT(finish().raised, SizeIs(1));
  set({.alerts_off = {"certificate_near_expiry", "scan_failed"}});
  clock.advance(hours(2));
  tick();
  EXPECT_THAT(list({.status = "open"}), IsEmpty());
  EXPECT_THAT(finish(false).raised, IsEmpty());
  const auto bad = run_task(tenancy.put_settings(actor, {.alerts_off = {"everything"}}));
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().fields[0].pointer, "/alertsOff/0");
}

TEST_F(AlertsTest, AScanThatIsErasedTakesItsEndpointsAlertsWithIt) {
  endpoints[0] = with_hybrid(endpoints[0]);
  finish();
  endpoints[0] = without_hybrid(endpoints[0]);
  finish();
  ASSERT_THAT(list({.status = "open"}), SizeIs(1));
  ASSERT_TRUE(run_task(scans.erase(actor, ScanId::trusted(last_scan))).has_value());
  clock.advance(hours(2));
  tick();
  ASSERT_THAT(list({.status = "open"}), IsEmpty());
  EXPECT_THAT(list()[0].resolved_reason, HasSubstr("erased"));
}

TEST_F(AlertsTest, ASampleRaisesNothing) {
  const auto work = [&](store::Connection& c) -> Result<AlertChanges> {
    const store::ScanRow row = scan_row(true);
    CARNET_TRY_VOID(store::scans::insert(c, row));
    return ended.apply(c, {.scan = row,
                           .status = "error",
                           .error_detail = "It failed.",
                           .score = {},
                           .band = "",
                           .at = clock.now(),
                           .facts = nullptr});
  };
  const auto changes = in_db<AlertChanges>(work);
  ASSERT_TRUE(changes.has_value());
  EXPECT_THAT(changes->raised, IsEmpty());
}

// By the worker itself: the reaper gives a scan up, and the next of the same targets succeeds.
TEST_F(AlertsTest, AScanThatNoWorkerBroughtToAnEndHasFailed) {
  const ScanId lost = submit_loopback(actor, {1});
  const auto claim = [&](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(rows, store::scans::claim(connection, "gone", clock.now(), clock.now(), 1));
    return rows.size() == 1;
  };
  ASSERT_TRUE(run_task(db->write<bool>(claim)).value_or(false));
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  ScanWorker::Options options;
  options.attempts_max = 1;
  options.signals = &signals;
  options.ended = &ended;
  const WorkerHost running(*db, clock, random, log, dialer, options);
  EXPECT_EQ(wait_until_over(actor, lost).status, "error");
  const auto failed = of_kind("scan_failed");
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].scan_id, lost.str());
  EXPECT_THAT(failed[0].message, HasSubstr("never came to an end"));

  clock.advance(hours(1));
  const ScanId fine = submit_loopback(actor, {1});
  EXPECT_EQ(wait_until_over(actor, fine).status, "success");
  EXPECT_EQ(of_kind("scan_failed")[0].status, "resolved");
  EXPECT_EQ(of_kind("scan_failed")[0].resolved_scan, fine.str());
}

TEST_F(AlertsTest, TwoThatRaiseAtOnceRaiseOnce) {
  std::atomic<int> fresh{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      SystemRandom own;
      const auto work = [&](store::Connection& c) -> Result<bool> {
        store::AlertRow row;
        row.id = AlertId::generate(clock.now(), own);
        row.tenant_id = actor.tenant;
        row.kind = "endpoint_gone";
        row.subject = "a.example:443";
        row.severity = "medium";
        row.last_seen_at = clock.now();
        CARNET_TRY(raised, store::alerts::raise(c, row));
        return raised.fresh;
      };
      const auto raised = run_task(db->write<bool>(work));
      ASSERT_TRUE(raised.has_value()) << raised.error().internal;
      if (*raised) fresh.fetch_add(1);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fresh.load(), 1);
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].count, 8);
}

TEST_F(AlertsTest, WhatIsResolvedIsForgottenAfterHalfAYear) {
  finish(false);
  finish();
  ASSERT_THAT(list(), SizeIs(1));
  clock.advance(kAlertsResolvedKept - days(1));
  tick();
  EXPECT_THAT(list({.kind = "scan_failed"}), SizeIs(1));
  clock.advance(days(2));
  tick();
  EXPECT_THAT(list({.kind = "scan_failed"}), IsEmpty());
  clock.advance(kDriftKept);
  tick();
  const auto changes = run_task(db->read<std::vector<store::DriftRow>>([&](store::Connection& c) {
    return store::drift::list(c, actor.tenant, {}, {.before = "", .limit = 9});
  }));
  EXPECT_THAT(*changes, IsEmpty());
}

TEST_F(AlertsTest, TheListIsFilteredAndPaged) {
  set_end(endpoints[0], days(10));
  set_end(endpoints[1], days(3));
  finish(false);
  const std::string scan = last_scan;
  EXPECT_THAT(list(), SizeIs(3));
  EXPECT_THAT(list({.severity = "high"}), SizeIs(1));
  EXPECT_THAT(list({.kind = "scan_failed"}), SizeIs(1));
  EXPECT_THAT(list({.scan_id = scan}), SizeIs(3));
  EXPECT_THAT(list({.scan_id = "scan_x"}), IsEmpty());
  const auto since = [&](Timestamp at) {
    return run_task(
               alerts.list(actor.tenant, {.filter = {}, .since = at}, {.before = "", .limit = 9}))
        .value();
  };
  EXPECT_THAT(since(clock.now()), SizeIs(3));
  EXPECT_THAT(since(clock.now() + std::chrono::milliseconds(1)), IsEmpty());
}

}  // namespace
}  // namespace carnet::service
