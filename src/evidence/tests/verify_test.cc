// What is genuine passes; each way of altering or forging it is refused with its own message.

#include "evidence/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "evidence/tests/issued.h"

namespace carnet::evidence::testing {
namespace {

using test::large_document;
using ::testing::HasSubstr;

inventory::ScanDocument sample_document() {
  inventory::ScanDocument document = large_document(3);
  document.sample = true;
  for (auto& endpoint : document.endpoints) endpoint.host = "www.meridian-bank.example";
  return document;
}

class Verify : public ::testing::Test {
 protected:
  // The bundle after `change` was done to its files.
  template <class Change>
  Verification after(Change change) {
    std::vector<BundleEntry> entries = issuer.issued(document);
    change(entries);
    return issuer.check(bundle_of(std::move(entries)).value());
  }
  static BundleEntry& entry(std::vector<BundleEntry>& entries, std::string_view name) {
    return *std::find_if(entries.begin(), entries.end(),
                         [&](const BundleEntry& one) { return one.name == name; });
  }
  // A bundle around another envelope than the right one, logged all the same.
  std::string around(const Envelope& envelope) {
    return bundle_of(Issuer::entries(issuer.files(document), envelope, issuer.log(envelope)))
        .value();
  }

  Issuer issuer;
  inventory::ScanDocument document = large_document(3);
};

TEST_F(Verify, AGenuineBundlePassesEveryCheck) {
  const Verification result = after([](auto&) {});
  EXPECT_EQ(result.verdict, Verdict::kValid) << all_words(result);
  ASSERT_EQ(result.checks.size(), 9U);
  for (const Check& check : result.checks)
    EXPECT_EQ(check.state, CheckState::kOk) << check.id << ": " << check.words;
  EXPECT_EQ(result.keyids.size(), 2U);
  EXPECT_TRUE(signatures_hold(result));
  EXPECT_EQ(result.passport->tenant_name, "Example Bank");
}

TEST_F(Verify, AByteChangedInAnyFileIsFound) {
  for (const BundleEntry& file : issuer.files(document)) {
    const Verification result = after([&](auto& entries) {
      std::string& bytes = entry(entries, file.name).bytes;
      bytes[bytes.size() / 2] ^= 1;
    });
    EXPECT_EQ(result.verdict, Verdict::kForged);
    EXPECT_THAT(failure_of(result, "subjects"),
                HasSubstr("The file " + file.name + " was altered"));
  }
}

TEST_F(Verify, AFileAddedDroppedOrRenamedIsFound) {
  const Verification added =
      after([](auto& entries) { entries.push_back({.name = "evil.html", .bytes = "<script>"}); });
  EXPECT_THAT(failure_of(added, "subjects"), HasSubstr("evil.html was added"));
  const Verification dropped = after([](auto& entries) { entries.erase(entries.begin() + 1); });
  EXPECT_THAT(failure_of(dropped, "subjects"), HasSubstr("assets.csv was taken out"));
  const Verification renamed =
      after([](auto& entries) { entry(entries, "assets.csv").name = "other.csv"; });
  EXPECT_THAT(failure_of(renamed, "subjects"), HasSubstr("other.csv was renamed"));
  for (const Verification& result : {added, dropped, renamed})
    EXPECT_EQ(result.verdict, Verdict::kForged);
}

TEST_F(Verify, TheUnlistedFilesCannotBeTakenOutOrChangedEither) {
  const Verification no_passport = after([](auto& entries) {
    std::erase_if(entries, [](const BundleEntry& one) { return one.name == kPassportName; });
  });
  EXPECT_EQ(no_passport.verdict, Verdict::kForged);
  EXPECT_THAT(no_passport.summary, HasSubstr("no passport.json"));
  const Verification no_proof = after([](auto& entries) {
    std::erase_if(entries, [](const BundleEntry& one) { return one.name == kLogProofName; });
  });
  EXPECT_THAT(failure_of(no_proof, "log-inclusion"),
              HasSubstr("passport.tlog-proof was taken out"));
  // Without the list, or with another list, by writing the archive without bundle_of().
  std::vector<BundleEntry> bare = issuer.issued(document);
  const Verification no_sums = issuer.check(write_bundle(bare).value());
  EXPECT_THAT(failure_of(no_sums, "subjects"), HasSubstr("SHA256SUMS was taken out"));
  bare.push_back({.name = std::string(kChecksumsName), .bytes = "nothing\n"});
  const Verification other_sums = issuer.check(write_bundle(bare).value());
  EXPECT_THAT(failure_of(other_sums, "subjects"), HasSubstr("SHA256SUMS was altered"));
}

TEST_F(Verify, AFileThatIsThereTwiceIsFound) {
  // Two archives glued together as an attacker would: a second local entry of the same name.
  const std::string good = bundle_of(issuer.issued(document)).value();
  std::string renamed = bundle_of([&] {
                          auto entries = issuer.issued(document);
                          entry(entries, "assets.csv").name = "assetsXcsv";
                          entries.push_back({.name = "assets.csv", .bytes = "\"host\"\r\n"});
                          return entries;
                        }())
                            .value();
  for (std::size_t at = 0; (at = renamed.find("assetsXcsv", at)) != std::string::npos;)
    renamed.replace(at, 10, "assets.csv");
  const Verification result = issuer.check(renamed);
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(result, "archive"), HasSubstr("assets.csv"));
  EXPECT_EQ(issuer.check(good).verdict, Verdict::kValid);
}

TEST_F(Verify, AKeyThatTheDocumentBringsAlongProvesNothing) {
  const Keys own = new_keys();
  // Its own keys are even in the key set that it carries, and in the envelope.
  KeySet carried = issuer.set;
  trust(carried, own, KeyUse::kPassport, issuer.issued_at);
  std::vector<BundleEntry> files = issuer.files(document);
  entry(files, kKeysName).bytes = key_set_json(carried);
  const Envelope envelope = Issuer::sign(
      passport_statement(document, Issuer::subjects(files), issuer.issue()).value(), own);
  const Verification bundle =
      issuer.check(bundle_of(Issuer::entries(files, envelope, issuer.log(envelope))).value());
  EXPECT_EQ(bundle.verdict, Verdict::kForged);
  for (const std::string_view id : {"signature-ed25519", "signature-ml-dsa-65"}) {
    EXPECT_THAT(failure_of(bundle, id), HasSubstr("not among the trusted keys"));
    EXPECT_THAT(failure_of(bundle, id),
                HasSubstr("a key found only inside the document proves nothing"));
  }
  auto json = json::parse(envelope_json(envelope)).value();
  json.as_object()["publicKey"] = to_base64(own.ed25519.public_key);
  const Verification alone = issuer.check(json::write(json));
  EXPECT_EQ(alone.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(alone, "signature-ed25519"), HasSubstr("proves nothing"));
  EXPECT_FALSE(signatures_hold(alone));
}

TEST_F(Verify, OneOfTheTwoSignaturesIsNotEnough) {
  const Envelope whole = issuer.passport(document);
  for (const std::size_t kept : {0U, 1U}) {
    Envelope half = whole;
    half.signatures = {whole.signatures[kept]};
    const Verification result = issuer.check(around(half));
    EXPECT_EQ(result.verdict, Verdict::kForged);
    const std::string_view missing = kept == 0 ? "signature-ml-dsa-65" : "signature-ed25519";
    EXPECT_THAT(failure_of(result, missing), HasSubstr("only with both"));
    EXPECT_EQ(result.keyids.size(), 1U);
  }
  // Nor the same one twice, nor one under the name of the other.
  Envelope twice = whole;
  twice.signatures = {whole.signatures[0], whole.signatures[0]};
  EXPECT_EQ(issuer.check(around(twice)).verdict, Verdict::kForged);
  Envelope crossed = whole;
  crossed.signatures[1].keyid = crossed.signatures[0].keyid;
  EXPECT_EQ(issuer.check(around(crossed)).verdict, Verdict::kForged);
}

TEST_F(Verify, APayloadThatWasChangedFitsNoSignature) {
  Envelope envelope = issuer.passport(document);
  const std::size_t at = envelope.payload.find("Example Bank");
  envelope.payload.replace(at, 12, "Exemple Bank");
  const Verification result = issuer.check(around(envelope));
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(result, "signature-ed25519"), HasSubstr("does not fit"));
  EXPECT_THAT(failure_of(result, "signature-ml-dsa-65"), HasSubstr("does not fit"));
}

