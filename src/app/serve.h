#pragma once
// `carnet serve`: builds every long-lived object, runs until SIGTERM or SIGINT, and takes all down in order.

#include "app/settings.h"
#include "base/clock.h"
#include "base/random.h"

namespace carnet::app {

// Prints "carnet ready on http://ADDRESS:PORT" for each listener on standard output once requests are answered.
// Exit codes: 0 an orderly end, 1 the start failed (a sentence on standard error says why).
[[nodiscard]] int serve(const Settings& settings, const Clock& clock, Random& random);

}  // namespace carnet::app
