#include "service/scans.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

class Submitting : public ServiceTest {
 protected:
  Submitting() : actor(make_tenant("acme")), other(make_tenant("other")) {}
  Result<SubmittedScan> submit(ScanRequest request) {
    return run_task(scans.submit(actor, std::move(request)));
  }
  Result<SubmittedScan> submit_targets(std::vector<std::string> targets) {
    ScanRequest request;
    request.targets = std::move(targets);
    return submit(std::move(request));
  }
  void attest(std::vector<std::string> domains, std::vector<std::string> cidrs) {
    AuthorizedTargets targets{
        .domains = std::move(domains), .cidrs = std::move(cidrs), .attestation = "Ours."};
    ASSERT_TRUE(run_task(tenancy.put_authorized_targets(actor, targets)));
  }
  ErrorCode code_of(std::vector<std::string> targets) {
    const auto answer = submit_targets(std::move(targets));
    return answer ? ErrorCode::kInternal : answer.error().code;
  }
  Actor actor, other;
};

TEST_F(Submitting, AQueuedScanIsSeenAtOnceByItsTenantOnly) {
  ScanRequest request;
  request.targets = {"127.0.0.1", "127.0.0.2:8443", "127.0.0.1"};
  request.ports = {443, 8443};
  request.kinds = {"tls"};
  request.label = "first";
  request.profile = inventory::Profile::kQuick;
  const auto submitted = submit(request);
  ASSERT_TRUE(submitted) << submitted.error().public_detail;
  EXPECT_EQ(submitted->summary, "3 endpoints on 2 hosts, quick profile.");
  const auto view = run_task(scans.get(actor.tenant, submitted->id));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->row.status, "queued");
  EXPECT_EQ(view->row.label, "first");
  EXPECT_EQ(view->row.target, "127.0.0.1 and 1 more");
  EXPECT_EQ(view->row.profile, "quick");
  EXPECT_EQ(view->row.progress_total, 3);
  EXPECT_FALSE(view->row.sample);
  ASSERT_EQ(view->events.size(), 1U);
  EXPECT_EQ(view->events.front().key, "queued");
  EXPECT_FALSE(view->result);
  EXPECT_EQ(audit_of(actor.tenant, "scan.create").size(), 1U);

  EXPECT_EQ(run_task(scans.get(other.tenant, submitted->id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.row(other.tenant, submitted->id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.cancel(other, submitted->id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.erase(other, submitted->id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.pin(other, submitted->id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.report(other.tenant, submitted->id, ArtifactFormat::kJson)).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.diff(other.tenant, submitted->id, {})).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.wait_events(other.tenant, submitted->id, 0, std::chrono::seconds(0)))
                .error()
                .code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.list(other.tenant, {}))->size(), 0U);
  EXPECT_EQ(run_task(scans.list(actor.tenant, {}))->size(), 1U);
}

TEST_F(Submitting, EveryBadFieldIsNamedAtOnce) {
  ScanRequest request;
  request.targets = {"127.0.0.1", "http://x/", "0x7f.1"};
  request.kinds = {"tls", "gopher"};
  request.ports = {443, 0, 65536};
  request.mosca = {.data_shelf_life_years = -1, .migration_time_years = 1e9, .years_to_qday = 5};
  request.label = std::string(256, 'x');
  request.use_fixture = true;
  const auto bad = submit(request);
  ASSERT_FALSE(bad);
  ASSERT_EQ(bad.error().code, ErrorCode::kValidationFailed);
  std::vector<std::string> pointers;
  for (const FieldError& field : bad.error().fields) pointers.push_back(field.pointer);
  EXPECT_THAT(pointers,
              ::testing::ElementsAre("/targets/1", "/targets/2", "/kinds/1", "/ports/1", "/ports/2",
                                     "/mosca/dataShelfLifeYears", "/mosca/migrationTimeYears",
                                     "/label", "/scenarioId"));
  EXPECT_EQ(run_task(scans.list(actor.tenant, {}))->size(), 0U);
}

TEST_F(Submitting, NoTargetTooManyTargetsAndASingleTargetKeepTheirNames) {
  EXPECT_EQ(submit_targets({}).error().fields.front().field, "targets");
  EXPECT_EQ(
      submit_targets(std::vector<std::string>(10001, "127.0.0.1")).error().fields.front().code,
      "too_many");
  EXPECT_EQ(submit_targets({"127.0.0.0/8"}).error().fields.front().field, "targets");
  ScanRequest request;
  request.targets = {"a b"};
  request.single_target = true;
  EXPECT_EQ(submit(request).error().fields.front().pointer, "/target");
}

TEST_F(Submitting, SamplesAreNamedKnownAndAlone) {
  ScanRequest request;
  request.use_fixture = true;
  request.scenario_id = "no-such-scenario";
  const auto unknown = submit(request);
  EXPECT_EQ(unknown.error().fields.front().field, "scenarioId");
  EXPECT_NE(unknown.error().public_detail.find("gov-contractor-cmmc"), std::string::npos);
  request.scenario_id = kSample;
  request.targets = {"127.0.0.1"};
  EXPECT_EQ(submit(request).error().fields.front().field, "scenarioId");
  request.targets.clear();
  request.use_fixture = false;
  EXPECT_EQ(submit(request).error().fields.front().field, "useFixture");
  request.use_fixture = true;
  const auto good = submit(request);
  ASSERT_TRUE(good);
  EXPECT_TRUE(run_task(scans.row(actor.tenant, good->id))->sample);
}

TEST_F(Submitting, TargetsNeedTheTenantsAttestation) {
  EXPECT_EQ(code_of({"example.org"}), ErrorCode::kTargetNotAuthorized);
  attest({"example.org"}, {"8.8.8.0/24"});
  EXPECT_TRUE(submit_targets({"example.org:443", "www.example.org", "8.8.8.8", "8.8.8.128/30"}));
  EXPECT_EQ(code_of({"badexample.org"}), ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(code_of({"org"}), ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(code_of({"8.8.9.1"}), ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(code_of({"8.8.8.0/23"}), ErrorCode::kTargetNotAuthorized)
      << "half of the block is not attested";
  const auto mixed = submit_targets({"example.org", "example.com"});
  ASSERT_FALSE(mixed) << "the whole request is refused";
  EXPECT_NE(mixed.error().public_detail.find("example.com"), std::string::npos);
  EXPECT_EQ(mixed.error().public_detail.find("example.org"), std::string::npos);
  EXPECT_NE(mixed.error().public_detail.find("/tenant/authorized-targets"), std::string::npos);
  EXPECT_EQ(run_task(scans.submit(other, {.targets = {"example.org"}})).error().code,
            ErrorCode::kTargetNotAuthorized);
}

TEST_F(Submitting, SpecialPurposeSpaceIsTheOperatorsToAllow) {
  // 127.0.0.0/8 is allowed in this fixture, 10.0.0.0/8 is not.
  EXPECT_TRUE(submit_targets({"127.9.9.9", "localhost:8443", "127.0.0.0/24"}));
  attest({}, {"10.0.0.0/8"});
  const auto denied = submit_targets({"10.1.2.3"});
  ASSERT_FALSE(denied) << "no attestation lifts the policy";
  EXPECT_EQ(denied.error().code, ErrorCode::kTargetNotAuthorized);
  EXPECT_NE(denied.error().public_detail.find("--allow-targets"), std::string::npos);
  EXPECT_EQ(code_of({"[::1]:443"}), ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(code_of({"[::ffff:10.0.0.1]:443"}), ErrorCode::kTargetNotAuthorized);
}

TEST_F(Submitting, AnyTargetMeansAnyPublicTarget) {
  Scans::Options options = scan_options();
  options.authorize_any_target = true;
  int woken = 0;
  options.on_queued = [&] { ++woken; };
  Scans open(*db, clock, random, policy, options);
  EXPECT_TRUE(run_task(open.submit(actor, {.targets = {"example.org", "8.8.8.8", "1.1.1.0/28"}})));
  EXPECT_EQ(run_task(open.submit(actor, {.targets = {"10.0.0.1"}})).error().code,
            ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(woken, 1);
}

TEST_F(Submitting, MoscaComesFromTheRequestThenTheTenant) {
  ASSERT_TRUE(run_task(tenancy.put_settings(
      actor, {.data_shelf_life_years = 20, .migration_time_years = 7, .years_to_qday = {}})));
  ScanRequest request;
  request.targets = {"127.0.0.1"};
  request.mosca.migration_time_years = 3;
  const auto submitted = submit(request);
  ASSERT_TRUE(submitted);
  const auto stored = json::parse(run_task(scans.row(actor.tenant, submitted->id))->request);
  const auto& mosca = stored->as_object().at("mosca").as_object();
  EXPECT_EQ(mosca.at("dataShelfLifeYears").to_number<double>(), 20);
  EXPECT_EQ(mosca.at("migrationTimeYears").to_number<double>(), 3);
  EXPECT_FALSE(mosca.contains("yearsToQDay"));
}

TEST_F(Submitting, AQueuedScanIsCancelledAtOnceAndOnlyOnce) {
  const ScanId id = submit_sample(actor);
  const auto cancelled = run_task(scans.cancel(actor, id));
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->status, "cancelled");
  const auto again = run_task(scans.cancel(actor, id));
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  const auto batch = run_task(scans.wait_events(actor.tenant, id, 1, std::chrono::hours(1)));
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->over);
  ASSERT_EQ(batch->events.size(), 1U);
  EXPECT_EQ(batch->events.front().key, "finished");
  EXPECT_EQ(run_task(scans.report(actor.tenant, id, ArtifactFormat::kJson)).error().code,
            ErrorCode::kScanNotFinished);
  EXPECT_EQ(run_task(scans.cancel(actor, ScanId::generate(clock.now(), random))).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(audit_of(actor.tenant, "scan.cancel").size(), 1U);
}

TEST_F(Submitting, WaitingForEventsEndsWithTheWait) {
  const ScanId id = submit_sample(actor);
  const auto batch =
      run_task(scans.wait_events(actor.tenant, id, 1, std::chrono::milliseconds(20)));
  ASSERT_TRUE(batch);
  EXPECT_FALSE(batch->over);
  EXPECT_TRUE(batch->events.empty());
  EXPECT_EQ(batch->status, "queued");
}

TEST_F(Submitting, PinningAndErasing) {
  const ScanId id = submit_sample(actor);
  EXPECT_TRUE(run_task(scans.pin(actor, id))->pinned);
  EXPECT_TRUE(run_task(scans.pin(actor, id))->pinned);
  EXPECT_EQ(audit_of(actor.tenant, "scan.persist").size(), 1U);
  ASSERT_TRUE(run_task(scans.erase(actor, id)));
  EXPECT_EQ(run_task(scans.get(actor.tenant, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(scans.erase(actor, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(audit_of(actor.tenant, "scan.delete").size(), 1U);
}

TEST_F(Submitting, DiffNeedsTwoFinishedScans) {
  const ScanId first = submit_sample(actor);
  EXPECT_EQ(run_task(scans.diff(actor.tenant, first, {})).error().code,
            ErrorCode::kScanNotFinished);
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  WorkerHost host(*db, clock, random, log, dialer,
                  {.poll = std::chrono::milliseconds(20), .signals = &signals});
  ASSERT_EQ(wait_until_over(actor, first).status, "success");
  EXPECT_EQ(run_task(scans.diff(actor.tenant, first, {})).error().code, ErrorCode::kNotFound);
  clock.advance(std::chrono::seconds(1));
  ScanRequest request;
  request.scenario_id = "gov-contractor-cmmc";
  request.use_fixture = true;
  const ScanId second = submit(request)->id;
  host.worker.wake();
  ASSERT_EQ(wait_until_over(actor, second).status, "success");

  const auto same = run_task(scans.diff(actor.tenant, first, first));
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->at("added").as_array().empty());
  EXPECT_TRUE(same->at("removed").as_array().empty());
  EXPECT_TRUE(same->at("changed").as_array().empty());
  EXPECT_EQ(same->at("scoreDelta").to_number<double>(), 0);
  const auto diff = run_task(scans.diff(actor.tenant, second, {}));
  ASSERT_TRUE(diff);
  EXPECT_EQ(diff->at("against").as_string(), first.str());
  const auto count_of = [&](const ScanId& id) {
    return run_task(scans.row(actor.tenant, id))->asset_count;
  };
  EXPECT_EQ(std::ssize(diff->at("added").as_array()) + std::ssize(diff->at("changed").as_array()),
            count_of(second));
  EXPECT_EQ(std::ssize(diff->at("removed").as_array()), count_of(first));
  EXPECT_EQ(run_task(scans.diff(actor.tenant, second, ScanId::generate(clock.now(), random)))
                .error()
                .code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace carnet::service
