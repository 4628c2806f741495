#pragma once
// The data directory (0700): pepper, admin.key and the signing keys (0600 each) and the embedded
// database. Made whole or not at all: it is prepared beside its final place and renamed into it.
// Used at start-up on one thread.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::app {

struct InitRequest {
  std::string directory;
  std::string tenant_name;
  std::string postgres_url;  // "" = SQLite in the directory
  // What seals the signing keys (signing_key_files.h); "" = a file in the directory.
  std::string key_file, passphrase_file;
};

struct InitKey {
  std::string role;
  Secret token;
};

struct InitResult {
  std::string tenant_id, tenant_name;
  std::vector<InitKey> keys;  // admin, operator, viewer; shown once
};

// Errors are kConflict when the directory is there and not empty (nothing is changed), kUnavailable
// with the system's reason when it cannot be made. A PostgreSQL database that has a tenant already
// is kConflict too.
[[nodiscard]] Result<InitResult> init_data_dir(const InitRequest& request, const Clock& clock,
                                               Random& random);

// The server's pepper; errors say what to do when the directory or the file is not there or is
// damaged.
[[nodiscard]] Result<Secret> read_pepper(const std::string& directory);
// A key from a file, white space at its ends left out; an empty Secret when the file is not there.
[[nodiscard]] Result<Secret> read_key_file(const std::string& path);

}  // namespace carnet::app
