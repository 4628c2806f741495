#pragma once
// Loops that must not end while the service runs.

#include <functional>
#include <string>

#include "base/log.h"
#include "base/task.h"

namespace carnet {

// Runs `loop`; where it ends by an exception (memory that ran out, say), says so in the log as
// "loop_broke" with `name`, and runs it again a second later, on the same executor. Ends when
// `loop` ends by itself. `log`, and what `loop` refers to, must outlive the task.
[[nodiscard]] Task<void> keep_going(const Log& log, std::string name,
                                    std::function<Task<void>()> loop);

}  // namespace carnet
