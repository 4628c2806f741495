#include "service/sharing.h"

#include "crypto/token.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

class Links : public ServiceTest {
 protected:
  Links() : actor(make_tenant("acme")), other(make_tenant("other")), scan(finished_sample()) {}

  ScanId finished_sample() {
    const ScanId id = submit_sample(actor);
    FakeDialer dialer(FakeDialer::Mode::kRefuse);
    WorkerHost host(*db, clock, random, log, dialer, {.signals = &signals});
    EXPECT_EQ(wait_until_over(actor, id).status, "success");
    return id;
  }
  CreatedShare share(NewShare request = {}) {
    auto created = run_task(sharing.create(actor, scan, std::move(request)));
    EXPECT_TRUE(created.has_value()) << created.error().public_detail;
    return std::move(*created);
  }
  ErrorCode code_of(const CreatedShare& link) {
    const auto open = run_task(sharing.resolve(link.token.expose()));
    EXPECT_FALSE(open.has_value());
    return open ? ErrorCode::kInternal : open.error().code;
  }
  bool opens(const CreatedShare& link) {
    return run_task(sharing.resolve(link.token.expose())).has_value();
  }

  Actor actor, other;
  ScanId scan;
};

TEST_F(Links, ALinkOpensTheScanItWasMadeFor) {
  const CreatedShare link =
      share({.expires_hours = 1, .label = "Auditor", .scope = "report", .recipient = "KPMG"});
  EXPECT_EQ(link.row.expires_at, clock.now() + std::chrono::hours(1));
  EXPECT_EQ(link.row.hint, link.token.expose().substr(link.token.expose().size() - 4));
  const auto open = run_task(sharing.resolve(link.token.expose()));
  ASSERT_TRUE(open);
  EXPECT_EQ(open->share.scan_id, scan);
  EXPECT_EQ(open->share.tenant_name, "acme");
  EXPECT_EQ(open->share.recipient, "KPMG");
  EXPECT_EQ(open->share.created_by, actor.key);
  const auto overview = run_task(sharing.overview(*open));
  ASSERT_TRUE(overview);
  EXPECT_EQ((*overview)->document.scan_id, scan.str());
  EXPECT_TRUE((*overview)->document.sample);
  EXPECT_TRUE((*overview)->document.judgement.score.has_value());
  const auto again = run_task(sharing.overview(*open));
  EXPECT_EQ(again->get(), overview->get()) << "made once for all visitors";
  EXPECT_EQ(run_task(sharing.find(actor.tenant, link.row.id))->view_count, 0);
}

TEST_F(Links, VisitorsSeeTheBrandingName) {
  const CreatedShare link = share();
  Settings settings;
  settings.branding_name = "ACME Security";
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)));
  EXPECT_EQ(run_task(sharing.resolve(link.token.expose()))->share.tenant_name, "ACME Security");
  settings.branding_name = "";
  settings.retention_days = 30;
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)));
  EXPECT_EQ(run_task(sharing.resolve(link.token.expose()))->share.tenant_name, "acme");
}

TEST_F(Links, TheTokenIsNowhereOnDiskAndTheTrailHasNone) {
  const CreatedShare link = share({.label = "unmistakable label"});
  const std::string_view token = link.token.expose();
  EXPECT_TRUE(on_disk("unmistakable label"));
  EXPECT_FALSE(on_disk(token));
  EXPECT_FALSE(on_disk(token.substr(16, 32)));
  const auto trail = audit_of(actor.tenant, "share.create");
  ASSERT_EQ(trail.size(), 1U);
  EXPECT_EQ(trail.front().subject, link.row.id.str());
  EXPECT_EQ(trail.front().request_id, "req-acme");
  EXPECT_EQ(trail.front().detail.find(std::string(token.substr(6, 10))), std::string::npos);
}

TEST_F(Links, WhatCannotBeSharedSaysWhy) {
  EXPECT_EQ(run_task(sharing.create(other, scan, {})).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.create(actor, ScanId::generate(clock.now(), random), {})).error().code,
            ErrorCode::kNotFound);
  const ScanId queued = submit_sample(actor);
  const auto early = run_task(sharing.create(actor, queued, {}));
  EXPECT_EQ(early.error().code, ErrorCode::kScanNotFinished);
  EXPECT_NE(early.error().public_detail.find("queued"), std::string::npos);
  const auto bad = run_task(sharing.create(actor, scan,
                                           {.expires_hours = 721,
                                            .label = std::string(256, 'x'),
                                            .scope = "all",
                                            .recipient = std::string("a\x01")}));
  ASSERT_EQ(bad.error().code, ErrorCode::kValidationFailed);
  std::vector<std::string> fields;
  for (const FieldError& field : bad.error().fields) fields.push_back(field.field);
  EXPECT_THAT(fields, ::testing::ElementsAre("expiresHours", "label", "scope", "recipient"));
  EXPECT_EQ(audit_of(actor.tenant, "share.create").size(), 0U);
  EXPECT_EQ(run_task(sharing.list(actor.tenant, {}, {}))->size(), 0U);
}

