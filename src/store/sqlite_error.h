#pragma once
// How SQLite's result codes become Carnet's errors. Pure functions; used by the SQLite backend
// only.

#include <string_view>

#include "store/errors.h"

namespace carnet::store {

// `code` is an extended result code, `message` what sqlite3_errmsg() said, `sql` the statement (""
// if none). Unique and foreign-key violations become kConflict; busy, full, unreadable, damaged and
// moved files kUnavailable with retry_after_s; the rest kInternal. Code, message and SQL go to
// `internal` only.
[[nodiscard]] Error sqlite_error(int code, std::string_view message, std::string_view sql);

[[nodiscard]] Error database_moved();  // the file is no longer where it was opened

}  // namespace carnet::store