TEST_F(Verify, AKeyOfTheLogSignsNoPassport) {
  const Keys log_keys{
      .ed25519 = crypto::ed25519_from_seed(issuer.log_signer.ed25519.seed).value(),
      .mldsa = crypto::mldsa_from_seed(crypto::MlDsa::k65, issuer.log_signer.mldsa.seed).value()};
  const Verification result =
      issuer.check(around(Issuer::sign(issuer.statement(document), log_keys)));
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(result, "signature-ed25519"), HasSubstr("for the log and not for"));
}

TEST_F(Verify, ARetiredOrNotYetValidKeyIsRefused) {
  const std::string bundle = bundle_of(issuer.issued(document)).value();
  KeySet& set = issuer.set;
  const KeySet as_it_was = set;
  set.keys[1].not_after = issuer.issued_at - std::chrono::seconds(1);
  const Verification retired = issuer.check(bundle);
  EXPECT_EQ(retired.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(retired, "key-validity"), HasSubstr("ML-DSA-65"));
  EXPECT_THAT(failure_of(retired, "key-validity"), HasSubstr("was retired at"));
  set = as_it_was;
  set.keys[0].not_before = issuer.issued_at + std::chrono::seconds(1);
  const Verification early = issuer.check(bundle);
  EXPECT_EQ(early.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(early, "key-validity"), HasSubstr("was not yet valid"));
  // On the very second of both ends it counts.
  set = as_it_was;
  set.keys[0].not_before = issuer.issued_at;
  set.keys[1].not_after = issuer.issued_at;
  EXPECT_EQ(issuer.check(bundle).verdict, Verdict::kValid);
  // Signed in the future.
  set = as_it_was;
  issuer.now = issuer.issued_at - std::chrono::hours(1);
  EXPECT_THAT(failure_of(issuer.check(bundle), "key-validity"), HasSubstr("in the future"));
}

