// What one scan of an endpoint after the other adds to the history.
#include "service/drift.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "assess/judge.h"
#include "base/json.h"
#include "service/scan_document.h"
#include "service/tests/fixture.h"
#include "store/alerts.h"

namespace carnet::service {
namespace {

using testing::ElementsAre;

class DriftTest : public ServiceTest {
 protected:
  DriftTest() : actor(make_tenant("Acme")), drift(*db, clock, random) {
    endpoints = assess::find_scenario(kSample, clock.now())->endpoints;
  }

  // A scan of `endpoints` that ends now, recorded as the worker records it.
  DriftRecord finish_scan(const std::string& profile = "standard") {
    DocumentHead head;
    const ScanId id = ScanId::generate(clock.now(), random);
    head.scan_id = id.str();
    head.profile = profile;
    head.finished_at = clock.now();
    const inventory::ScanDocument document = judge_scan(head, endpoints);
    const auto work = [&](store::Connection& connection) -> Result<DriftRecord> {
      connection.as_tenant(actor.tenant.str());
      store::ScanRow row;
      row.id = id;
      row.tenant_id = actor.tenant;
      row.status = "success";
      row.target = "the estate";
      row.profile = profile;
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

  // As an ended scan leaves it for the alerts.
  void watch_leaf(const inventory::Endpoint& endpoint, const inventory::Certificate& leaf) {
    const auto work = [&](store::Connection& connection) -> Result<bool> {
      CARNET_TRY_VOID(store::watch::put(connection, actor.tenant,
                                        {endpoint.host, int{endpoint.port}},
                                        {.cert_sha256 = leaf.sha256,
                                         .cert_subject = leaf.subject,
                                         .cert_not_after = leaf.not_after}));
      return true;
    };
    EXPECT_TRUE(run_task(db->write<bool>(work)).value());
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

// What a quick scan shows of these endpoints.
void look_quickly(std::vector<inventory::Endpoint>& endpoints) {
  for (inventory::Endpoint& endpoint : endpoints) {
    if (!endpoint.tls) continue;
    for (auto& version : endpoint.tls->versions)
      if (version.version != "TLS 1.3" && version.version != endpoint.tls->handshake_proof.version)
        version.state = inventory::Support::kNotTested;
    std::vector<inventory::Certificate> first;
    for (const auto& certificate : std::as_const(endpoint.tls->certificates))
      if (certificate.chain == 0) first.push_back(certificate);
    endpoint.tls->certificates = first;
  }
}

TEST_F(DriftTest, WhatAQuickScanDoesNotLookAtNeitherGoesNorComes) {
  inventory::Endpoint& endpoint = hybrid_endpoint();
  auto second = endpoint.tls->certificates[0];
  second.chain = 1;
  second.position = 0;
  second.sha256 = std::string(64, '2');
  endpoint.tls->certificates.push_back(second);
  endpoint.tls->versions = {{"TLS 1.3", inventory::Support::kSupported},
                            {"TLS 1.2", inventory::Support::kSupported},
                            {"TLS 1.1", inventory::Support::kSupported},
                            {"TLS 1.0", inventory::Support::kSupported}};
  finish_scan();
  const std::vector<inventory::Endpoint> whole = endpoints;
  look_quickly(endpoints);
  const std::vector<inventory::Endpoint> quick = endpoints;
  for (const int hours : {1, 2}) {
    clock.advance(std::chrono::hours(hours));
    EXPECT_TRUE(finish_scan("quick").rows.empty());
  }
  clock.advance(std::chrono::hours(1));
  endpoints = whole;
  const DriftRecord back = finish_scan();
  EXPECT_TRUE(back.rows.empty());
  EXPECT_TRUE(back.newly_vulnerable.empty());

  // What changed behind a quick scan's back is told by the deeper one after it.
  clock.advance(std::chrono::hours(1));
  endpoints = quick;
  EXPECT_TRUE(finish_scan("quick").rows.empty());
  clock.advance(std::chrono::hours(1));
  endpoints = whole;
  for (auto& version : hybrid_endpoint().tls->versions)
    if (version.version == "TLS 1.1" || version.version == "TLS 1.0")
      version.state = inventory::Support::kUnsupported;
  std::vector<inventory::Certificate> one = hybrid_endpoint().tls->certificates;
  one.pop_back();
  hybrid_endpoint().tls->certificates = one;
  const DriftRecord mended = finish_scan();
  EXPECT_EQ(mended.day.better, 1);
  EXPECT_EQ(mended.day.removed, 1);
  EXPECT_EQ(mended.rows.size(), 2U);

  // What a quick scan does see counts as ever, and once.
  clock.advance(std::chrono::hours(1));
  const std::vector<inventory::Endpoint> good = endpoints;
  look_quickly(endpoints);
  drop_hybrids(hybrid_endpoint());
  EXPECT_EQ(finish_scan("quick").day.hybrid_lost, 1);
  clock.advance(std::chrono::hours(1));
  endpoints = good;
  drop_hybrids(hybrid_endpoint());
  EXPECT_EQ(finish_scan().day.hybrid_lost, 0);
}

TEST_F(DriftTest, ADroppedCertificateIsNoRenewalOfTheOther) {
  inventory::Endpoint& endpoint = hybrid_endpoint();
  auto second = endpoint.tls->certificates[0];
  second.chain = 1;
  second.position = 0;
  second.sha256 = std::string(64, '2');
  second.not_after -= std::chrono::hours(24);  // the one that ends first
  endpoint.tls->certificates.push_back(second);
  finish_scan();
  watch_leaf(endpoint, second);
  clock.advance(std::chrono::hours(1));
  std::vector<inventory::Certificate> one = endpoint.tls->certificates;
  one.pop_back();
  endpoint.tls->certificates = one;
  const DriftRecord dropped = finish_scan();
  ASSERT_EQ(dropped.rows.size(), 1U);
  EXPECT_EQ(dropped.rows[0].change, "removed");
}

TEST_F(DriftTest, ARenewalIsOfTheCertificateThatEndedFirst) {
  inventory::Endpoint& endpoint = hybrid_endpoint();
  auto second = endpoint.tls->certificates[0];
  second.chain = 1;
  second.position = 0;
  second.sha256 = std::string(64, '2');
  second.not_after -= std::chrono::hours(24);
  endpoint.tls->certificates.push_back(second);
  finish_scan();
  watch_leaf(endpoint, second);
  clock.advance(std::chrono::hours(1));
  endpoint.tls->certificates[endpoint.tls->certificates.size() - 1].sha256 = std::string(64, '3');
  const DriftRecord renewed = finish_scan();
  ASSERT_EQ(renewed.rows.size(), 1U);
  EXPECT_EQ(renewed.rows[0].change, "renewed");
  EXPECT_THAT(renewed.rows[0].detail, testing::HasSubstr("Certificate 2 of "));
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
