#include "service/tenancy.h"

#include "crypto/token.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

using Tenants = ServiceTest;

std::vector<std::string> fields_of(const Error& error) {
  std::vector<std::string> out;
  for (const FieldError& field : error.fields) out.push_back(field.field);
  return out;
}

TEST_F(Tenants, SlugComesFromTheNameAndNamesakesGetANumber) {
  const auto first =
      run_task(tenancy.create_tenant(platform(), {.name = "ACME Corp. (EU)", .slug = {}}));
  const auto second =
      run_task(tenancy.create_tenant(platform(), {.name = "Acme corp EU", .slug = {}}));
  const auto foreign = run_task(tenancy.create_tenant(platform(), {.name = "日本", .slug = {}}));
  EXPECT_EQ(first->slug, "acme-corp-eu");
  EXPECT_EQ(second->slug, "acme-corp-eu-2");
  EXPECT_EQ(foreign->slug, "tenant");
  EXPECT_EQ(audit_of(first->id, "tenant.create").size(), 1U);
  EXPECT_EQ(run_task(tenancy.list_tenants({}))->size(), 3U);
}

TEST_F(Tenants, AGivenSlugThatIsTakenIsAConflictAndLeavesNoTrace) {
  ASSERT_TRUE(run_task(tenancy.create_tenant(platform(), {.name = "One", .slug = "one"})));
  const auto again = run_task(tenancy.create_tenant(platform(), {.name = "Two", .slug = "one"}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_NE(again.error().public_detail.find("\"one\""), std::string::npos);
  EXPECT_EQ(run_task(tenancy.list_tenants({}))->size(), 1U);
}

TEST_F(Tenants, EveryBadFieldIsNamed) {
  const auto bad = run_task(tenancy.create_tenant(platform(), {.name = " ", .slug = "No Slug"}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kValidationFailed);
  EXPECT_THAT(fields_of(bad.error()), ::testing::ElementsAre("name", "slug"));

  const Actor actor = make_tenant("acme");
  const auto key = run_task(tenancy.issue_key(platform(), actor.tenant,
                                              {.label = std::string(256, 'x'),
                                               .role = Role::kViewer,
                                               .expires_days = 0,
                                               .rate_per_minute = 1'000'001}));
  EXPECT_THAT(fields_of(key.error()),
              ::testing::ElementsAre("label", "expiresDays", "ratePerMinute"));
}

TEST_F(Tenants, AKeyOpensItsTenantUntilItIsRevoked) {
  const Actor actor = make_tenant("acme");
  const auto issued = run_task(tenancy.issue_key(
      platform(), actor.tenant,
      {.label = "ci", .role = Role::kAdmin, .expires_days = {}, .rate_per_minute = 7}));
  ASSERT_TRUE(issued);
  const auto identity = run_task(tenancy.authenticate(issued->token.expose()));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->actor.tenant, actor.tenant);
  EXPECT_EQ(identity->actor.tenant_name, "acme");
  EXPECT_EQ(identity->actor.key, issued->row.id);
  EXPECT_EQ(identity->actor.role, Role::kAdmin);
  EXPECT_EQ(identity->rate_per_minute, 7);
  EXPECT_FALSE(identity->actor.platform);

  const auto revoked = run_task(tenancy.revoke_key(platform(), issued->row.id));
  ASSERT_TRUE(revoked);
  EXPECT_FALSE(run_task(tenancy.authenticate(issued->token.expose())));
  clock.advance(std::chrono::seconds(5));
  const auto again = run_task(tenancy.revoke_key(platform(), issued->row.id));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revoked_at, revoked->revoked_at);
  EXPECT_EQ(audit_of(actor.tenant, "key.revoke").size(), 1U);
}

TEST_F(Tenants, EveryWrongKeyGetsTheSameAnswer) {
  const Actor actor = make_tenant("acme");
  const NewKey request{
      .label = "k", .role = Role::kViewer, .expires_days = 1, .rate_per_minute = {}};
  const auto good = run_task(tenancy.issue_key(platform(), actor.tenant, request));
  const auto revoked = run_task(tenancy.issue_key(platform(), actor.tenant, request));
  ASSERT_TRUE(run_task(tenancy.revoke_key(platform(), revoked->row.id)));
  const auto unknown = crypto::new_token(crypto::kKeyTokenPrefix, pepper, random);
  // The good key's public id with another secret and right check digits.
  std::string forged(good->token.expose().substr(0, 16));
  forged += unknown.text.expose().substr(16, 32);
  forged += to_base62(crc32(forged), 6);

  std::vector<Error> errors;
  for (const std::string_view text :
       {std::string_view(""), std::string_view("cnt_k_short"), unknown.text.expose(),
        std::string_view(forged), revoked->token.expose()}) {
    const auto answer = run_task(tenancy.authenticate(text));
    ASSERT_FALSE(answer) << text;
    errors.push_back(answer.error());
  }
  const Timestamp expires = *good->row.expires_at;
  clock.advance(expires - clock.now() - std::chrono::milliseconds(1));
  EXPECT_TRUE(run_task(tenancy.authenticate(good->token.expose())));
  clock.advance(std::chrono::milliseconds(1));
  errors.push_back(run_task(tenancy.authenticate(good->token.expose())).error());
  clock.advance(std::chrono::milliseconds(1));
  errors.push_back(run_task(tenancy.authenticate(good->token.expose())).error());
  for (const Error& error : errors) {
    EXPECT_EQ(error.code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(error.public_detail, errors.front().public_detail);
  }
}

TEST_F(Tenants, TheKeyItselfIsNowhereOnDisk) {
  const Actor actor = make_tenant("acme");
  const auto issued =
      run_task(tenancy.issue_key(platform(), actor.tenant, {.label = "unmistakable label"}));
  const std::string_view token = issued->token.expose();
  EXPECT_TRUE(on_disk("unmistakable label"));
  EXPECT_FALSE(on_disk(token));
  EXPECT_FALSE(on_disk(token.substr(16, 32)));
}

TEST_F(Tenants, LastUseIsWrittenAtMostEveryHalfMinute) {
  const Actor actor = make_tenant("acme");
  const auto issued = run_task(tenancy.issue_key(platform(), actor.tenant, {.label = "k"}));
  const auto last_used = [&] {
    return run_task(tenancy.list_keys(actor.tenant, {}))->front().last_used_at;
  };
  const Timestamp first = clock.now();
  ASSERT_TRUE(run_task(tenancy.authenticate(issued->token.expose())));
  EXPECT_EQ(last_used(), std::nullopt);
  run_task(tenancy.flush_last_used());
  EXPECT_EQ(last_used(), first);
  clock.advance(std::chrono::milliseconds(29'999));
  ASSERT_TRUE(run_task(tenancy.authenticate(issued->token.expose())));
  run_task(tenancy.flush_last_used());
  EXPECT_EQ(last_used(), first);
  clock.advance(std::chrono::milliseconds(1));
  run_task(tenancy.flush_last_used());
  EXPECT_EQ(last_used(), first + std::chrono::milliseconds(29'999));
}

TEST_F(Tenants, OtherTenantsAndUnknownOnesAreNotFound) {
  const Actor acme = make_tenant("acme");
  const Actor other = make_tenant("other");
  const auto key = run_task(tenancy.issue_key(platform(), acme.tenant, {.label = "k"}));
  EXPECT_EQ(run_task(tenancy.issue_key(other, acme.tenant, {.label = "k"})).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(tenancy.revoke_key(other, key->row.id)).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(run_task(tenancy.authenticate(key->token.expose())))
      << "the refused revocation must be rolled back";
  const TenantId nobody = TenantId::generate(clock.now(), random);
  EXPECT_EQ(run_task(tenancy.issue_key(platform(), nobody, {.label = "k"})).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(run_task(tenancy.list_keys(nobody, {})).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(tenancy.me(nobody)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(
      run_task(tenancy.revoke_key(platform(), KeyId::generate(clock.now(), random))).error().code,
      ErrorCode::kNotFound);
}

TEST_F(Tenants, SettingsAreCheckedKeptAndAudited) {
  const Actor actor = make_tenant("acme");
  Settings settings;
  settings.data_shelf_life_years = 12.5;
  settings.retention_days = 90;
  settings.alert_score_drop = 5;
  settings.branding_name = "ACME Security";
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)));
  const auto back = run_task(tenancy.settings(actor.tenant));
  EXPECT_EQ(back->data_shelf_life_years, 12.5);
  EXPECT_EQ(back->migration_time_years, std::nullopt);
  EXPECT_EQ(back->retention_days, 90);
  EXPECT_EQ(back->alert_score_drop, 5);
  EXPECT_EQ(back->branding_name, "ACME Security");
  EXPECT_EQ(audit_of(actor.tenant, "settings.update").size(), 1U);

  settings = {.data_shelf_life_years = -1,
              .migration_time_years = 101,
              .years_to_qday = std::numeric_limits<double>::quiet_NaN(),
              .retention_days = 0,
              .alert_score_drop = 0,
              .branding_name = "a\x01"};
  EXPECT_THAT(fields_of(run_task(tenancy.put_settings(actor, settings)).error()),
              ::testing::ElementsAre("mosca.dataShelfLifeYears", "mosca.migrationTimeYears",
                                     "mosca.yearsToQDay", "retentionDays", "alertScoreDrop",
                                     "brandingName"));
}

// The ETag was right when it was looked at, and is not when it is written.
TEST_F(Tenants, WhoReplacesWhatAnotherJustReplacedIsRefused) {
  const Actor actor = make_tenant("acme");
  const Settings seen = run_task(tenancy.settings(actor.tenant)).value();
  Settings first = seen, second = seen;
  first.branding_name = "first";
  second.branding_name = "second";
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, first, seen)));
  EXPECT_EQ(run_task(tenancy.put_settings(actor, second, seen)).error().code,
            ErrorCode::kPreconditionFailed);
  EXPECT_EQ(run_task(tenancy.settings(actor.tenant))->branding_name, "first");
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, second, first)));
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, first)));
  EXPECT_EQ(audit_of(actor.tenant, "settings.update").size(), 3U);

  const AuthorizedTargets none = run_task(tenancy.authorized_targets(actor.tenant)).value();
  AuthorizedTargets targets;
  targets.domains = {"example.org"};
  targets.attestation = "We own them.";
  const auto put = run_task(tenancy.put_authorized_targets(actor, targets, none));
  ASSERT_TRUE(put);
  targets.domains = {"example.net"};
  EXPECT_EQ(run_task(tenancy.put_authorized_targets(actor, targets, none)).error().code,
            ErrorCode::kPreconditionFailed);
  EXPECT_TRUE(run_task(tenancy.put_authorized_targets(actor, targets, *put)));
}

