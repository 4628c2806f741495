#include "store/pg_error.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include "store/errors.h"

namespace carnet::store {
namespace {

std::string_view text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// The server's messages end with a newline, and a log line must not.
std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

bool is_disk_full(std::string_view sqlstate) { return sqlstate == "53100"; }

bool is_busy(std::string_view sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01" ||  // serialization, deadlock
         sqlstate == "55P03" || sqlstate == "57014";    // lock_timeout, statement_timeout
}

bool is_unreachable(std::string_view sqlstate) {
  return sqlstate.empty() || (sqlstate.starts_with("08") && sqlstate != "08P01") ||
         sqlstate.starts_with("53") ||                      // too few resources, connections
         sqlstate.starts_with("57P") ||                     // shut down, starting, dropped
         sqlstate.starts_with("58") ||                      // I/O error outside
         sqlstate == "25006" ||                             // a standby: read-only
         sqlstate == "25P03" || sqlstate == "25P04" ||      // idle or transaction time-out
         sqlstate.starts_with("28") || sqlstate == "3D000"  // no such role, password, database
         || sqlstate == "XX001" || sqlstate == "XX002";     // damaged
}

// 0A000: a cached plan whose columns another release's migration has changed. 26000: a prepared
// statement that is gone.
bool is_stale_plan(std::string_view sqlstate) { return sqlstate == "0A000" || sqlstate == "26000"; }

}  // namespace

Error pg_error(std::string_view sqlstate, std::string_view message, std::string_view sql) {
  const std::string internal =
      fmt::format("PostgreSQL {}: {}{}{}", sqlstate.empty() ? "-" : sqlstate, first_line(message),
                  sql.empty() ? "" : " in ", sql);
  if (sqlstate == "23505" || sqlstate == "23503") return stored_conflict(internal);
  if (sqlstate == "22021" || sqlstate == "22P05")
    return make_error(ErrorCode::kValidationFailed,
                      "The request has text that cannot be stored: it has a NUL character or is "
                      "not UTF-8.",
                      internal)
        .value();
  if (is_disk_full(sqlstate))
    return unavailable("The disk of the database is full.", kRetryBroken_s, internal);
  if (is_busy(sqlstate)) return unavailable("The database is busy.", kRetryBusy_s, internal);
  if (is_unreachable(sqlstate)) return unavailable(kNotReachable, kRetryBroken_s, internal);
  return make_internal(internal).value();
}

Error pg_error(const pg_result* result, std::string_view sql) {
  return pg_error(text_or_empty(PQresultErrorField(result, PG_DIAG_SQLSTATE)),
                  text_or_empty(PQresultErrorMessage(result)), sql);
}

Error pg_lost(std::string_view why) {
  return unavailable(kNotReachable, kRetryBusy_s,
                     fmt::format("the connection to PostgreSQL broke: {}", first_line(why)));
}

bool is_worth_a_retry(std::string_view sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01" || is_stale_plan(sqlstate);
}

bool ends_the_session(std::string_view sqlstate) {
  // 25006: a server that has become a standby, and the URL may name others.
  return is_stale_plan(sqlstate) || sqlstate == "25006" || sqlstate.starts_with("57P") ||
         sqlstate.starts_with("08") || sqlstate == "25P03" || sqlstate == "25P04";
}

}  // namespace carnet::store
