#include <gtest/gtest.h>

#include <algorithm>

#include "assess/method.h"
#include "evidence/score_bands.h"

namespace carnet::service {
namespace {

TEST(ScoreBands, ReportsExplainTheBandsThatScoresAreGiven) {
  ASSERT_EQ(evidence::kScoreBands.size(), assess::kBands.size());
  double from = 0;
  for (std::size_t i = 0; i < assess::kBands.size(); ++i) {
    EXPECT_EQ(evidence::kScoreBands[i].name, assess::kBands[i].name);
    EXPECT_EQ(evidence::kScoreBands[i].from, from);
    from = std::min(assess::kBands[i].below, 100.0);
    EXPECT_EQ(evidence::kScoreBands[i].to, from);
  }
}

}  // namespace
}  // namespace carnet::service
