#include <set>

#include <boost/json.hpp>

#include "base/json.h"
#include "service/scans.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

class Working : public ServiceTest {
 protected:
  Working() : actor(make_tenant("acme")) {}

  ScanWorker::Options options() {
    ScanWorker::Options out;
    out.poll = std::chrono::milliseconds(20);
    out.tick = std::chrono::milliseconds(20);
    out.signals = &signals;
    return out;
  }
  std::unique_ptr<WorkerHost> host(FakeDialer& dialer) {
    return std::make_unique<WorkerHost>(*db, clock, random, log, dialer, options());
  }
  std::unique_ptr<WorkerHost> process(FakeDialer& dialer) {
    return std::make_unique<WorkerHost>(database.must_open(), clock, random, log, dialer,
                                        options());
  }
  std::vector<std::string> keys_of(const ScanId& id) {
    std::vector<std::string> out;
    const auto view = run_task(scans.get(actor.tenant, id));
    for (const store::EventRow& event : view->events) out.push_back(event.key);
    return out;
  }
  // Result, assets, score, timeline and row of an ended scan tell one story.
  void expect_consistent(const ScanId& id) {
    const auto view = run_task(scans.get(actor.tenant, id));
    ASSERT_TRUE(view && view->result);
    const auto result = json::parse(view->result->result);
    const boost::json::object& object = result->as_object();
    EXPECT_EQ(object.at("scanId").as_string(), id.str());
    EXPECT_EQ(std::ssize(object.at("assets").as_array()), view->row.asset_count);
    const boost::json::array& timeline = object.at("timeline").as_array();
    ASSERT_EQ(timeline.size(), view->events.size());
    for (std::size_t i = 0; i < timeline.size(); ++i) {
      EXPECT_EQ(timeline[i].as_object().at("seq").to_number<int>(), static_cast<int>(i) + 1);
      EXPECT_EQ(view->events[i].seq, static_cast<int>(i) + 1);
      EXPECT_EQ(timeline[i].as_object().at("key").as_string(), view->events[i].key);
    }
    EXPECT_EQ(view->events.back().key, "finished");
    const auto stored = in_db<int>([id](store::Connection& connection) -> Result<int> {
      int rows = 0;
      const auto on_row = [&](const store::Row& row) { rows = static_cast<int>(row.integer(0)); };
      CARNET_TRY_VOID(
          connection.run("SELECT count(*) FROM assets WHERE scan_id = $1", {id.str()}, on_row));
      return rows;
    });
    EXPECT_EQ(stored.value(), view->row.asset_count);
  }

  Actor actor;
};

TEST_F(Working, ASampleGoesFromQueuedToSuccess) {
  const ScanId id = submit_sample(actor, "a sample");
  FakeDialer dialer(FakeDialer::Mode::kThrow);
  const auto running = host(dialer);
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "success");
  EXPECT_EQ(row.error_detail, "");
  EXPECT_TRUE(row.sample);
  EXPECT_GT(row.asset_count, 0);
  EXPECT_TRUE(row.readiness_score.has_value());
  EXPECT_NE(row.readiness_band, "");
  EXPECT_EQ(row.progress_done, row.progress_total);
  EXPECT_EQ(row.finished_at, clock.now());
  EXPECT_EQ(dialer.dials, 0) << "a sample touches no network";
  expect_consistent(id);
  const auto keys = keys_of(id);
  ASSERT_GE(keys.size(), 5U);
  EXPECT_EQ(keys[0], "queued");
  EXPECT_EQ(keys[1], "started");
  EXPECT_EQ(keys[2], "endpoint");
  EXPECT_EQ(keys[keys.size() - 2], "assessed");
  EXPECT_EQ(run_task(scans.inventory(actor.tenant, {}))->size(), 0U) << "samples are no inventory";
  const auto me = run_task(tenancy.me(actor.tenant));
  EXPECT_EQ(me->scan_count, 1);
  EXPECT_FALSE(me->latest.has_value());
}

TEST_F(Working, AScanThatReachesNothingEndsInSuccessWithoutAScore) {
  const ScanId id = submit_loopback(actor, {1, 2, 3});
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  const auto running = host(dialer);
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "success");
  EXPECT_EQ(row.readiness_score, std::nullopt);
  EXPECT_EQ(row.asset_count, 0);
  expect_consistent(id);
  const auto result = json::parse(run_task(scans.get(actor.tenant, id))->result->result);
  const boost::json::array& unreached =
      result->as_object().at("coverage").as_object().at("unreached").as_array();
  EXPECT_EQ(unreached.size(), 3U);
  EXPECT_NE(json::write(unreached).find("connection refused"), std::string::npos);
}

TEST_F(Working, ManyEndpointsAreBatchedInTheTimeline) {
  ScanRequest request;
  request.targets = {"127.0.0.0/25"};
  request.ports = {443, 8443};
  request.kinds = {"tls"};
  const auto submitted = run_task(scans.submit(actor, request));
  ASSERT_TRUE(submitted);
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  const auto running = host(dialer);
  EXPECT_EQ(wait_until_over(actor, submitted->id).status, "success");
  expect_consistent(submitted->id);
  const auto keys = keys_of(submitted->id);
  EXPECT_LE(std::count(keys.begin(), keys.end(), "progress"), 50);
  EXPECT_GE(std::count(keys.begin(), keys.end(), "progress"), 10);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "endpoint"), 0);
}

