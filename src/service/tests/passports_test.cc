// Passports of scans: made with them, chained, kept byte for byte, verified.

#include "service/passports.h"

#include <set>

#include <gmock/gmock.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/verify.h"
#include "service/tests/fixture.h"
#include "service/verification.h"

namespace carnet::service {
namespace {

using evidence::Verdict;
using ::testing::HasSubstr;

class PassportsTest : public ServiceTest {
 protected:
  PassportsTest()
      : keys(open_keys(key_text)),
        signer(keys, random),
        tlog(*db, clock, random, log, signer,
             {.origin = "carnet.example.org/log", .witnesses = {}}),
        passports(*db, clock, random, keys, tlog),
        verification(clock, passports) {
    passports.set_issuer_url("https://carnet.example.org");
  }
  ~PassportsTest() override {
    verification.stop();
    db->stop();
    tlog.stop();
  }
  static KeySeal seal() {
    return {.kind = KeySeal::Kind::kKeyFile, .secret = Secret(std::string(64, 's'))};
  }
  SigningKeysNow open_keys(std::string& text) {
    text = new_key_file(seal(), clock.now(), random).value();
    return open_key_file(text, seal()).value();
  }
  ScanWorker::Options worker_options(int at_once = 4) {
    ScanWorker::Options options;
    options.scans_at_once = at_once;
    options.poll = std::chrono::milliseconds(20);
    options.signals = &signals;
    options.passports = &passports;
    return options;
  }
  void run_all(const Actor& actor, const std::vector<ScanId>& ids, int at_once = 4) {
    FakeDialer dialer(FakeDialer::Mode::kRefuse);
    WorkerHost worker(*db, clock, random, log, dialer, worker_options(at_once));
    for (const ScanId& id : ids) EXPECT_EQ(wait_until_over(actor, id).status, "success");
  }
  store::PassportRow passport_of(const ScanId& id) { return run_task(passports.find(id)).value(); }
  Artifact file_of(const ScanId& id, ArtifactFormat format) {
    auto found = run_task(passports.artifact(id, format));
    EXPECT_TRUE(found.has_value() && found->has_value());
    return **found;
  }
  evidence::Verification check(std::string document, std::string passport = {}) {
    Verification::Handed handed{.document = std::move(document), .passport = std::move(passport)};
    return run_task(verification.check(std::move(handed))).value();
  }
  static evidence::PassportFacts facts_of(const store::PassportRow& row) {
    return evidence::read_statement(
               evidence::read_envelope(std::string_view(row.envelope))->payload)
        .value();
  }

  std::string key_text;
  SigningKeys keys;
  LogSigner signer;
  Transparency tlog;
  Passports passports;
  Verification verification;
};

TEST_F(PassportsTest, AFinishedScanHasOneThatVerifiesWithEveryFile) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor, "quarterly");
  run_all(actor, {id});
  const auto checked = run_task(verification.check_scan(id));
  ASSERT_TRUE(checked.has_value()) << checked.error().public_detail;
  EXPECT_EQ(checked->verification.verdict, Verdict::kValid) << checked->verification.summary;
  EXPECT_TRUE(checked->verification.passport->sample);
  for (const evidence::Check& one : checked->verification.checks)
    EXPECT_EQ(one.state, evidence::CheckState::kOk) << one.id << ": " << one.words;
  const evidence::PassportFacts facts = facts_of(passport_of(id));
  EXPECT_EQ(facts.tenant_name, "Example Bank");
  EXPECT_EQ(facts.issuer_url, "https://carnet.example.org");
  EXPECT_EQ(facts.log_origin, "carnet.example.org/log");
  EXPECT_FALSE(facts.previous.has_value());
  // The label is its owner's and stands in no signed statement.
  EXPECT_THAT(evidence::read_envelope(std::string_view(passport_of(id).envelope))->payload,
              ::testing::Not(HasSubstr("quarterly")));
  // And so do the single forms.
  const store::PassportRow row = passport_of(id);
  EXPECT_EQ(check(row.envelope).verdict, Verdict::kValid);
  EXPECT_EQ(check(file_of(id, ArtifactFormat::kCsv).bytes, row.envelope).verdict, Verdict::kValid);
  const auto signed_report = run_task(passports.signed_report(id)).value();
  EXPECT_EQ(check(signed_report.artifact.bytes).verdict, Verdict::kValid);
  const boost::json::object proof{{"content_hash", checked->proof.content_hash},
                                  {"signature", checked->proof.signature}};
  EXPECT_EQ(check(json::write(boost::json::object{{"proof", proof}})).verdict, Verdict::kValid);
}

TEST_F(PassportsTest, ARealScanIsNoSample) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_loopback(actor, {443, 8443});
  run_all(actor, {id});
  const auto checked = run_task(verification.check_scan(id)).value();
  EXPECT_EQ(checked.verification.verdict, Verdict::kValid) << checked.verification.summary;
  EXPECT_FALSE(checked.verification.passport->sample);
  EXPECT_THAT(checked.verification.passport->targets,
              ::testing::ElementsAre("127.0.0.1:443", "127.0.0.1:8443"));
}

TEST_F(PassportsTest, ReportsAreTheVeryBytesThatWereSigned) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor);
  run_all(actor, {id});
  Scans::Options options = scan_options();
  options.passports = &passports;
  Scans with_passports(*db, clock, random, policy, options);
  const evidence::PassportFacts facts = facts_of(passport_of(id));
  const auto digest = [&](std::string_view name) {
    for (const evidence::Subject& subject : facts.subjects)
      if (subject.name == name) return subject.sha256;
    return std::string();
  };
  const auto report = run_task(with_passports.report(actor.tenant, id, ArtifactFormat::kJson));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(crypto::sha256_hex(report->bytes), digest("report.json"));
  const auto table = run_task(with_passports.report(actor.tenant, id, ArtifactFormat::kCsv));
  EXPECT_EQ(crypto::sha256_hex(table->bytes), digest("assets.csv"));
  const Actor other = make_tenant("Other");
  EXPECT_EQ(run_task(with_passports.report(other.tenant, id, ArtifactFormat::kBundle)).error().code,
            ErrorCode::kNotFound);
}