TEST_F(Tenants, AuthorizedTargetsAreNormalizedAttestedAndAudited) {
  const Actor actor = make_tenant("acme");
  AuthorizedTargets targets;
  targets.domains = {"Example.ORG.", "example.org", "db1"};
  targets.cidrs = {"198.51.100.77/24"};
  EXPECT_THAT(fields_of(run_task(tenancy.put_authorized_targets(actor, targets)).error()),
              ::testing::ElementsAre("attestation"));
  targets.attestation = "We own them.";
  const auto put = run_task(tenancy.put_authorized_targets(actor, targets));
  ASSERT_TRUE(put);
  const auto back = run_task(tenancy.authorized_targets(actor.tenant));
  EXPECT_THAT(back->domains, ::testing::ElementsAre("example.org", "db1"));
  EXPECT_THAT(back->cidrs, ::testing::ElementsAre("198.51.100.0/24"));
  EXPECT_EQ(back->attested_by, actor.key.str());
  EXPECT_EQ(back->attested_at, clock.now());
  EXPECT_EQ(audit_of(actor.tenant, "authorized_targets.update").size(), 1U);

  targets.domains = {"*.example.org", "example.org:443", "192.0.2.1", "exa mple"};
  targets.cidrs = {"0.0.0.0/0", "nonsense"};
  const auto bad = run_task(tenancy.put_authorized_targets(actor, targets));
  ASSERT_FALSE(bad);
  std::vector<std::string> pointers;
  for (const FieldError& field : bad.error().fields) pointers.push_back(field.pointer);
  EXPECT_THAT(pointers, ::testing::ElementsAre("/domains/0", "/domains/1", "/domains/2",
                                               "/domains/3", "/cidrs/0", "/cidrs/1"));
}

}  // namespace
}  // namespace carnet::service
