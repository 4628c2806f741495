#pragma once
// Mosca's inequality X + Y > Z, and rounding as the method does it. Pure functions, thread-safe.

#include "assess/judge.h"
#include "base/clock.h"
#include "inventory/model.h"

namespace carnet::assess {

// To one decimal, half up. A hair is added first, so that 41.45, which no double holds exactly,
// goes up as on paper.
[[nodiscard]] double round1(double value);

// Years from `now` to the start of kQDayYear, not below 0, rounded to one decimal.
[[nodiscard]] double years_to_qday(Timestamp now);

// Fills in the defaults, names them, and judges strictly: X + Y = Z does not hold.
[[nodiscard]] inventory::MoscaJudgement judge_mosca(const MoscaInput& input, Timestamp now);

}  // namespace carnet::assess
