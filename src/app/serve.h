#pragma once
// `carnet serve`: builds every long-lived object, runs until SIGTERM or SIGINT, and takes all down
// in order.

#include <functional>

#include "app/settings.h"
#include "base/clock.h"
#include "base/random.h"

namespace carnet::app {

// Prints "carnet ready on http://ADDRESS:PORT" (https:// with TLS) for each listener on standard
// output once requests are answered. Exit codes: 0 an orderly end, 1 the start failed (a sentence
// on standard error says why). `reload` resolves the settings again; at SIGHUP the admin key, the
// signing keys, the TLS certificate and the log level are taken from it.
[[nodiscard]] int serve(const Settings& settings, const std::function<Result<Settings>()>& reload,
                        const Clock& clock, Random& random);

}  // namespace carnet::app
