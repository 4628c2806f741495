#pragma once
// How PostgreSQL's error codes become Carnet's errors. Pure functions; used by the PostgreSQL
// backend only.

#include <string_view>

#include "base/error.h"

struct pg_result;

namespace carnet::store {

// `sqlstate` is the five characters of an error ("" if none came), `message` what the server said,
// `sql` the statement ("" if none). Unique and foreign-key violations become kConflict; lost
// connections, shut-down, too few resources, time-outs, deadlocks and a database that takes no
// writes kUnavailable with retry_after_s; text that PostgreSQL cannot store kValidationFailed; the
// rest kInternal. Code, message and SQL go to `internal` only.
[[nodiscard]] Error pg_error(std::string_view sqlstate, std::string_view message,
                             std::string_view sql);
[[nodiscard]] Error pg_error(const pg_result* result, std::string_view sql);
// The connection is gone, or the server did not answer in time.
[[nodiscard]] Error pg_lost(std::string_view why);
// Undone for the sake of another transaction, or by a session that has grown stale: the same again
// may succeed.
[[nodiscard]] bool is_worth_a_retry(std::string_view sqlstate);
// The session itself cannot go on: connected anew, it can.
[[nodiscard]] bool ends_the_session(std::string_view sqlstate);

}  // namespace carnet::store