TEST_F(Verify, OfARetiredKeyOnlyTheLogShowsThatNothingWasBackDated) {
  const Envelope envelope = issuer.passport(document);
  const std::string text = envelope_json(envelope);
  EXPECT_EQ(issuer.check(text).verdict, Verdict::kValid);
  for (auto& key : issuer.set.keys)
    if (key.use == KeyUse::kPassport) key.not_after = issuer.issued_at + std::chrono::minutes(30);
  const Verification alone = issuer.check(text);
  EXPECT_EQ(alone.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(alone, "log-inclusion"), HasSubstr("back-dated"));
  const LogProof proof = issuer.log(envelope);
  const std::string proof_text = to_string(proof);
  const Verification logged = verify({.document = text,
                                      .passport = {},
                                      .log_proof = proof_text,
                                      .trusted = &issuer.set,
                                      .known_head = {},
                                      .now = issuer.now});
  EXPECT_EQ(logged.verdict, Verdict::kValid) << all_words(logged);
}

TEST_F(Verify, AProofForAnotherTreeIsRefused) {
  const Envelope envelope = issuer.passport(document);
  const LogProof right = issuer.log(envelope);
  Issuer other;  // another tree, under the same keys
  other.tiles.append(leaf_hash("something else"));
  LogProof wrong = other.log(envelope);
  wrong.checkpoint = right.checkpoint;
  const Verification path =
      issuer.check(bundle_of(Issuer::entries(issuer.files(document), envelope, wrong)).value());
  EXPECT_EQ(path.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(path, "log-inclusion"), HasSubstr("another tree"));
  // Another tree with its own checkpoint, by a log that nobody trusts.
  const Verification stranger = issuer.check(
      bundle_of(Issuer::entries(issuer.files(document), envelope, other.log(envelope))).value());
  EXPECT_EQ(stranger.verdict, Verdict::kForged);
  EXPECT_FALSE(failure_of(stranger, "log-checkpoint").empty());
  // The proof of another passport.
  const Verification swapped = issuer.check(
      bundle_of(Issuer::entries(issuer.files(document), issuer.passport(document), right)).value());
  EXPECT_THAT(failure_of(swapped, "log-inclusion"), HasSubstr("another passport"));
}

TEST_F(Verify, ACheckpointOfAForkedLogIsRefused) {
  const Envelope envelope = issuer.passport(document);
  const LogProof given = issuer.log(envelope);
  const std::string bundle =
      bundle_of(Issuer::entries(issuer.files(document), envelope, given)).value();
  const auto check_against = [&](const KnownLogHead& head) {
    return verify({.document = bundle,
                   .passport = {},
                   .log_proof = {},
                   .trusted = &issuer.set,
                   .known_head = head,
                   .now = issuer.now});
  };
  const Checkpoint same = issuer.head();
  EXPECT_EQ(check_against({.checkpoint = same, .consistency = {}}).verdict, Verdict::kValid);
  // What everybody else was shown: a tree of the same size with another entry in it.
  MemoryTiles shown;
  for (int i = 0; i < 6; ++i) shown.append(leaf_hash(fmt::format("another passport {}", i)));
  Checkpoint fork = same;
  fork.root = shown.frontier().root();
  const Verification forked = check_against({.checkpoint = fork, .consistency = {}});
  EXPECT_EQ(forked.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(forked, "log-checkpoint"), HasSubstr("The log was forked"));
  // Later heads: one that continues it, and one that does not.
  for (int i = 0; i < 4; ++i) issuer.tiles.append(leaf_hash(fmt::format("a later one {}", i)));
  const ConsistencyProof proof = prove_consistency(issuer.tiles.reader(), same.size, 10).value();
  const Verification grown = check_against({.checkpoint = issuer.head(), .consistency = proof});
  EXPECT_EQ(grown.verdict, Verdict::kValid) << all_words(grown);
  for (int i = 0; i < 4; ++i) shown.append(leaf_hash("more"));
  Checkpoint later = issuer.head();
  later.root = shown.frontier().root();
  EXPECT_THAT(
      failure_of(check_against({.checkpoint = later, .consistency = proof}), "log-checkpoint"),
      HasSubstr("The log was forked"));
}

