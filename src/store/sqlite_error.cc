#include "store/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace carnet::store {
namespace {

constexpr int kPrimaryMask = 0xff;

bool is_conflict(int code) {
  return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
         code == SQLITE_CONSTRAINT_ROWID || code == SQLITE_CONSTRAINT_FOREIGNKEY;
}

}  // namespace

Error sqlite_error(int code, std::string_view message, std::string_view sql) {
  std::string internal = fmt::format("SQLite {} ({}): {}{}{}", code, sqlite3_errstr(code), message,
                                     sql.empty() ? "" : " in ", sql);
  switch (code & kPrimaryMask) {
    case SQLITE_CONSTRAINT:
      if (is_conflict(code)) return stored_conflict(std::move(internal));
      return make_internal(std::move(internal)).value();
    case SQLITE_FULL:
      return unavailable("The disk of the database is full.", kRetryBroken_s, internal);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return unavailable("The database is busy.", kRetryBusy_s, internal);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return unavailable(kNotReachable, kRetryBroken_s, internal);
    default:
      return make_internal(std::move(internal)).value();
  }
}

Error database_moved() {
  return unavailable(kNotReachable, kRetryBroken_s,
                     "the database file, its -wal or its -shm is no longer where it was opened");
}

}  // namespace carnet::store
