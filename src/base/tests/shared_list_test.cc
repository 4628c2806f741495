#include "base/shared_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace carnet {
namespace {

using testing::ElementsAre;
using Names = SharedList<std::string>;

TEST(SharedList, CopiesShareUntilOneIsChanged) {
  const Names first = {"a", "b"};
  Names second = first;
  EXPECT_TRUE(second.shares_with(first));
  EXPECT_EQ(std::as_const(second).back(), "b");
  EXPECT_TRUE(second.shares_with(first));  // looking changes nothing
  second.push_back("c");
  EXPECT_FALSE(second.shares_with(first));
  EXPECT_THAT(first, ElementsAre("a", "b"));
  EXPECT_THAT(second, ElementsAre("a", "b", "c"));
}

TEST(SharedList, IsEditedLikeAVector) {
  Names list;
  EXPECT_TRUE(list.empty());
  list.insert(list.begin(), "c");
  const Names kept = list;
  list.insert(list.begin(), "a");
  list[1] = "b";
  for (std::string& text : list) text += text;
  EXPECT_THAT(list, ElementsAre("aa", "bb"));
  list.erase(list.begin(), list.begin() + 1);
  EXPECT_THAT(list, ElementsAre("bb"));
  EXPECT_THAT(kept, ElementsAre("c"));
  list = {};
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list, Names());
}

TEST(SharedList, APoolMakesEqualOnesOne) {
  SharedListPool<std::string> pool;
  Names first = {"a"}, other = {"b"}, again = {"a"}, none;
  for (Names* list : {&first, &other, &again, &none}) pool.share(*list);
  EXPECT_TRUE(again.shares_with(first));
  EXPECT_FALSE(other.shares_with(first));
  EXPECT_THAT(again, ElementsAre("a"));
  EXPECT_THAT(other, ElementsAre("b"));
  // What the pool keeps is not what a holder changes.
  again.push_back("c");
  Names third = {"a"};
  pool.share(third);
  EXPECT_TRUE(third.shares_with(first));
}

}  // namespace
}  // namespace carnet