TEST_F(PassportsTest, TheBundleIsTheSameBytesForever) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor);
  run_all(actor, {id});
  const Artifact first = file_of(id, ArtifactFormat::kBundle);
  EXPECT_EQ(first.content_type, "application/zip");
  // More scans, other keys, another day.
  clock.advance(std::chrono::hours(24));
  run_all(actor, {submit_sample(actor), submit_loopback(actor, {1})});
  key_text = rotate_key_file(key_text, seal(), {.now = clock.now(), .overlap = {}}, random).value();
  keys.replace(open_key_file(key_text, seal()).value());
  clock.advance(std::chrono::hours(24));
  const Artifact again = file_of(id, ArtifactFormat::kBundle);
  EXPECT_EQ(first.bytes, again.bytes);
  EXPECT_EQ(first.sha256, again.sha256);
  // Its keys are retired by now, and it is genuine all the same.
  const evidence::Verification result = check(again.bytes);
  EXPECT_EQ(result.verdict, Verdict::kValid) << result.summary;
  // What is signed from now on is signed with the new ones.
  const ScanId later = submit_sample(actor);
  run_all(actor, {later});
  EXPECT_THAT(run_task(verification.check_scan(later)).value().verification.keyids,
              ::testing::ElementsAre(keys.current()->passport.ed25519_keyid(),
                                     keys.current()->passport.mldsa_keyid()));
}

TEST_F(PassportsTest, AChainNeverForksHoweverManyScansEndAtOnce) {
  const Actor actor = make_tenant("Example Bank");
  std::vector<ScanId> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(submit_sample(actor));
  const Actor other = make_tenant("Other Bank");
  const ScanId of_other = submit_sample(other);
  run_all(actor, ids, 12);
  EXPECT_EQ(wait_until_over(other, of_other).status, "success");
  std::set<std::string> digests, previous;
  int first = 0;
  for (const ScanId& id : ids) {
    const store::PassportRow row = passport_of(id);
    digests.insert(row.sha256);
    const auto facts = facts_of(row);
    if (facts.previous) {
      EXPECT_TRUE(previous.insert(facts.previous->sha256).second) << "two follow the same";
    } else {
      ++first;
    }
  }
  EXPECT_EQ(first, 1);
  EXPECT_EQ(digests.size(), ids.size());
  for (const std::string& one : previous) EXPECT_TRUE(digests.contains(one));
  // Another tenant's scan of the same names is another chain.
  EXPECT_FALSE(facts_of(passport_of(of_other)).previous.has_value());
}

TEST_F(PassportsTest, AChainOutlivesTheScansOfIt) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId first = submit_sample(actor);
  run_all(actor, {first});
  const std::string digest = passport_of(first).sha256;
  ASSERT_TRUE(run_task(scans.erase(actor, first)).has_value());
  EXPECT_EQ(run_task(passports.find(first)).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(run_task(passports.artifact(first, ArtifactFormat::kBundle)).value().has_value());
  const ScanId second = submit_sample(actor);
  run_all(actor, {second});
  const auto facts = facts_of(passport_of(second));
  ASSERT_TRUE(facts.previous.has_value());
  EXPECT_EQ(facts.previous->sha256, digest);
  EXPECT_EQ(facts.previous->scan_id, first.str());
}

TEST_F(PassportsTest, EachPassportIsInTheLog) {
  const Actor actor = make_tenant("Example Bank");
  const std::vector<ScanId> ids{submit_sample(actor), submit_sample(actor), submit_sample(actor)};
  run_all(actor, ids, 1);
  std::set<std::int64_t> indexes;
  for (const ScanId& id : ids) indexes.insert(passport_of(id).log_index);
  EXPECT_THAT(indexes, ::testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(run_task(tlog.checkpoint())->checkpoint.size, 3U);
}

TEST_F(PassportsTest, WhatIsSignedButNotLoggedIsRefused) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor);
  run_all(actor, {id});
  // Somebody has the keys, and signs beside the log.
  evidence::Envelope envelope =
      evidence::read_envelope(std::string_view(passport_of(id).envelope)).value();
  const SigningPair& pair = keys.current()->passport;
  const evidence::Envelope again =
      evidence::sign_passport(envelope.payload, {.ed25519 = pair.ed25519, .mldsa = pair.mldsa},
                              random)
          .value();
  const evidence::Verification result = check(evidence::envelope_json(again));
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(result.summary, HasSubstr("does not have it"));
}

TEST_F(PassportsTest, WithoutKeysScansFinishWithoutPassports) {
  keys.replace(nullptr);
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor);
  run_all(actor, {id});
  EXPECT_EQ(run_task(passports.find(id)).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(run_task(scans.report(actor.tenant, id, ArtifactFormat::kJson)).has_value());
}

TEST_F(PassportsTest, AFileThatChangedInTheStoreIsNotGivenOut) {
  const Actor actor = make_tenant("Example Bank");
  const ScanId id = submit_sample(actor);
  run_all(actor, {id});
  const auto spoil = [&](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(
        connection.run("UPDATE passport_files SET sha256 = 'x' WHERE name = 'report.json'"));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(spoil).has_value());
  EXPECT_EQ(run_task(passports.artifact(id, ArtifactFormat::kJson)).error().code,
            ErrorCode::kInternal);
}

}  // namespace
}  // namespace carnet::service
