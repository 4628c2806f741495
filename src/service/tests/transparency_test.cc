// The log as the service keeps it: in the caller's transaction, signed once a size, named once.
#include <thread>

#include "evidence/tests/log_samples.h"
#include "service/tests/fixture.h"
#include "service/transparency.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

using evidence::testing::TestSigner;
using store::Connection;

crypto::Digest256 envelope(int i) { return crypto::sha256(fmt::format("envelope {}", i)); }

class TransparencyTest : public ServiceTest {
 protected:
  std::unique_ptr<Transparency> make(const evidence::Signer& keys,
                                     const std::string& origin = "t.example/log") {
    return std::make_unique<Transparency>(*db, clock, random, log, keys,
                                          Transparency::Options{.origin = origin, .witnesses = {}});
  }
  Result<LogEntry> append(const Transparency& to, int i) {
    LogEntry entry;
    const auto work = [&](Connection& connection) -> Result<void> {
      CARNET_TRY(done, to.append(connection, envelope(i)));
      entry = done;
      return {};
    };
    if (auto written = db->write_blocking(work); !written)
      return tl::unexpected(std::move(written).error());
    return entry;
  }
  TestSigner signer;
};

TEST_F(TransparencyTest, AnEntryIsAppendedOnceAndOnlyIfItsTransactionIs) {
  const auto tlog = make(signer);
  EXPECT_EQ(append(*tlog, 0)->index, 0U);
  EXPECT_EQ(append(*tlog, 1)->index, 1U);
  clock.advance(std::chrono::seconds(5));
  const auto again = append(*tlog, 0);
  EXPECT_EQ(again->index, 0U);
  EXPECT_EQ(again->at, Timestamp{kStart});
  const auto failing = [&](Connection& connection) -> Result<void> {
    CARNET_TRY_VOID(tlog->append(connection, envelope(2)));
    return make_error(ErrorCode::kConflict, "no");
  };
  EXPECT_FALSE(db->write_blocking(failing));
  EXPECT_EQ(run_task(tlog->inclusion(envelope(2), std::nullopt)).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(append(*tlog, 3)->index, 2U);
  const auto head = run_task(tlog->checkpoint());
  ASSERT_TRUE(head);
  EXPECT_EQ(head->checkpoint.size, 3U);
  evidence::Frontier expected;
  for (const int i : {0, 1, 3}) expected.append(evidence::leaf_hash(envelope(i)));
  EXPECT_EQ(head->checkpoint.root, expected.root());
}

TEST_F(TransparencyTest, EverybodyGetsTheOneCheckpointOfASize) {
  const auto tlog = make(signer);
  ASSERT_TRUE(append(*tlog, 0));
  std::vector<std::string> notes(16);
  std::vector<std::thread> askers;
  for (std::string& note : notes)
    askers.emplace_back([&] {
      const auto head = run_task(tlog->checkpoint());
      if (head) note = head->note;
    });
  for (std::thread& asker : askers) asker.join();
  for (const std::string& note : notes) EXPECT_EQ(note, notes[0]);
  EXPECT_FALSE(notes[0].empty());

  // Other keys, another process: what was published stays.
  const TestSigner others;
  const auto after = make(others);
  EXPECT_EQ(run_task(after->checkpoint())->note, notes[0]);
  ASSERT_TRUE(append(*after, 1));
  const auto next = run_task(after->checkpoint());
  EXPECT_TRUE(evidence::open_checkpoint(next->note, std::array{others.trusted()}));
  EXPECT_EQ(run_task(after->checkpoint_at(1))->note, notes[0]);
  EXPECT_FALSE(run_task(after->checkpoint_at(3)));
}

TEST_F(TransparencyTest, AnEarlierSizeIsSignedWhenItIsAskedFor) {
  const auto tlog = make(signer);
  evidence::Frontier expected;
  std::vector<evidence::MerkleHash> roots{expected.root()};
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(append(*tlog, i));
    expected.append(evidence::leaf_hash(envelope(i)));
    roots.push_back(expected.root());
  }
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{16}}) {
    const auto head = run_task(tlog->checkpoint_at(size));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->checkpoint.root, roots[size]);
    const auto opened = evidence::open_checkpoint(head->note, std::array{signer.trusted()});
    ASSERT_TRUE(opened);
    EXPECT_EQ(*opened, head->checkpoint);
  }
}