TEST_F(Links, TextLimitsCountCharactersNotBytes) {
  std::string label;
  for (int i = 0; i < 255; ++i) label += "ü";
  EXPECT_EQ(share({.label = label}).row.label, label);
  EXPECT_FALSE(run_task(sharing.create(actor, scan, {.label = label + "ü"})));
}

TEST_F(Links, MalformedUnknownAndForgedTokensAreOneAndTheSame) {
  const CreatedShare link = share();
  const auto unknown = crypto::new_token(crypto::kShareTokenPrefix, pepper, random);
  std::string forged(link.token.expose().substr(0, 16));
  forged += unknown.text.expose().substr(16, 32);
  forged += to_base62(crc32(forged), 6);
  std::string typo(link.token.expose());
  typo.back() = typo.back() == 'A' ? 'B' : 'A';
  ASSERT_TRUE(crypto::parse_token(crypto::kShareTokenPrefix, forged));
  const auto first = run_task(sharing.resolve("cnt_s_nonsense"));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::kNotFound);
  for (const std::string_view text :
       {unknown.text.expose(), std::string_view(forged), std::string_view(typo),
        std::string_view(""), std::string_view("\xff\0x", 3)}) {
    const auto answer = run_task(sharing.resolve(text));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, first.error().code);
    EXPECT_EQ(answer.error().public_detail, first.error().public_detail);
    EXPECT_EQ(answer.error().internal, first.error().internal);
  }
  EXPECT_TRUE(opens(link));
}

TEST_F(Links, ExpiryIsExactToTheMillisecond) {
  const CreatedShare link = share({.expires_hours = 1});
  clock.advance(std::chrono::hours(1) - std::chrono::milliseconds(1));
  EXPECT_TRUE(opens(link));
  EXPECT_EQ(share_state(link.row, clock.now()), "active");
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkExpired);
  EXPECT_EQ(share_state(link.row, clock.now()), "expired");
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkExpired);
  // Prolonged, it opens again.
  ASSERT_TRUE(run_task(sharing.patch(actor, link.row.id, {}, {}, 2, {})));
  EXPECT_TRUE(opens(link));
}

TEST_F(Links, RevokingWorksAtOnceAndTwice) {
  const CreatedShare link = share();
  const auto revoked = run_task(sharing.revoke(actor, link.row.id));
  ASSERT_TRUE(revoked);
  EXPECT_EQ(share_state(*revoked, clock.now()), "revoked");
  EXPECT_GT(revoked->revision, link.row.revision);
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkRevoked);
  clock.advance(std::chrono::seconds(1));
  const auto again = run_task(sharing.revoke(actor, link.row.id));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revoked_at, revoked->revoked_at);
  EXPECT_EQ(audit_of(actor.tenant, "share.revoke").size(), 1U);
  EXPECT_EQ(run_task(sharing.patch(actor, link.row.id, "x", {}, {}, {})).error().code,
            ErrorCode::kConflict);
  // Revoked comes before every other reason.
  clock.advance(std::chrono::hours(1000));
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkRevoked);
}

TEST_F(Links, PausingStopsALinkAndChangesAreKept) {
  const CreatedShare link = share({.label = "before"});
  const auto paused = run_task(sharing.patch(actor, link.row.id, "after", "Board", {}, true));
  ASSERT_TRUE(paused);
  EXPECT_EQ(paused->label, "after");
  EXPECT_EQ(paused->recipient, "Board");
  EXPECT_EQ(paused->expires_at, link.row.expires_at);
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkPaused);
  ASSERT_TRUE(run_task(sharing.patch(actor, link.row.id, {}, {}, {}, false)));
  EXPECT_TRUE(opens(link));
  EXPECT_EQ(audit_of(actor.tenant, "share.update").size(), 2U);
  EXPECT_EQ(run_task(sharing.patch(actor, link.row.id, {}, {}, 0, {})).error().code,
            ErrorCode::kValidationFailed);
}

TEST_F(Links, ALinkWithNoViewsLeftIsExhausted) {
  const CreatedShare link = share();
  ASSERT_TRUE(in_db<bool>([](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("UPDATE shares SET max_views = 2, view_count = 2"));
    return true;
  }));
  EXPECT_EQ(code_of(link), ErrorCode::kShareLinkExhausted);
  EXPECT_EQ(share_state(*run_task(sharing.find(actor.tenant, link.row.id)), clock.now()),
            "exhausted");
}