TEST_F(Verify, WhatItsOwnLogDoesNotHaveIsRefused) {
  const std::string text = envelope_json(issuer.passport(document));
  const Verification result = verify({.document = text,
                                      .passport = {},
                                      .log_proof = {},
                                      .trusted = &issuer.set,
                                      .known_head = {},
                                      .absent_from_log = true,
                                      .now = issuer.now});
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(result, "log-inclusion"), HasSubstr("does not have it"));
  // Not either with a proof that it once had it.
  const std::string bundle = bundle_of(issuer.issued(document)).value();
  const Verification denied = verify({.document = bundle,
                                      .passport = {},
                                      .log_proof = {},
                                      .trusted = &issuer.set,
                                      .known_head = {},
                                      .absent_from_log = true,
                                      .now = issuer.now});
  EXPECT_EQ(denied.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(denied, "log-inclusion"), HasSubstr("the log was rewritten"));
}

TEST_F(Verify, JsonWithTwoReadingsIsRefusedInWordsThatHelp) {
  std::string envelope = envelope_json(issuer.passport(document));
  envelope.insert(1, R"("payload":"e30=",)");
  const Verification twice = issuer.check(envelope);
  EXPECT_EQ(twice.verdict, Verdict::kUnreadable);
  EXPECT_THAT(twice.summary, HasSubstr("\"payload\" twice"));
  std::string statement = issuer.statement(document);
  statement.insert(1, R"("predicateType":"x",)");
  const Verification signed_twice =
      issuer.check(envelope_json(Issuer::sign(statement, issuer.passport_keys)));
  EXPECT_EQ(signed_twice.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(signed_twice, "envelope"), HasSubstr("\"predicateType\" twice"));
}

TEST_F(Verify, ASamplePassedOffAsRealIsRefused) {
  // The issuer does not sign one.
  inventory::ScanDocument hidden = sample_document();
  hidden.sample = false;
  EXPECT_FALSE(passport_statement(hidden, {}, issuer.issue()).has_value());
  inventory::ScanDocument of_real_hosts = large_document(2);
  of_real_hosts.sample = true;
  EXPECT_FALSE(passport_statement(of_real_hosts, {}, issuer.issue()).has_value());

  // A genuine one says so.
  document = sample_document();
  const Verification genuine = after([](auto&) {});
  EXPECT_EQ(genuine.verdict, Verdict::kValid) << all_words(genuine);
  EXPECT_THAT(find_check(genuine, "sample")->words, HasSubstr("SAMPLE"));
  EXPECT_THAT(genuine.summary, HasSubstr("SAMPLE"));

  // One whose issuer lies: the flag is gone from the statement, with everything signed and logged.
  std::string lie = issuer.statement(document);
  lie.replace(lie.find("\"sample\":true"), 13, "\"sample\":false");
  const Verification report_says = issuer.check(around(Issuer::sign(lie, issuer.passport_keys)));
  EXPECT_EQ(report_says.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(report_says, "sample"), HasSubstr("SAMPLE is passed off as real"));
  const Verification alone = issuer.check(envelope_json(Issuer::sign(lie, issuer.passport_keys)));
  EXPECT_THAT(failure_of(alone, "sample"), HasSubstr("reserved for samples"));
}

TEST_F(Verify, AnExpiredPassportIsGenuineButCountsNoMore) {
  const std::string bundle = bundle_of(issuer.issued(document)).value();
  issuer.now = issuer.issued_at + kPassportLife;
  EXPECT_EQ(issuer.check(bundle).verdict, Verdict::kValid);
  issuer.now += std::chrono::milliseconds(1);
  const Verification late = issuer.check(bundle);
  EXPECT_EQ(late.verdict, Verdict::kExpired);
  EXPECT_THAT(failure_of(late, "not-after"), HasSubstr("has expired"));
}

