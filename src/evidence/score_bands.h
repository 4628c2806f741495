#pragma once
// The bands of the readiness score as a report explains them. Constants. The limits are those of
// assess/method.h, which this module may not include: src/service/tests/score_bands_test.cc
// compares them.

#include <array>
#include <string_view>

namespace carnet::evidence {

struct ScoreBand {
  std::string_view name;
  double from, to;  // from included, to not; but 100 belongs to the last
  std::string_view meaning;
};
inline constexpr std::array<ScoreBand, 4> kScoreBands{{
    {"Critical", 0, 40, "Most of what was seen falls to a quantum computer."},
    {"At Risk", 40, 65, "Some of the way is done; much of what was seen still has to move."},
    {"Developing", 65, 85, "Migration is well under way; known gaps are left."},
    {"Prepared", 85, 100,
     "What was seen withstands the known quantum attacks, with few exceptions."},
}};

}  // namespace carnet::evidence