TEST_F(Links, AnotherTenantReachesNothing) {
  const CreatedShare link = share();
  EXPECT_EQ(run_task(sharing.find(other.tenant, link.row.id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.revoke(other, link.row.id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.patch(other, link.row.id, "x", {}, {}, {})).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.views(other.tenant, link.row.id, {})).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.list(other.tenant, scan, {})).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(sharing.list(other.tenant, {}, {}))->size(), 0U);
  EXPECT_EQ(run_task(sharing.list(actor.tenant, scan, {}))->size(), 1U);
  EXPECT_TRUE(opens(link));
}

TEST_F(Links, DownloadsAreLoggedWithoutTheAddress) {
  const CreatedShare link = share({.scope = "report"});
  const auto open = run_task(sharing.resolve(link.token.expose()));
  ASSERT_TRUE(open);
  const auto json = run_task(sharing.artifact(open->share.scan_id, ArtifactFormat::kJson));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)->content_type, "application/json");
  EXPECT_EQ((*json)->sha256, crypto::sha256_hex((*json)->bytes));
  EXPECT_EQ(run_task(scans.report(actor.tenant, scan, ArtifactFormat::kJson))->bytes,
            (*json)->bytes);
  const std::string agent = std::string("curl\r\n\x1b[31m/8 \xff ") + std::string(400, 'x');
  ASSERT_TRUE(run_task(sharing.log_download(*open, "json", {"192.0.2.7", agent, "", ""})));
  clock.advance(std::chrono::milliseconds(1));  // the log's order is by time
  ASSERT_TRUE(run_task(sharing.log_download(*open, "json", {"192.0.2.7", "", "", ""})));
  const auto views = run_task(sharing.views(actor.tenant, link.row.id, {}));
  ASSERT_EQ(views->size(), 2U);
  const store::ViewRow& first = views->back();
  EXPECT_EQ(first.outcome, "downloaded");
  EXPECT_EQ(first.format, "json");
  EXPECT_EQ(first.user_agent.size(), 255U);
  EXPECT_TRUE(first.user_agent.starts_with("curl[31m/8 ? xxx")) << first.user_agent;
  EXPECT_EQ(first.visitor, views->front().visitor);
  EXPECT_EQ(first.visitor.size(), 32U);
  EXPECT_FALSE(on_disk("192.0.2.7"));
  EXPECT_EQ(Sharing::outside_scope(*open, "bundle").value().public_detail,
            "This link's scope is \"report\", which does not include bundle.");
}

TEST_F(Links, ScopesCoverWhatTheDesignSays) {
  using enum ArtifactFormat;
  for (const std::string_view scope : {"report", "bundle", "passport"}) {
    for (const ArtifactFormat format : {kJson, kCsv, kPdf})
      EXPECT_TRUE(Sharing::scope_covers(scope, format));
    for (const ArtifactFormat format : {kCbom, kBundle})
      EXPECT_EQ(Sharing::scope_covers(scope, format), scope != "report");
    EXPECT_FALSE(Sharing::scope_covers(scope, kSarif));
    EXPECT_THAT(Sharing::formats_of_scope(scope), ::testing::IsSubsetOf(available_formats()));
  }
  EXPECT_FALSE(Sharing::scope_covers("other", kJson));
}

TEST_F(Links, WithoutADatabaseNothingIsGuessed) {
  const CreatedShare link = share();
  db->stop();
  EXPECT_EQ(run_task(sharing.create(actor, scan, {})).error().code, ErrorCode::kUnavailable);
  const auto open = run_task(sharing.resolve(link.token.expose()));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, ErrorCode::kUnavailable);
}

TEST(BoundedCacheTest, KeepsTheRecentlyUsedWithinBothBounds) {
  BoundedCache<int> cache({.entries_max = 3, .cost_max = 10});
  const auto put = [&](const char* key, int value, std::size_t cost) {
    cache.put(key, std::make_shared<const int>(value), cost);
  };
  put("a", 1, 1);
  put("b", 2, 1);
  put("c", 3, 1);
  EXPECT_NE(cache.find("a"), nullptr);
  put("d", 4, 1);
  EXPECT_EQ(cache.find("b"), nullptr) << "the least recently used leaves";
  EXPECT_NE(cache.find("a"), nullptr);
  put("big", 5, 9);
  EXPECT_EQ(cache.size(), 2U);
  put("huge", 6, 11);
  EXPECT_EQ(cache.find("huge"), nullptr);
  EXPECT_NE(cache.find("big"), nullptr);
}

}  // namespace
}  // namespace carnet::service