TEST_F(Working, CancellingKeepsNothingThatWasNotFoundAndEndsTheScan) {
  const ScanId id = submit_loopback(actor, {1, 2});
  FakeDialer dialer(FakeDialer::Mode::kHang);
  const auto running = host(dialer);
  dialer.dialled.acquire();
  EXPECT_EQ(run_task(scans.row(actor.tenant, id))->status, "running");
  EXPECT_EQ(run_task(scans.cancel(actor, id))->status, "running");
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "cancelled");
  EXPECT_EQ(row.readiness_score, std::nullopt);
  EXPECT_EQ(keys_of(id).back(), "finished");
  EXPECT_EQ(run_task(scans.cancel(actor, id)).error().code, ErrorCode::kConflict);
}

TEST_F(Working, AScanThatRunsOutOfTimeEndsAsAnError) {
  const ScanId id = submit_loopback(actor, {1});
  FakeDialer dialer(FakeDialer::Mode::kHang);
  ScanWorker::Options brief = options();
  brief.scan_timeout = std::chrono::seconds(10);  // less than the lease, which the same clock ends
  WorkerHost running(*db, clock, random, log, dialer, brief);
  dialer.dialled.acquire();
  clock.advance(std::chrono::milliseconds(9'999));
  // Two rounds of the scan's tick would be over when this one is.
  const auto early =
      run_task(scans.wait_events(actor.tenant, id, 2, std::chrono::milliseconds(60)));
  EXPECT_FALSE(early->over);
  clock.advance(std::chrono::milliseconds(1));
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "error");
  EXPECT_NE(row.error_detail.find("ran out of time after 10 s"), std::string::npos)
      << row.error_detail;
}

TEST_F(Working, AProbeThatThrowsEndsItsScanAndNotTheWorker) {
  const ScanId broken = submit_loopback(actor, {1});
  FakeDialer dialer(FakeDialer::Mode::kThrow);
  const auto running = host(dialer);
  wait_until_over(actor, broken);
  dialer.mode = FakeDialer::Mode::kRefuse;
  const ScanId fine = submit_loopback(actor, {1});
  EXPECT_EQ(wait_until_over(actor, fine).status, "success");
}

TEST_F(Working, AKilledWorkersScanIsDoneByAnotherAndRecordedOnce) {
  const ScanId id = submit_loopback(actor, {1, 2});
  FakeDialer hanging(FakeDialer::Mode::kHang);
  FakeDialer refusing(FakeDialer::Mode::kRefuse);
  auto first = process(hanging);
  hanging.dialled.acquire();
  first->kill();
  EXPECT_EQ(run_task(scans.row(actor.tenant, id))->status, "running");

  const auto second = host(refusing);
  // The lease still holds: a scan queued later is done, this one is left alone.
  const ScanId later = submit_sample(actor);
  second->worker.wake();
  EXPECT_EQ(wait_until_over(actor, later).status, "success");
  EXPECT_EQ(run_task(scans.row(actor.tenant, id))->status, "running");
  EXPECT_EQ(refusing.dials, 0);

  clock.advance(std::chrono::seconds(16));
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "success");
  EXPECT_EQ(row.attempts, 2);
  expect_consistent(id);
  const auto keys = keys_of(id);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "started"), 2);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "finished"), 1);
}

TEST_F(Working, AWorkerThatLostItsLeaseRecordsNothing) {
  const ScanId id = submit_loopback(actor, {1});
  FakeDialer hanging(FakeDialer::Mode::kHang);
  FakeDialer refusing(FakeDialer::Mode::kRefuse);
  ScanWorker::Options slow = options();
  slow.tick = std::chrono::hours(1);  // it notices nothing by itself
  const auto stalled = std::make_unique<WorkerHost>(*db, clock, random, log, hanging, slow);
  hanging.dialled.acquire();
  ASSERT_TRUE(in_db<bool>([id](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(
        connection.run("UPDATE scans SET lease_owner = 'another' WHERE id = $1", {id.str()}));
    return true;
  }));
  hanging.mode = FakeDialer::Mode::kRefuse;
  hanging.released.poke();
  stalled->stop();
  const store::ScanRow row = run_task(scans.row(actor.tenant, id)).value();
  EXPECT_EQ(row.status, "running") << "it is the other's now";
  EXPECT_FALSE(in_db<bool>([id](store::Connection& connection) -> Result<bool> {
                 CARNET_TRY(result, store::scans::find_result(connection, id));
                 return result.has_value();
               }).value());
}