TEST_F(Verify, OtherFormsOfADocument) {
  const Envelope envelope = issuer.passport(document);
  const std::string text = envelope_json(envelope);
  const std::string report = report_json(document);
  const std::string signed_report = with_signature_block(report, text);
  EXPECT_EQ(issuer.check(signed_report).verdict, Verdict::kValid);
  std::string altered = signed_report;
  altered.replace(altered.find("\"sample\":false"), 14, "\"sample\":true ");
  EXPECT_EQ(issuer.check(altered).verdict, Verdict::kForged);

  const CompactProof proof = compact_proof(crypto::sha256_hex(report), text);
  const auto proof_text = [](std::string_view hash, std::string_view signature) {
    const boost::json::object inner{{"content_hash", hash}, {"signature", signature}};
    return json::write(boost::json::object{{"proof", inner}});
  };
  EXPECT_EQ(issuer.check(proof_text(proof.content_hash, proof.signature)).verdict, Verdict::kValid);
  const std::string other_hash = "sha256:" + std::string(64, 'a');
  EXPECT_THAT(failure_of(issuer.check(proof_text(other_hash, proof.signature)), "subjects"),
              HasSubstr("content hash"));

  const std::string table = assets_csv(document);
  EXPECT_EQ(issuer.check(table, text).verdict, Verdict::kValid);
  EXPECT_EQ(issuer.check(table + " ", text).verdict, Verdict::kForged);
  // White space and order do not matter to an envelope.
  const auto value = json::parse(text).value();
  EXPECT_EQ(issuer.check(json::write_pretty(value)).verdict, Verdict::kValid);
}

TEST_F(Verify, WhatIsNoneOfTheseIsUnreadable) {
  for (const std::string_view text : {"", "{", "[]", "{}", "hello", "\x89PNG",
                                      "{\"payload\":1,\"signatures\":[]}", "{\"proof\":{}}"}) {
    EXPECT_EQ(issuer.check(text).verdict, Verdict::kUnreadable) << text;
  }
  EXPECT_EQ(issuer.check(report_json(document)).verdict, Verdict::kForged);  // unsigned
  EXPECT_EQ(issuer.check("PK\x03\x04 and then nothing").verdict, Verdict::kForged);
}

TEST_F(Verify, WithoutTrustedKeysNobodyVouches) {
  const std::string text = envelope_json(issuer.passport(document));
  const Verification result = verify({.document = text, .now = issuer.now});
  EXPECT_EQ(result.verdict, Verdict::kForged);
  EXPECT_THAT(failure_of(result, "signature-ed25519"), HasSubstr("No trusted key set"));
}

bool same_entries(const std::vector<BundleEntry>& a, const std::vector<BundleEntry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const BundleEntry& x, const BundleEntry& y) {
                      return x.name == y.name && x.bytes == y.bytes;
                    });
}

// No bit of what a bundle or an envelope says can be changed without being noticed. A ZIP has bits
// that say nothing of its files (times, permissions, the padding of a packed stream), JSON has
// white space: with those changed it is the same evidence, and every entry must read as before.
TEST(VerifyProperty, AnyFlippedBitIsNoticed) {
  Issuer issuer;
  const std::string bundle = bundle_of(issuer.issued(large_document(1))).value();
  const std::string passport = envelope_json(issuer.passport(large_document(1)));
  const bool good = rc::check("a flipped bit", [&] {
    const bool of_bundle = *rc::gen::arbitrary<bool>();
    std::string text = of_bundle ? bundle : passport;
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    const int bit = *rc::gen::inRange(0, 8);
    text[at] = static_cast<char>(text[at] ^ (1 << bit));
    const Verification result = issuer.check(text);
    if (result.verdict != Verdict::kValid) return;
    if (of_bundle) {
      RC_ASSERT(same_entries(read_bundle(text).value(), read_bundle(bundle).value()));
    } else {
      RC_ASSERT(read_envelope(text)->payload == read_envelope(passport)->payload);
    }
  });
  EXPECT_TRUE(good);
}

TEST(VerifyProperty, AnyTextGetsAVerdict) {
  Issuer issuer;
  const std::string passport = envelope_json(issuer.passport(large_document(1)));
  const bool good = rc::check("a cut or repeated text", [&] {
    const auto from = *rc::gen::inRange<std::size_t>(0, passport.size());
    const auto to = *rc::gen::inRange<std::size_t>(from, passport.size());
    const std::string text = passport.substr(from, to - from);
    RC_ASSERT(issuer.check(text).verdict == Verdict::kUnreadable);
  });
  EXPECT_TRUE(good);
}

}  // namespace
}  // namespace carnet::evidence::testing
