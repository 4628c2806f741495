#include "store/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace carnet::store {
namespace {

constexpr std::string_view kNotReachable = "The database cannot be reached right now.";
constexpr int kRetryBusy_s = 1;
constexpr int kRetryBroken_s =
    5;  // someone has to do something first: free space, bring a disk back
constexpr int kPrimaryMask = 0xff;

bool is_conflict(int code) {
  return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
         code == SQLITE_CONSTRAINT_ROWID || code == SQLITE_CONSTRAINT_FOREIGNKEY;
}

Error plain(ErrorCode code, std::string_view public_detail, std::string internal) {
  return make_error(code, std::string(public_detail), std::move(internal)).value();
}

}  // namespace

Error unavailable(std::string_view public_detail, int retry_after_s, std::string_view internal) {
  Error error = plain(ErrorCode::kUnavailable, public_detail, std::string(internal));
  error.retry_after_s = retry_after_s;
  return error;
}

Error sqlite_error(int code, std::string_view message, std::string_view sql) {
  std::string internal = fmt::format("SQLite {} ({}): {}{}{}", code, sqlite3_errstr(code), message,
                                     sql.empty() ? "" : " in ", sql);
  switch (code & kPrimaryMask) {
    case SQLITE_CONSTRAINT:
      if (is_conflict(code))
        return plain(ErrorCode::kConflict, "This conflicts with what is already stored.",
                     std::move(internal));
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

Error queue_full() {
  return unavailable("The server has more work waiting than it takes; try again.", kRetryBusy_s,
                     "the database queue is full");
}

Error shutting_down() {
  return unavailable("The server is shutting down.", kRetryBusy_s, "the database has been stopped");
}

}  // namespace carnet::store
