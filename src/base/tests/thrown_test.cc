#include "base/thrown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace carnet {
namespace {

template <class Thrown>
Error caught(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return thrown_error("here");
  }
}

TEST(Thrown, MemoryThatRanOutIsARefusalToBeRepeated) {
  const Error error = caught(std::bad_alloc());
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.retry_after_s, 1);
  EXPECT_EQ(error.internal, "here: out of memory");
}

TEST(Thrown, AnythingElseIsAFailureWithWordsForTheLogOnly) {
  const Error known = caught(std::runtime_error("what it was"));
  EXPECT_EQ(known.code, ErrorCode::kInternal);
  EXPECT_EQ(known.internal, "here: what it was");
  EXPECT_THAT(known.public_detail, testing::Not(testing::HasSubstr("what it was")));
  EXPECT_EQ(caught(1).internal, "here: not a std::exception");
}

}  // namespace
}  // namespace carnet
