#include "probe/schedule.h"

#include <gtest/gtest.h>

#include <random>

namespace carnet::probe {
namespace {

net::IpAddress address(int number) {
  return *net::IpAddress::parse("192.0.2." + std::to_string(number));
}

TEST(Schedule, AddressesTakeTurnsWithinTheirBound) {
  Schedule schedule(6, 2);
  for (int i = 0; i < 6; ++i) {
    const auto index = schedule.begin();
    ASSERT_TRUE(index);
    schedule.put({*index, {address(i < 4 ? 1 : 2)}, {}});
  }
  EXPECT_FALSE(schedule.begin());
  std::vector<std::size_t> order;
  while (const auto job = schedule.take()) order.push_back(job->index);
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 4, 1, 5}));  // two of each
  EXPECT_FALSE(schedule.exhausted());
  schedule.done(address(2));
  EXPECT_FALSE(schedule.take());  // nothing of that address is left
  schedule.done(address(1));
  EXPECT_EQ(schedule.take()->index, 2u);
  schedule.done(address(1));
  EXPECT_EQ(schedule.take()->index, 3u);
  EXPECT_TRUE(schedule.exhausted());
}

TEST(Schedule, WhatCannotBeResolvedIsNotWaitedFor) {
  Schedule schedule(2, 1);
  static_cast<void>(schedule.begin());
  static_cast<void>(schedule.begin());
  EXPECT_FALSE(schedule.exhausted());
  schedule.drop();
  EXPECT_FALSE(schedule.exhausted());
  schedule.drop();
  EXPECT_TRUE(schedule.exhausted());
}

// Whatever the order of events: every endpoint is given once, and never more of an address at once
// than allowed.
TEST(Schedule, EveryEndpointOnceAndNeverTooManyOfOneAddress) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    std::vector<int> hosts(below(40));
    for (int& host : hosts) host = static_cast<int>(below(5)) + 1;
    const int bound = static_cast<int>(below(3)) + 1;
    Schedule schedule(hosts.size(), bound);
    std::vector<int> given(hosts.size()), running(7), most(7), started;
    std::vector<std::size_t> resolving;
    while (!schedule.exhausted() || !started.empty()) {
      const std::size_t what = below(4);
      if (what == 0) {
        if (const auto index = schedule.begin()) resolving.push_back(*index);
      } else if (what == 1 && !resolving.empty()) {
        const std::size_t index = resolving.back();
        resolving.pop_back();
        schedule.put({index, {address(hosts[index])}, {}});
      } else if (what == 2) {
        if (const auto job = schedule.take()) {
          ++given[job->index];
          const auto host = static_cast<std::size_t>(hosts[job->index]);
          most[host] = std::max(most[host], ++running[host]);
          started.push_back(hosts[job->index]);
        }
      } else if (!started.empty()) {
        schedule.done(address(started.back()));
        --running[static_cast<std::size_t>(started.back())];
        started.pop_back();
      }
    }
    for (const int one : given) ASSERT_EQ(one, 1) << seed;
    for (const int one : most) ASSERT_LE(one, bound) << seed;
  }
}

}  // namespace
}  // namespace carnet::probe
