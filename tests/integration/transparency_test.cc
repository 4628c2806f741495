// The transparency log over real sockets: what a monitor reads, what a witness hands in, and what
// is refused.

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/checkpoint.h"
#include "evidence/tlog.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using evidence::NoteKey;
using evidence::NoteKeyType;

class Witness {
 public:
  explicit Witness(std::string name)
      : keys_(crypto::ed25519_generate(random_)),
        key{.name = std::move(name),
            .type = NoteKeyType::kCosignatureEd25519,
            .public_key = Bytes(keys_.public_key.begin(), keys_.public_key.end())} {}

  // A note of this text with this witness's line alone.
  [[nodiscard]] std::string cosigned(const evidence::Checkpoint& checkpoint,
                                     std::uint64_t time_s) const {
    const std::string message = evidence::cosigned_message(key, time_s, checkpoint);
    const auto signature = crypto::ed25519_sign(keys_.seed, as_bytes(message));
    evidence::NoteSignature line{.name = key.name, .key_id = key.id(), .signature = {}};
    for (int shift = 56; shift >= 0; shift -= 8)
      line.signature.push_back(static_cast<std::uint8_t>(time_s >> static_cast<unsigned>(shift)));
    line.signature.insert(line.signature.end(), signature->begin(), signature->end());
    return to_string(evidence::Note{.text = to_string(checkpoint), .signatures = {line}});
  }

 private:
  SystemRandom random_;
  crypto::Ed25519KeyPair keys_;

 public:
  NoteKey key;
};

StackOptions options_with(std::vector<NoteKey> witnesses) {
  StackOptions options;
  options.worker = false;
  options.witnesses = std::move(witnesses);
  options.api.log_rate_per_minute = 0;
  return options;
}

crypto::Digest256 envelope(int i) { return crypto::sha256(fmt::format("envelope {}", i)); }

class TransparencyTest : public ::testing::Test {
 protected:
  TransparencyTest() : witness("witness.example/w1"), stack(options_with({witness.key})) {}

  void append(int from, int count) {
    ASSERT_TRUE(stack.db.write_blocking([&](store::Connection& connection) -> Result<void> {
      for (int i = from; i < from + count; ++i)
        CARNET_TRY_VOID(stack.transparency->append(connection, envelope(i)));
      return {};
    }));
  }
  boost::json::object get(const std::string& path) {
    const HttpAnswer answer = stack.ask("GET", path);
    EXPECT_EQ(answer.status, 200) << path << " " << answer.body;
    return parsed(answer);
  }
  evidence::Checkpoint root(const std::string& query = "") {
    const auto body = get("/pqc/transparency/root" + query);
    const std::string note(body.at("checkpoint").as_string());
    const std::array keys{stack.log_signer.trusted()};
    const auto opened = evidence::open_checkpoint(note, keys);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().public_detail);
    EXPECT_EQ(body.at("root").as_string(), to_hex(opened->root));
    EXPECT_EQ(body.at("size").as_int64(), static_cast<std::int64_t>(opened->size));
    return *opened;
  }
  static std::vector<evidence::MerkleHash> path_of(const boost::json::object& body) {
    std::vector<evidence::MerkleHash> out;
    for (const auto& hash : body.at("path").as_array()) {
      const auto bytes = from_hex(std::string(hash.as_string()));
      std::copy(bytes->begin(), bytes->end(), out.emplace_back().begin());
    }
    return out;
  }
  HttpAnswer hand_in(const std::string& note) {
    return stack.ask("POST", "/pqc/transparency/witness", {{"Content-Type", "application/json"}},
                     json::write(boost::json::object{{"checkpoint", note}}));
  }
  std::uint64_t now_s() const {
    return static_cast<std::uint64_t>(to_millis(stack.clock.now()) / 1000);
  }

  Witness witness;
  Stack stack;
};

TEST_F(TransparencyTest, ProofsOfAGrowingLogVerify) {
  const evidence::Checkpoint empty = root();
  EXPECT_EQ(empty.size, 0U);
  EXPECT_EQ(empty.origin, "stack.example/log");
  append(0, 300);
  const evidence::Checkpoint first = root();
  append(300, 250);
  const evidence::Checkpoint second = root();
  ASSERT_EQ(first.size, 300U);
  ASSERT_EQ(second.size, 550U);

  const auto grown = get("/pqc/transparency/consistency?from_size=300&to_size=550");
  EXPECT_TRUE(evidence::verify_consistency({.from = 300, .to = 550, .path = path_of(grown)},
                                           {.from = first.root, .to = second.root}));
  for (const int i : {0, 255, 256, 299, 549}) {
    const std::string hash = to_hex(envelope(i));
    const auto found = get("/pqc/transparency/inclusion?hash=" + hash);
    ASSERT_EQ(found.at("index").as_int64(), i);
    const evidence::InclusionProof proof{
        .index = static_cast<std::uint64_t>(i), .size = 550, .path = path_of(found)};
    EXPECT_TRUE(evidence::verify_inclusion(proof, evidence::leaf_hash(envelope(i)), second.root));
  }
  const auto older = get("/pqc/transparency/inclusion?size=300&hash=" + to_hex(envelope(7)));
  EXPECT_EQ(older.at("root").as_string(), to_hex(first.root));
  // An earlier size keeps its checkpoint, byte for byte.
  EXPECT_EQ(root("?size=300"), first);
  EXPECT_EQ(get("/pqc/transparency/root?size=300").at("checkpoint"),
            get("/pqc/transparency/root?size=300").at("checkpoint"));
}

