#pragma once
// Knows whether the database's files are still where they were opened. SQLite keeps writing happily
// into a file that was moved or deleted; Carnet must not acknowledge such a write. The identity
// (device and inode) of the file, its -wal and its -shm is noted once; the same files moved back
// make the guard content again, other files at the path never do: what this process has open is
// then not what the path names, and only a restart may decide which one counts. Owned by the SQLite
// database; thread-safe.

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"

namespace carnet::store {

class SqliteFileGuard {
 public:
  struct Identity {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
  };
  explicit SqliteFileGuard(std::array<Identity, 3> files) : files_(std::move(files)) {}
  // Notes the files as they are now; all three must exist, that is, a connection has them open.
  [[nodiscard]] static Result<std::unique_ptr<SqliteFileGuard>> create(const std::string& path);

  // Looks now: three stat calls.
  [[nodiscard]] bool check();
  // The last answer if it is younger than 100 ms, otherwise looks.
  [[nodiscard]] bool check_sometimes();

 private:
  std::array<Identity, 3> files_;
  std::atomic<bool> in_place_{true};
  std::atomic<std::int64_t> next_look_ns_{0};
};

}  // namespace carnet::store
