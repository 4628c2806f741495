#pragma once
// Migrating to a version that is not the newest: for filling a database from an older dump before
// it is brought up to date. Internal to src/store; otherwise as migrate_sqlite() in database.h.

#include <string>

#include "store/database.h"

namespace carnet::store {

// kUnavailable for a version that this program does not know.
[[nodiscard]] Result<MigrationStatus> migrate_sqlite_to(const std::string& path, int version);

}  // namespace carnet::store
