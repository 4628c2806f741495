#pragma once
// The schema on PostgreSQL: which version is there, and the steps to the one of this program
// (migrate_postgres() in database.h). Used at start-up; internal to the PostgreSQL backend.

#include <string>

#include "base/error.h"
#include "store/database.h"

namespace carnet::store {

// What a session that serves sets up: the role that row-level security binds, and time-outs.
[[nodiscard]] std::string pg_session_setup(int statement_timeout_ms);
// The server's version (150014). Errors if the role that serves is missing, owns a table or may
// pass row-level security by.
[[nodiscard]] Result<int> check_serving_role(const std::string& url);

// Migrating to a version that is not the newest: for filling a database from an older dump before
// it is brought up to date. kUnavailable for a version that this program does not know.
[[nodiscard]] Result<MigrationStatus> migrate_postgres_to(const std::string& url, int version);

}  // namespace carnet::store
