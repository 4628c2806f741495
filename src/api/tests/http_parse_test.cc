#include "api/http_parse.h"

#include <random>

#include <gtest/gtest.h>

#include "api/tests/request_corpus.h"
#include "api/tests/request_walk.h"

namespace carnet::api::test {
namespace {

constexpr unsigned kSeed = 20261124;

// Beginning of the bytes, printable, for a failure's message.
std::string shown(const std::string& bytes) {
  std::string out;
  for (const char c : bytes.substr(0, 300)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte >= 0x20 && byte < 0x7F ? std::string(1, c) : fmt::format("<{:02x}>", byte);
  }
  return out;
}

void walk_whole(RequestWalk& walk, const std::string& bytes) { walk.feed(bytes); }

void walk_in_pieces(RequestWalk& walk, std::string_view bytes, std::mt19937& random,
                    std::size_t piece_max) {
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(1 + random() % piece_max, bytes.size());
    walk.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

TEST(FramingTest, EveryCaseEndsWhereItShould) {
  for (const FramingCase& item : all_framing_cases()) {
    RequestWalk walk;
    walk_whole(walk, item.bytes + kBehind);
    EXPECT_EQ(walk.refused(), item.refused) << shown(item.bytes);
    EXPECT_EQ(walk.requests().size(), static_cast<std::size_t>(item.whole)) << shown(item.bytes);
    for (const std::string& request : walk.requests())
      EXPECT_TRUE(item.refused.empty() || !request.starts_with("/smuggled")) << shown(item.bytes);
  }
}

TEST(FramingTest, ByteByByteIsAsAllAtOnce) {
  std::mt19937 random(kSeed);
  for (const FramingCase& item : all_framing_cases()) {
    const std::string bytes = item.bytes + kBehind;
    RequestWalk whole;
    walk_whole(whole, bytes);
    for (const std::size_t piece_max : {1, 2, 7, 50, 5000}) {
      RequestWalk pieces;
      walk_in_pieces(pieces, bytes, random, piece_max);
      EXPECT_TRUE(pieces == whole) << piece_max << ": " << shown(bytes);
    }
  }
}

// Cases one behind the other, with bytes changed, put in and taken out.
TEST(FramingTest, SoAreTheirMutations) {
  std::mt19937 random(kSeed);
  const std::vector<FramingCase> cases = all_framing_cases();
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  constexpr std::string_view kLively = "\r\n\t :;,0123456789abcdefx\0\x0b\x7f\xff/?#%";
  std::size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (std::size_t i = 0; i <= below(3); ++i)
      bytes += cases[below(cases.size())].bytes.substr(0, 3000);
    bytes += kBehind;
    for (std::size_t i = 0; i <= below(3); ++i) {
      const std::size_t at = below(bytes.size());
      const char c = kLively[below(kLively.size())];
      switch (below(3)) {
        case 0:
          bytes[at] = c;
          break;
        case 1:
          bytes.insert(at, 1, c);
          break;
        default:
          bytes.erase(at, 1);
      }
    }
    RequestWalk whole;
    walk_whole(whole, bytes);
    RequestWalk pieces;
    walk_in_pieces(pieces, bytes, random, 1 + below(40));
    ASSERT_TRUE(pieces == whole) << "seed " << kSeed << ", round " << round << ": " << shown(bytes);
    accepted += whole.requests().size();
  }
  EXPECT_GT(accepted, 200U);  // not all of it is noise
}

TEST(ChunkedReaderTest, GivesTheDataAndLeavesTheRest) {
  ChunkedReader reader(100);
  std::string body;
  const std::string bytes = "5;x\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\nGET /";
  EXPECT_EQ(reader.feed(bytes, body), bytes.size() - 5);
  EXPECT_EQ(reader.state(), ChunkedReader::State::kDone);
  EXPECT_EQ(body, "hello!");
  EXPECT_EQ(reader.feed("more", body), 0U);
}

TEST(ChunkedReaderTest, TheSumOfChunksIsBounded) {
  ChunkedReader fits(4);
  std::string body;
  static_cast<void>(fits.feed("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", body));
  EXPECT_EQ(fits.state(), ChunkedReader::State::kDone);
  ChunkedReader over(4);
  body.clear();
  static_cast<void>(over.feed("2\r\nab\r\n3\r\ncde", body));
  EXPECT_EQ(over.state(), ChunkedReader::State::kTooLarge);
  EXPECT_EQ(body, "ab");
}

}  // namespace
}  // namespace carnet::api::test
