// Signed notes and checkpoints: the example of Go's sumdb/note, both signatures required, what is
// refused, cosignatures, and proofs as files.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "evidence/tests/log_samples.h"

namespace carnet::evidence {
namespace {

using testing::hash_of;
using testing::leaves_of;
using testing::MemoryTiles;
using testing::TestSigner;

// golang.org/x/mod/sumdb/note, the package's example.
constexpr std::string_view kGoKey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

TEST(NoteTest, TheExampleOfGo) {
  const auto key = parse_vkey(kGoKey);
  ASSERT_TRUE(key) << key.error().public_detail;
  EXPECT_EQ(key->name, "PeterNeumann");
  EXPECT_EQ(key->id(), 0xc74f20a3U);
  EXPECT_EQ(to_vkey(*key), kGoKey);
  const auto note = parse_note(kGoNote);
  ASSERT_TRUE(note) << note.error().public_detail;
  const NoteSignature* const line = note->find(*key);
  ASSERT_NE(line, nullptr);
  EXPECT_TRUE(crypto::ed25519_verify({.public_key = key->public_key,
                                      .message = as_bytes(note->text),
                                      .signature = line->signature}));
  EXPECT_EQ(to_string(*note), kGoNote);
}

TEST(NoteTest, WhatIsNoNote) {
  const std::string good(kGoNote);
  const std::string line = good.substr(good.find("\u2014"));
  EXPECT_TRUE(parse_note("text\n\n" + line));
  EXPECT_TRUE(parse_note("text\n\nmore\n\n" + line));
  EXPECT_EQ(parse_note("text\n\nmore\n\n" + line)->text, "text\n\nmore\n");
  for (const std::string& bad : std::initializer_list<std::string>{
           std::string(), std::string("text\n"), "text\n" + line, "text\n\n",
           "text\n\n" + line + "x", "text\n\n" + line.substr(0, line.size() - 1),
           "te\rxt\n\n" + line, "te\xffxt\n\n" + line, "text\n\n- Name AAAAAAA=\n",
           "text\n\n\u2014 Name\n", "text\n\n\u2014 Name AAAAAA==\n",
           "text\n\n\u2014 Na+me x08go/ZJkuBS\n", "text\n\n\u2014  x08go/ZJkuBS\n",
           "text\n\n\u2014 Name x08go/ZJkuB\n", std::string(kNoteBytesMax, 'x') + "\n\n" + line})
    EXPECT_FALSE(parse_note(bad)) << bad.substr(0, 80);
  std::string many = "text\n\n";
  for (std::size_t i = 0; i < kNoteSignaturesMax; ++i) many += line;
  EXPECT_TRUE(parse_note(many));
  EXPECT_FALSE(parse_note(many + line));
}

TEST(NoteTest, NamesOfKeys) {
  for (const char* good : {"example.org/log", "a", "[::1]:8080/log", "b\u00e4r.example"})
    EXPECT_TRUE(is_key_name(good)) << good;
  for (const char* bad :
       {"", "a b", "a+b", "a\tb", "a\nb", "a\u00a0b", "a\u3000b", "\xc3", "a\x7f"})
    EXPECT_FALSE(is_key_name(bad)) << bad;
  EXPECT_FALSE(is_key_name(std::string(256, 'x')));
}

TEST(NoteTest, VerifierKeysOfEveryTypeAndWhatIsNone) {
  const TestSigner signer;
  for (const NoteKey& key :
       {NoteKey{.name = "log.example", .type = NoteKeyType::kEd25519, .public_key = Bytes(32, 7)},
        NoteKey{.name = "w.example",
                .type = NoteKeyType::kCosignatureEd25519,
                .public_key = Bytes(32, 7)},
        NoteKey{.name = "w.example",
                .type = NoteKeyType::kCosignatureMlDsa44,
                .public_key = Bytes(1312, 7)},
        NoteKey{.name = "log.example",
                .type = NoteKeyType::kMlDsa65,
                .public_key = signer.mldsa.public_key}}) {
    const auto again = parse_vkey(to_vkey(key));
    ASSERT_TRUE(again) << again.error().public_detail;
    EXPECT_EQ(*again, key);
  }
  const std::string good(kGoKey);
  for (const std::string& bad : std::initializer_list<std::string>{
           std::string(), std::string("name"), std::string("name+00000000"), "x" + good,
           "PeterNeumann+c74f20a4+" + good.substr(22), "PeterNeumann+c74f20+" + good.substr(22),
           good.substr(0, good.size() - 4), good + "=",
           // x/mod's own bad keys: a wrong length, an unknown algorithm.
           std::string(
               "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="),
           std::string("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")})
    EXPECT_FALSE(parse_vkey(bad)) << bad;
}

Checkpoint sample_checkpoint() {
  // The text of C2SP's example.
  return *parse_checkpoint(
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
}

TEST(CheckpointTest, TextAsInTheSpecification) {
  const Checkpoint checkpoint = sample_checkpoint();
  EXPECT_EQ(checkpoint.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint.size, 20852163U);
  EXPECT_EQ(
      to_string(checkpoint),
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
  const std::string root = "\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  for (const std::string& bad : std::initializer_list<std::string>{
           std::string(), "a\n1" + root + "extension\n", "a\n01" + root, "a\n" + root,
           "a\n-1" + root, "a\n9223372036854775808" + root, "\n1" + root, "a b\n1" + root,
           std::string("a\n1\nAAAA\n"), "a\n1" + root.substr(0, root.size() - 1)})
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
}

TEST(CheckpointTest, BothSignaturesAreRequired) {
  const TestSigner signer;
  const TestSigner stranger;
  const auto made = sign_checkpoint(sample_checkpoint(), signer);
  ASSERT_TRUE(made);
  const std::array keys{stranger.trusted(), signer.trusted()};
  const auto opened = open_checkpoint(made->note, keys);
  ASSERT_TRUE(opened) << opened.error().public_detail;
  EXPECT_EQ(*opened, sample_checkpoint());

  const auto refusal = [](const Result<Checkpoint>& result) {
    return result ? std::string("accepted") : result.error().public_detail;
  };
  EXPECT_EQ(refusal(open_checkpoint(made->note, std::array{stranger.trusted()})),
            "The log's checkpoint is not signed by a trusted key.");
  Note note = *parse_note(made->note);
  ASSERT_EQ(note.signatures.size(), 2U);
  const auto without = [&note](std::size_t index) {
    Note out = note;
    out.signatures.erase(out.signatures.begin() + static_cast<std::ptrdiff_t>(index));
    return to_string(out);
  };
  EXPECT_NE(refusal(open_checkpoint(without(0), keys)).find("none with Ed25519"),
            std::string::npos);
  EXPECT_NE(refusal(open_checkpoint(without(1), keys)).find("none with ML-DSA-65"),
            std::string::npos);
  for (const std::size_t index : {0, 1}) {
    Note forged = note;
    forged.signatures[index].signature.back() ^= 1;
    EXPECT_NE(refusal(open_checkpoint(to_string(forged), keys)).find("does not verify"),
              std::string::npos);
  }
  Note larger = note;
  larger.text.replace(larger.text.find("20852163"), 8, "20852164");
  EXPECT_NE(refusal(open_checkpoint(to_string(larger), keys)).find("does not verify"),
            std::string::npos);

  // One half of each of two trusted pairs.
  const auto other = sign_checkpoint(sample_checkpoint(), stranger);
  Note mixed = note;
  mixed.signatures[1] = parse_note(other->note)->signatures[1];
  EXPECT_NE(refusal(open_checkpoint(to_string(mixed), keys)).find("do not belong together"),
            std::string::npos);
}

TEST(CosignatureTest, BothKindsCoverTheTime) {
  SystemRandom random;
  const auto ed25519 = crypto::ed25519_generate(random);
  const auto mldsa = crypto::mldsa_generate(crypto::MlDsa::k44, random);
  const Checkpoint checkpoint = sample_checkpoint();
  const NoteKey classical{
      .name = "witness.example.com/w1",
      .type = NoteKeyType::kCosignatureEd25519,
      .public_key = Bytes(ed25519.public_key.begin(), ed25519.public_key.end())};
  const NoteKey quantum{.name = "witness.example.com/w2",
                        .type = NoteKeyType::kCosignatureMlDsa44,
                        .public_key = mldsa.public_key};
  // The message of the specification, word for word.
  EXPECT_EQ(cosigned_message(classical, 1679315147, checkpoint),
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
  const std::string message = cosigned_message(quantum, 1679315147, checkpoint);
  EXPECT_EQ(message.substr(0, 12), std::string("subtree/v1\n\0", 12));
  EXPECT_EQ(message.size(),
            12U + 1 + quantum.name.size() + 8 + 1 + checkpoint.origin.size() + 8 + 8 + 32);

  const auto signed_bytes = [](std::uint64_t time, std::span<const std::uint8_t> signature) {
    Bytes out;
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(time >> shift));
    out.insert(out.end(), signature.begin(), signature.end());
    return out;
  };
  const auto first = crypto::ed25519_sign(
      ed25519.seed, as_bytes(cosigned_message(classical, 1679315147, checkpoint)));
  const auto second = crypto::mldsa_sign(crypto::MlDsa::k44, mldsa.private_key,
                                         {.message = as_bytes(message)}, random);
  ASSERT_TRUE(first && second);
  const std::pair<NoteKey, Bytes> cases[] = {{classical, signed_bytes(1679315147, *first)},
                                             {quantum, signed_bytes(1679315147, *second)}};
  for (const auto& [key, bytes] : cases) {
    const auto good = parse_cosignature(key, bytes);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->time_s, 1679315147U);
    EXPECT_TRUE(verify_cosignature(key, *good, checkpoint));
    Cosignature later = *good;
    ++later.time_s;
    EXPECT_FALSE(verify_cosignature(key, later, checkpoint));
    Checkpoint forked = checkpoint;
    forked.root[0] ^= 1;
    EXPECT_FALSE(verify_cosignature(key, *good, forked));
    EXPECT_FALSE(parse_cosignature(key, std::span(bytes).first(bytes.size() - 1)));
    Bytes far = bytes;
    far[0] = 0x80;
    EXPECT_FALSE(parse_cosignature(key, far));
  }
  // A log's key never counts as a witness's.
  NoteKey log = classical;
  log.type = NoteKeyType::kEd25519;
  EXPECT_FALSE(verify_cosignature(log, *parse_cosignature(classical, cases[0].second), checkpoint));
}

TEST(LogProofTest, RoundTripAndEachCheck) {
  const TestSigner signer;
  const std::array keys{signer.trusted()};
  std::vector<MerkleHash> digests;
  MemoryTiles tiles;
  for (int i = 0; i < 20; ++i) {
    digests.push_back(hash_of(fmt::format("envelope {}", i)));
    tiles.append(leaf_hash(digests.back()));
  }
  const Checkpoint checkpoint{
      .origin = "carnet.example/log", .size = 20, .root = tiles.frontier().root()};
  const LogProof proof{.inclusion = *prove_inclusion(tiles.reader(), 11, 20),
                       .checkpoint = sign_checkpoint(checkpoint, signer)->note};
  const std::string text = to_string(proof);
  EXPECT_TRUE(text.starts_with("c2sp.org/tlog-proof@v1\nindex 11\n"));
  const auto again = parse_log_proof(text);
  ASSERT_TRUE(again) << again.error().public_detail;
  EXPECT_EQ(again->inclusion, proof.inclusion);
  EXPECT_EQ(again->checkpoint, proof.checkpoint);
  EXPECT_TRUE(verify_log_proof(*again, digests[11], keys));
  EXPECT_FALSE(verify_log_proof(*again, digests[12], keys));
  EXPECT_FALSE(verify_log_proof(*again, digests[11], {}));
  LogProof other_tree = *again;
  other_tree.inclusion.path[0][0] ^= 1;
  const auto refused = verify_log_proof(other_tree, digests[11], keys);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().public_detail.find("another entry or another tree"), std::string::npos);
  LogProof other_size = *again;
  other_size.inclusion.size = 21;
  EXPECT_FALSE(verify_log_proof(other_size, digests[11], keys));

  std::string extra = text;
  extra.insert(extra.find("index"), "extra AAAA\n");
  EXPECT_TRUE(parse_log_proof(extra));
  for (const std::string& bad : std::initializer_list<std::string>{
           std::string(), "x" + text, text.substr(0, 40), text.substr(0, text.size() - 1),
           "c2sp.org/tlog-proof@v1\nindex 011\n" + text.substr(text.find("\n\n")),
           "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n" + text.substr(text.find("\n\n"))})
    EXPECT_FALSE(parse_log_proof(bad)) << bad.substr(0, 60);
}

}  // namespace
}  // namespace carnet::evidence
