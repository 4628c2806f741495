// What one scan of an endpoint after the other adds to the history.
#include "service/drift.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "assess/judge.h"
#include "base/json.h"
#include "service/scan_document.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

using testing::ElementsAre;

class DriftTest : public ServiceTest {
 protected:
  DriftTest() : actor(make_tenant("Acme")), drift(*db, clock, random) {
    endpoints = assess::find_scenario(kSample, clock.now())->endpoints;
  }

  // A scan of `endpoints` that ends now, recorded as the worker records it.
  DriftRecord finish_scan() {
    DocumentHead head;
    const ScanId id = ScanId::generate(clock.now(), random);
    head.scan_id = id.str();
    head.finished_at = clock.now();
    const inventory::ScanDocument document = judge_scan(head, endpoints);
    const auto work = [&](store::Connection& connection) -> Result<DriftRecord> {
      connection.as_tenant(actor.tenant.str());
      store::ScanRow row;
      row.id = id;
      row.tenant_id = actor.tenant;
      row.status = "success";
      row.target = "the estate";
      row.request = "{}";
      row.created_at = clock.now();
      CARNET_TRY_VOID(store::scans::insert(connection, row));
      CARNET_TRY(record, make_drift(connection, actor.tenant, document, random));
      CARNET_TRY_VOID(store_drift(connection, actor.tenant, record));
      CARNET_TRY_VOID(
          store::scans::put_assets(connection, actor.tenant, id, asset_rows(document, 0, 1000)));
      CARNET_TRY_VOID(
          store::scans::mark_latest(connection, actor.tenant, id, final_rows(document).reached));
      return record;
    };
    return run_task(db->write<DriftRecord>(work)).value();
  }

  std::vector<store::DriftRow> history(store::drift::Filter filter = {}, int limit = 100,
                                       std::string before = {}) {
    return run_task(drift.history(actor.tenant, {.filter = std::move(filter)},
                                  {.before = std::move(before), .limit = limit}))
        .value();
  }

  // The first endpoint with a post-quantum group.
  inventory::Endpoint& hybrid_endpoint() {
    for (inventory::Endpoint& endpoint : endpoints)
      if (endpoint.tls)
        for (const auto& group : endpoint.tls->groups)
          if (group.kind == "hybrid" && group.state == inventory::Support::kPreferred)
            return endpoint;
    throw std::logic_error("the sample has no hybrid endpoint");
  }
  static void drop_hybrids(inventory::Endpoint& endpoint) {
    for (auto& group : endpoint.tls->groups) {
      if (group.kind != "classical") group.state = inventory::Support::kUnsupported;
      if (group.kind == "classical") group.state = inventory::Support::kSupported;
    }
    endpoint.tls->handshake_proof.group = "x25519";
  }

  Actor actor;
  Drift drift;
  std::vector<inventory::Endpoint> endpoints;
};

TEST_F(DriftTest, AFirstScanKnowsItsEndpointsAndAnEqualOneSaysNothing) {
  const DriftRecord first = finish_scan();
  const auto reached = std::count_if(endpoints.begin(), endpoints.end(),
                                     [](const auto& endpoint) { return endpoint.reached; });
  EXPECT_EQ(std::ssize(first.rows), reached);
  EXPECT_EQ(first.day.endpoints_new, reached);
  clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(finish_scan().rows.empty());
  const auto summary = run_task(drift.summary(actor.tenant, 1)).value();
  ASSERT_EQ(summary.days.size(), 1U);
  EXPECT_EQ(summary.total.scans, 2);
  EXPECT_EQ(summary.total.scored, 2);
  EXPECT_EQ(summary.total.changed, 0);
}

TEST_F(DriftTest, LosingAndGainingTheHybridIsTold) {
  finish_scan();
  const std::vector<inventory::Endpoint> good = endpoints;
  clock.advance(std::chrono::hours(24));
  drop_hybrids(hybrid_endpoint());
  const DriftRecord lost = finish_scan();
  EXPECT_EQ(lost.day.hybrid_lost, 1);
  EXPECT_EQ(lost.day.worse, 1);
  clock.advance(std::chrono::hours(24));
  endpoints = good;
  const DriftRecord gained = finish_scan();
  EXPECT_EQ(gained.day.hybrid_gained, 1);
  EXPECT_EQ(gained.day.better, 1);

  const std::string host = hybrid_endpoint().host;
  const auto rows = history({.host = host, .hybrid = "lost"});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].direction, "worse");
  EXPECT_EQ(rows[0].change, "changed");
  const boost::json::value detail = json::parse(rows[0].detail).value();
  EXPECT_EQ(detail.at("from").at("hybrid"), true);
  EXPECT_EQ(detail.at("to").at("hybrid"), false);
  EXPECT_THAT(history({.host = "nobody.example"}), testing::IsEmpty());

  const auto summary = run_task(drift.summary(actor.tenant, 3)).value();
  ASSERT_EQ(summary.days.size(), 3U);
  EXPECT_LT(summary.total.score_low, summary.total.score_high);
  EXPECT_EQ(summary.score_first, summary.total.score_last);
  EXPECT_EQ(run_task(drift.summary(actor.tenant, 1)).value().days.size(), 1U);
}

TEST_F(DriftTest, HistoryIsPagedNewestFirst) {
  finish_scan();
  clock.advance(std::chrono::hours(1));
  drop_hybrids(hybrid_endpoint());
  finish_scan();
  const auto all = history();
  ASSERT_GT(all.size(), 2U);
  const auto page = history({}, 2);
  ASSERT_EQ(page.size(), 2U);
  const auto rest = history({}, 100, page.back().id.str());
  EXPECT_EQ(page.size() + rest.size(), all.size());
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i].id, all[i - 1].id);
  const Actor other = make_tenant("Other");
  EXPECT_TRUE(
      run_task(drift.history(other.tenant, {}, {.before = "", .limit = 10})).value().empty());
}

TEST_F(DriftTest, AScanThatIsErasedLeavesItsHistory) {
  finish_scan();
  const auto rows = history();
  const auto erase = [this, scan = rows[0].scan_id](store::Connection& connection) -> Result<bool> {
    return store::scans::erase(connection, actor.tenant, ScanId::trusted(scan));
  };
  EXPECT_TRUE(run_task(db->write<bool>(erase)).value());
  EXPECT_EQ(history().size(), rows.size());
}

}  // namespace
}  // namespace carnet::service