TEST_F(TransparencyTest, BadSizesSayWhatIsAllowed) {
  append(0, 5);
  const auto refused = [this](const std::string& path) {
    const HttpAnswer answer = stack.ask("GET", "/pqc/transparency/" + path);
    EXPECT_EQ(answer.status, 422) << path << answer.body;
    return std::string(parsed(answer).at("detail").as_string());
  };
  EXPECT_EQ(refused("root?size=6"), "size must be a whole number from 0 to 5.");
  EXPECT_EQ(refused("consistency?from_size=2&to_size=6"),
            "to_size must be a whole number from 0 to 5.");
  EXPECT_EQ(refused("consistency?from_size=4&to_size=3"),
            "from_size must be a whole number from 0 to 3.");
  const std::string hash = to_hex(envelope(3));
  EXPECT_EQ(refused("inclusion?size=3&hash=" + hash), "size must be a whole number from 4 to 5.");
  EXPECT_EQ(refused("inclusion?size=6&hash=" + hash), "size must be a whole number from 4 to 5.");
  for (const char* path :
       {"root?size=-1", "root?size=", "root?size=1e3", "root?size=9223372036854775808",
        "consistency", "consistency?to_size=3", "inclusion", "inclusion?hash=abc"})
    EXPECT_FALSE(refused(path).empty()) << path;
  EXPECT_EQ(stack.ask("GET", "/pqc/transparency/inclusion?hash=" + to_hex(envelope(9))).status,
            404);
}

