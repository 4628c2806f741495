// Over a real socket: what is framed badly is refused and ends the connection, and what stands
// behind it is never answered; where the bytes are cut makes no difference.

#include <random>

#include <gtest/gtest.h>

#include "api/tests/request_corpus.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using api::test::FramingCase;
using api::test::kBehind;

constexpr unsigned kSeed = 20261124;

class SmugglingTest : public ::testing::Test {
 protected:
  static StackOptions quiet() {
    StackOptions options;
    options.log_level = LogLevel::kError;
    options.api.public_rate_per_minute = 0;
    return options;
  }
  SmugglingTest() : stack(quiet()) {}

  struct Seen {
    std::vector<std::string> answers;  // status and request id if the client gave it
    bool closed = false;
    bool operator==(const Seen&) const = default;
  };
  // Sends the bytes, says that no more come, and reads to the end.
  Seen exchange(const std::string& bytes, std::size_t piece_max) {
    HttpClient client = stack.connect();
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t piece =
          piece_max >= bytes.size() ? bytes.size() : std::size_t{1} + random() % piece_max;
      if (!client.send(std::string_view(bytes).substr(at, piece))) break;
      at += piece;
    }
    client.shutdown_send();
    Seen seen;
    while (const auto answer = client.read()) {
      const std::string id = answer->header("X-Request-Id");
      seen.answers.push_back(std::to_string(answer->status) +
                             (id == "smuggled" ? " smuggled" : "") +
                             (answer->header("Connection") == "close" ? " close" : ""));
    }
    seen.closed = client.closed_by_peer();
    return seen;
  }

  Stack stack;
  std::mt19937 random{kSeed};
};

std::string shown(const std::string& bytes) {
  std::string out;
  for (const char c : bytes.substr(0, 300)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte >= 0x20 && byte < 0x7F ? std::string(1, c) : "<" + std::to_string(byte) + ">";
  }
  return out;
}

TEST_F(SmugglingTest, WhatStandsBehindARefusedRequestIsNotAnswered) {
  for (const FramingCase& item : api::test::all_framing_cases()) {
    const Seen seen = exchange(item.bytes + kBehind, SIZE_MAX);
    const bool refused = !item.refused.empty();
    ASSERT_EQ(seen.answers.size(), static_cast<std::size_t>(item.whole) + (refused ? 1 : 0))
        << shown(item.bytes);
    EXPECT_TRUE(seen.closed);
    if (refused) {
      EXPECT_EQ(seen.answers.back(), item.refused + " close") << shown(item.bytes);
    } else {
      EXPECT_EQ(seen.answers.back(), "404 smuggled") << shown(item.bytes);  // asked for, openly
    }
  }
  EXPECT_EQ(stack.log_text().find("smuggled"), std::string::npos);
}

TEST_F(SmugglingTest, ByteByByteIsAsAllAtOnce) {
  for (const FramingCase& item : api::test::all_framing_cases()) {
    const std::string bytes = item.bytes + kBehind;
    if (bytes.size() > 3000) continue;
    const Seen whole = exchange(bytes, SIZE_MAX);
    for (const std::size_t piece_max : {1, 13})
      EXPECT_EQ(exchange(bytes, piece_max), whole)
          << "seed " << kSeed << ", pieces up to " << piece_max << ": " << shown(bytes);
  }
}

// Cases one behind the other, cut anywhere.
TEST_F(SmugglingTest, SoAreManyRequestsOfOneConnection) {
  const std::vector<FramingCase> good = api::test::good_cases();
  const std::vector<FramingCase> bad = api::test::chunk_cases();
  for (int round = 0; round < 100; ++round) {
    std::string bytes;
    for (int i = 0; i < 5; ++i) bytes += good[random() % 20].bytes;
    bytes += bad[random() % 30].bytes + kBehind;
    const Seen whole = exchange(bytes, SIZE_MAX);
    EXPECT_EQ(whole.answers.size(), 6U) << shown(bytes);
    EXPECT_EQ(exchange(bytes, 1 + random() % 60), whole)
        << "seed " << kSeed << ", round " << round << ": " << shown(bytes);
  }
}

}  // namespace
}  // namespace carnet::test
