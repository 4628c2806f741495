#include "api/rate_limit.h"

#include <gtest/gtest.h>

namespace carnet::api {
namespace {

class RateLimitTest : public ::testing::Test {
 protected:
  ManualClock clock{Timestamp{}};
  RateLimiter limiter{clock};
};

TEST_F(RateLimitTest, BurstThenSteady) {
  const Rate rate{300};
  for (int i = 0; i < 60; ++i) {
    const Verdict verdict = limiter.take("k", rate);
    ASSERT_TRUE(verdict.allowed) << i;
    EXPECT_EQ(verdict.remaining, 59 - i);
  }
  EXPECT_FALSE(limiter.take("k", rate).allowed);
  EXPECT_TRUE(limiter.take("other", rate).allowed);
  // Over ten minutes of asking all the time, exactly the rate passes.
  int passed = 0;
  for (int tick = 0; tick < 10 * 600; ++tick) {
    clock.advance(std::chrono::milliseconds(100));
    if (limiter.take("k", rate).allowed) ++passed;
  }
  EXPECT_EQ(passed, 3000);
}

TEST_F(RateLimitTest, BurstIsNeverMoreThanAMinutesWorth) {
  EXPECT_EQ(Rate{1}.burst(), 1);
  EXPECT_EQ(Rate{30}.burst(), 30);
  EXPECT_EQ(Rate{60}.burst(), 60);
  EXPECT_EQ(Rate{300}.burst(), 60);
  EXPECT_EQ(Rate{6000}.burst(), 1200);
}

TEST_F(RateLimitTest, RefusedRequestsCostNothingAndSayWhenToComeBack) {
  const Rate rate{2};
  EXPECT_TRUE(limiter.take("k", rate).allowed);
  EXPECT_TRUE(limiter.take("k", rate).allowed);
  for (int i = 0; i < 10; ++i) {
    const Verdict verdict = limiter.take("k", rate);
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.retry_after_s, 30);
    EXPECT_EQ(verdict.reset_s, 60);
  }
  clock.advance(std::chrono::milliseconds(29999));
  EXPECT_FALSE(limiter.take("k", rate).allowed);
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(limiter.take("k", rate).allowed);
}

TEST_F(RateLimitTest, MemoryIsBounded) {
  RateLimiter small(clock, 640);
  for (int i = 0; i < 20000; ++i)
    static_cast<void>(small.take("name " + std::to_string(i), Rate{60}));
  EXPECT_LE(small.names(), 640U);
}

}  // namespace
}  // namespace carnet::api
