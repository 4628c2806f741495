#pragma once
// How SQLite's result codes become Carnet's errors. Pure functions; used by the SQLite backend
// only.

#include <string_view>

#include "base/error.h"

namespace carnet::store {

// `code` is an extended result code, `message` what sqlite3_errmsg() said, `sql` the statement (""
// if none). Unique and foreign-key violations become kConflict; busy, full, unreadable, damaged and
// moved files kUnavailable with retry_after_s; the rest kInternal. Code, message and SQL go to
// `internal` only.
[[nodiscard]] Error sqlite_error(int code, std::string_view message, std::string_view sql);

[[nodiscard]] Error unavailable(std::string_view public_detail, int retry_after_s,
                                std::string_view internal);
[[nodiscard]] Error database_moved();  // the file is no longer where it was opened
[[nodiscard]] Error queue_full();
[[nodiscard]] Error shutting_down();

}  // namespace carnet::store