TEST_F(TransparencyTest, TilesAsFilesThatNeverChange) {
  append(0, 300);
  const HttpAnswer full = stack.ask("GET", "/log/tile/0/000");
  EXPECT_EQ(full.status, 200);
  EXPECT_EQ(full.body.size(), 8192U);
  EXPECT_EQ(full.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(full.header("Cache-Control"), "public, max-age=31536000, immutable");
  const HttpAnswer partial = stack.ask("GET", "/log/tile/0/001.p/44");
  EXPECT_EQ(partial.body.size(), 44U * 32);
  const HttpAnswer above = stack.ask("GET", "/log/tile/1/000.p/1");
  EXPECT_EQ(above.body, as_text(evidence::full_tile_root(full.body)));
  const HttpAnswer entries = stack.ask("GET", "/v1/log/tile/entries/001.p/44");
  EXPECT_EQ(entries.body.size(), 44U * 34);
  EXPECT_EQ(entries.body.substr(0, 34),
            std::string("\0\x20", 2) + std::string(as_text(envelope(256))));
  append(300, 1);
  EXPECT_EQ(stack.ask("GET", "/log/tile/0/001.p/44").body, partial.body);
  for (const char* path :
       {"0/001", "0/001.p/46", "0/002.p/1", "1/000", "1/000.p/2", "2/000.p/1", "entries/001",
        "entries/001.p/46", "0/1", "0/000.p/256", "../checkpoint", "0/x000/000", "0"})
    EXPECT_EQ(stack.ask("GET", std::string("/log/tile/") + path).status, 404) << path;
  const HttpAnswer checkpoint = stack.ask("GET", "/log/checkpoint");
  EXPECT_EQ(checkpoint.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(checkpoint.header("Cache-Control"), "public, no-cache");
  EXPECT_EQ(checkpoint.body, get("/pqc/transparency/root").at("checkpoint").as_string());
}

TEST_F(TransparencyTest, ACosignatureIsAddedToThePublishedCheckpoint) {
  append(0, 3);
  const evidence::Checkpoint head = root();
  const std::string before = stack.ask("GET", "/log/checkpoint").body;
  const HttpAnswer taken = hand_in(witness.cosigned(head, now_s()));
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(parsed(taken).at("witnesses").as_array().at(0).as_string(), witness.key.name);
  const HttpAnswer trail = stack.ask("GET", "/admin/audit?action=transparency.cosign&actor=witness",
                                     Stack::bearer(std::string(Stack::kAdminKey)));
  EXPECT_EQ(parsed(trail).at("count"), 1);
  const std::string after = stack.ask("GET", "/log/checkpoint").body;
  ASSERT_TRUE(after.starts_with(before));
  const auto note = evidence::parse_note(after);
  ASSERT_TRUE(note);
  const evidence::NoteSignature* line = note->find(witness.key);
  ASSERT_NE(line, nullptr);
  const auto cosignature = evidence::parse_cosignature(witness.key, line->signature);
  EXPECT_TRUE(evidence::verify_cosignature(witness.key, *cosignature, head));

  // An older time does not replace a newer one.
  EXPECT_EQ(hand_in(witness.cosigned(head, now_s() - 60)).status, 200);
  EXPECT_EQ(stack.ask("GET", "/log/checkpoint").body, after);
  const auto list = get("/pqc/transparency/witnesses");
  const auto& one = list.at("witnesses").as_array().at(0).as_object();
  EXPECT_EQ(one.at("name").as_string(), witness.key.name);
  EXPECT_EQ(one.at("lastSize").as_int64(), 3);
  EXPECT_EQ(one.at("lastSignedAt").as_string(),
            to_rfc3339(Timestamp(std::chrono::seconds(now_s()))));
  // The log goes on; the older checkpoint keeps its cosignature.
  append(3, 1);
  EXPECT_EQ(stack.ask("GET", "/log/checkpoint").body.find(witness.key.name), std::string::npos);
  EXPECT_EQ(get("/pqc/transparency/root?size=3").at("checkpoint").as_string(), after);
}

TEST_F(TransparencyTest, WhatAWitnessMayNotHandIn) {
  append(0, 3);
  const evidence::Checkpoint head = root();
  const Witness stranger("stranger.example/w");
  const Witness impostor(witness.key.name);
  EXPECT_EQ(hand_in(stranger.cosigned(head, now_s())).status, 403);
  EXPECT_EQ(hand_in(impostor.cosigned(head, now_s())).status, 403);
  EXPECT_EQ(hand_in(stack.ask("GET", "/log/checkpoint").body).status, 403);
  const auto detail_of_422 = [this](const std::string& note) {
    const HttpAnswer answer = hand_in(note);
    EXPECT_EQ(answer.status, 422) << answer.body;
    return std::string(parsed(answer).at("detail").as_string());
  };
  std::string forged = witness.cosigned(head, now_s());
  evidence::Note broken = *evidence::parse_note(forged);
  broken.signatures[0].signature.back() ^= 1;
  EXPECT_NE(detail_of_422(to_string(broken)).find("does not verify"), std::string::npos);
  EXPECT_NE(detail_of_422(witness.cosigned(head, now_s() + 301)).find("still to come"),
            std::string::npos);
  evidence::Checkpoint other = head;
  other.origin = "other.example/log";
  EXPECT_NE(detail_of_422(witness.cosigned(other, now_s())).find("stack.example/log"),
            std::string::npos);
  evidence::Checkpoint later = head;
  later.size = 4;
  EXPECT_NE(detail_of_422(witness.cosigned(later, now_s())).find("published"), std::string::npos);
  detail_of_422("no note");
  EXPECT_EQ(stack.ask("GET", "/log/checkpoint").body.find(witness.key.name), std::string::npos);

  // What a witness saw of a forked log is worth an alarm.
  evidence::Checkpoint fork = head;
  fork.root[0] ^= 1;
  EXPECT_EQ(hand_in(witness.cosigned(fork, now_s())).status, 409);
  fork.size = 2;
  EXPECT_EQ(hand_in(witness.cosigned(fork, now_s())).status, 409);
  EXPECT_NE(stack.log_text().find("log_fork"), std::string::npos);
}

TEST(TransparencyLimitTest, RequestsAreLimitedPerAddress) {
  StackOptions options;
  options.worker = false;
  options.api.log_rate_per_minute = 20;
  Stack stack(options);
  int refused = 0;
  for (int i = 0; i < 30; ++i) {
    const HttpAnswer answer =
        stack.ask("GET", i % 2 ? "/log/tile/0/000" : "/pqc/transparency/witnesses");
    if (answer.status != 429) continue;
    ++refused;
    EXPECT_EQ(code_of(answer), "rate_limited");
    EXPECT_FALSE(answer.header("Retry-After").empty());
  }
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(stack.ask("GET", "/health").status, 200);
}

TEST(TransparencyLimitTest, WithoutADatabaseThereIsNoLog) {
  StackOptions options;
  options.database = false;
  Stack stack(options);
  const HttpAnswer answer = stack.ask("GET", "/log/checkpoint");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(code_of(answer), "persistence_off");
}

}  // namespace
}  // namespace carnet::test