TEST_F(Working, StoppingHandsBackAndAnotherClaimsAtOnce) {
  const ScanId id = submit_loopback(actor, {1, 2});
  FakeDialer hanging(FakeDialer::Mode::kHang);
  FakeDialer refusing(FakeDialer::Mode::kRefuse);
  const auto first = host(hanging);
  hanging.dialled.acquire();
  EXPECT_EQ(first->worker.running(), 1);
  first->stop();
  EXPECT_EQ(first->worker.running(), 0);
  const store::ScanRow handed = run_task(scans.row(actor.tenant, id)).value();
  EXPECT_EQ(handed.status, "queued");
  EXPECT_EQ(handed.attempts, 0) << "a restart is no failed attempt";

  const auto second = host(refusing);
  EXPECT_EQ(wait_until_over(actor, id).status, "success") << "without waiting for a lease";
  expect_consistent(id);
  EXPECT_THAT(keys_of(id), ::testing::Contains("handed_back"));
}

TEST_F(Working, AnErasedScanIsDroppedByItsWorker) {
  const ScanId id = submit_loopback(actor, {1});
  FakeDialer dialer(FakeDialer::Mode::kHang);
  const auto running = host(dialer);
  dialer.dialled.acquire();
  ASSERT_TRUE(run_task(scans.erase(actor, id)));
  // The slot is free again: with one at a time, the next scan would wait for ever otherwise.
  dialer.mode = FakeDialer::Mode::kRefuse;
  const ScanId next = submit_sample(actor);
  EXPECT_EQ(wait_until_over(actor, next).status, "success");
  EXPECT_EQ(run_task(scans.row(actor.tenant, id)).error().code, ErrorCode::kNotFound);
}

TEST_F(Working, AScanThatKillsEveryWorkerEndsAsAnError) {
  const ScanId id = submit_loopback(actor, {1});
  FakeDialer dialer(FakeDialer::Mode::kHang);
  for (int attempt = 0; attempt < ScanWorker::Options{}.attempts_max; ++attempt) {
    const auto victim = process(dialer);
    dialer.dialled.acquire();
    victim->kill();
    clock.advance(std::chrono::seconds(16));
  }
  const auto last = host(dialer);
  const store::ScanRow row = wait_until_over(actor, id);
  EXPECT_EQ(row.status, "error");
  EXPECT_EQ(row.attempts, 5);
  EXPECT_NE(row.error_detail, "");
}

TEST_F(Working, TwoWorkersFinishAHundredScansOnceEach) {
  std::vector<ScanId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(submit_sample(actor, std::to_string(i)));
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  const auto first = host(dialer);
  const auto second = host(dialer);
  for (const ScanId& id : ids) {
    EXPECT_EQ(wait_until_over(actor, id).status, "success");
    const auto keys = keys_of(id);
    EXPECT_EQ(std::count(keys.begin(), keys.end(), "started"), 1);
    EXPECT_EQ(std::count(keys.begin(), keys.end(), "finished"), 1);
  }
  expect_consistent(ids.front());
  expect_consistent(ids.back());
}

TEST_F(Working, ScanningDirectlyNeedsNoDatabase) {
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  DirectScan direct;
  direct.endpoints = {{.host = "127.0.0.1", .port = 1, .kind = "tls"},
                      {.host = "127.0.0.1", .port = 2, .kind = "ssh"}};
  direct.label = "from the shell";
  int calls = 0;
  direct.on_progress = [&](int done, int total, const inventory::Endpoint&) {
    EXPECT_EQ(done, ++calls);
    EXPECT_EQ(total, 2);
  };
  std::atomic<bool> cancelled{false};
  auto task =
      scan_directly(std::move(direct), dialer, clock, random, probe::EngineLimits{}, cancelled);
  const inventory::ScanDocument document = run_task(std::move(task));
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(ScanId::parse(document.scan_id).has_value());
  EXPECT_EQ(document.label, "from the shell");
  EXPECT_EQ(document.judgement.coverage.requested, 2);
  EXPECT_EQ(document.judgement.coverage.reached, 0);
  ASSERT_EQ(document.endpoints.size(), 2U);
  EXPECT_EQ(document.endpoints[0].id, "ep_1");
  EXPECT_EQ(document.endpoints[1].port, 2);
}

TEST_F(Working, WhatWasNotBegunCountsAsNotReached) {
  FakeDialer dialer(FakeDialer::Mode::kRefuse);
  DirectScan direct;
  direct.endpoints = {{.host = "127.0.0.1", .port = 1, .kind = "tls"},
                      {.host = "127.0.0.1", .port = 2, .kind = "tls"}};
  std::atomic<bool> cancelled{true};
  auto task =
      scan_directly(std::move(direct), dialer, clock, random, probe::EngineLimits{}, cancelled);
  const inventory::ScanDocument document = run_task(std::move(task));
  EXPECT_EQ(document.judgement.coverage.requested, 2);
  ASSERT_EQ(document.endpoints.size(), 2U);
  EXPECT_EQ(document.endpoints[0].unreached_reason, "not begun: the scan was cancelled");
  EXPECT_THAT(document.judgement.notes.front(),
              ::testing::HasSubstr("2 of 2 endpoints were not begun"));
}

}  // namespace
}  // namespace carnet::service