TEST_F(TransparencyTest, TheProofOfAnEntryIsTheSameForEver) {
  const auto tlog = make(signer);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(append(*tlog, i));
  const auto proof = run_task(tlog->proof_of(envelope(5)));
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->inclusion.size, 6U);
  EXPECT_TRUE(evidence::verify_log_proof(*proof, envelope(5), std::array{signer.trusted()}));
  for (int i = 9; i < 40; ++i) ASSERT_TRUE(append(*tlog, i));
  EXPECT_EQ(to_string(*run_task(tlog->proof_of(envelope(5)))), to_string(*proof));
  EXPECT_EQ(run_task(tlog->proof_of(envelope(900))).error().code, ErrorCode::kNotFound);
}

TEST_F(TransparencyTest, TheLogIsNamedOnce) {
  EXPECT_EQ(Transparency::origin_of("https://carnet.example.org"), "carnet.example.org/log");
  EXPECT_EQ(Transparency::origin_of("http://[::1]:8080/"), "[::1]:8080/log");
  const auto first = make(signer, "first.example/log");
  EXPECT_EQ(*run_task(first->origin()), "first.example/log");
  EXPECT_TRUE(make(signer, "second.example/log")->require_origin("second.example/log"));
  ASSERT_TRUE(append(*first, 0));
  const auto second = make(signer, "second.example/log");
  EXPECT_EQ(*run_task(second->origin()), "first.example/log");
  const auto refused = second->require_origin("second.example/log");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().public_detail.find("first.example/log"), std::string::npos);
  EXPECT_EQ(run_task(second->checkpoint())->checkpoint.origin, "first.example/log");
}

TEST_F(TransparencyTest, TheDatabaseRefusesToForget) {
  const auto tlog = make(signer);
  ASSERT_TRUE(append(*tlog, 0));
  ASSERT_TRUE(run_task(tlog->checkpoint()));
  for (const std::string_view sql :
       {"DELETE FROM log_entries", "UPDATE log_entries SET at = 0", "DELETE FROM log_checkpoints",
        "UPDATE log_checkpoints SET note = 'x'", "UPDATE log_head SET size = 0",
        "UPDATE log_head SET origin = 'x'", "UPDATE log_tiles SET hashes = substr(hashes, 2)",
        "UPDATE log_tiles SET hashes = substr(hashes, 1, 0)"})
    EXPECT_THROW(database.run_beside(sql), std::runtime_error) << sql;
  if (test::on_postgresql()) {
    for (const std::string_view sql : {"TRUNCATE log_entries", "TRUNCATE log_checkpoints CASCADE"})
      EXPECT_THROW(database.run_beside(sql), std::runtime_error) << sql;
  }
  EXPECT_EQ(append(*tlog, 0)->index, 0U);
}

TEST_F(TransparencyTest, WritersAtTheSameTimeMakeOneLog) {
  const auto tlog = make(signer);
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < 150; ++i) EXPECT_TRUE(append(*tlog, w * 1000 + i));
    });
  for (std::thread& writer : writers) writer.join();
  const auto head = run_task(tlog->checkpoint());
  ASSERT_TRUE(head);
  EXPECT_EQ(head->checkpoint.size, 600U);
  std::vector<bool> taken(600);
  for (int w = 0; w < 4; ++w)
    for (int i = 0; i < 150; i += 13) {
      const auto found = run_task(tlog->inclusion(envelope(w * 1000 + i), 600));
      ASSERT_TRUE(found);
      EXPECT_FALSE(taken[found->entry.index]);
      taken[found->entry.index] = true;
      EXPECT_TRUE(evidence::verify_inclusion(
          found->proof, evidence::leaf_hash(envelope(w * 1000 + i)), head->checkpoint.root));
    }
  const auto grown = run_task(tlog->consistency(257, std::nullopt));
  ASSERT_TRUE(grown);
  EXPECT_TRUE(evidence::verify_consistency(grown->proof, grown->roots));
}

}  // namespace
}  // namespace carnet::service
