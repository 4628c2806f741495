#pragma once
// One state of the database, kept for as long as it is read: what is committed meanwhile is not in
// it, however many reads there are. For what takes many reads and has to agree with itself; a
// single read() is a snapshot already.
//
// It holds back no writer. While it is open SQLite's write-ahead log grows with every commit,
// and PostgreSQL keeps the old versions of rows; whoever opens one bounds their number and how
// long they live. Blocks, so not for I/O threads. One thread at a time; it must be gone before its
// Database is.

#include <functional>
#include <memory>
#include <optional>

#include "store/database.h"

namespace carnet::store {

class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // Runs a closure that only reads. After an error on PostgreSQL there is no more to be had.
  [[nodiscard]] virtual Result<void> run(const Database::Work& work) = 0;
  template <class T>
  [[nodiscard]] Result<T> read(const std::function<Result<T>(Connection&)>& work) {
    std::optional<Result<T>> out;
    const Database::Work wrapped = [&out, &work](Connection& connection) -> Result<void> {
      out.emplace(work(connection));
      if (!*out) return tl::unexpected(out->error());
      return {};
    };
    CARNET_TRY_VOID(run(wrapped));
    return std::move(*out);
  }
};

// A Database that has snapshots.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // On a connection of its own, of the state that is committed now. kUnavailable as for a read.
  [[nodiscard]] virtual Result<std::unique_ptr<Snapshot>> open_snapshot() = 0;
};
// kPersistenceOff where nothing is kept.
[[nodiscard]] Result<std::unique_ptr<Snapshot>> open_snapshot(Database& db);

}  // namespace carnet::store
