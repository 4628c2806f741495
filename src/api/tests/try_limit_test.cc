#include "api/try_limit.h"

#include <array>

#include <gtest/gtest.h>

namespace carnet::api {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<TryLimiter::Window, 2> kWindows{{{5, minutes(1)}, {10, minutes(60)}}};

class TryLimiterTest : public ::testing::Test {
 protected:
  int take_all() {
    int taken = 0;
    while (taken < 100 && limiter.take("name", kWindows).allowed) ++taken;
    return taken;
  }
  ManualClock clock{Timestamp{}};
  TryLimiter limiter{clock};
};

TEST_F(TryLimiterTest, NeverMoreThanSoManyInAnyWindow) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(limiter.take("name", kWindows).allowed);
    clock.advance(seconds(10));
  }
  const Verdict refused = limiter.take("name", kWindows);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after_s, 10) << "when the first of the five leaves the minute";
  clock.advance(seconds(10) - std::chrono::milliseconds(1));
  EXPECT_FALSE(limiter.take("name", kWindows).allowed);
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(limiter.take("name", kWindows).allowed);
  EXPECT_FALSE(limiter.take("name", kWindows).allowed);
  EXPECT_TRUE(limiter.take("another", kWindows).allowed);
}

TEST_F(TryLimiterTest, TheLongerWindowStopsThoseWhoWaitOutTheShorter) {
  EXPECT_EQ(take_all(), 5);
  clock.advance(minutes(1));
  EXPECT_EQ(take_all(), 5);
  clock.advance(minutes(1));
  EXPECT_EQ(take_all(), 0);
  EXPECT_EQ(limiter.take("name", kWindows).retry_after_s, 58 * 60);
  clock.advance(minutes(58));
  EXPECT_EQ(take_all(), 5);
}

TEST_F(TryLimiterTest, WhatIsGivenBackDoesNotCount) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(limiter.take("name", kWindows).allowed);
    limiter.give_back("name");
  }
  EXPECT_EQ(take_all(), 5);
  limiter.give_back("name");
  limiter.give_back("nobody");
  EXPECT_EQ(take_all(), 1);
}

TEST_F(TryLimiterTest, ManyNamesDoNotGrowIt) {
  EXPECT_EQ(take_all(), 5);
  clock.advance(seconds(1));
  for (std::size_t i = 0; i + 1 < TryLimiter::kNamesMax; ++i)
    EXPECT_TRUE(limiter.take(std::to_string(i), kWindows).allowed);
  EXPECT_EQ(take_all(), 0) << "full, and nothing forgotten yet";
  EXPECT_TRUE(limiter.take("one more", kWindows).allowed);
  EXPECT_EQ(take_all(), 5) << "the one tried longest ago was forgotten";
}

}  // namespace
}  // namespace carnet::api
