#pragma once
// CHECK states an invariant: a failure is a bug in Carnet, never the effect of input. It stays on
// in release builds, prints the place and aborts. Thread-safe.

namespace carnet {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace carnet

#define CARNET_CHECK(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::carnet::check_failed(#condition, __FILE__, __LINE__))
