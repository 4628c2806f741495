#pragma once
// Rate limits that hold across instances: how much of its allowance a name has left stands in the
// shared database and is counted there by its clock, as the generic cell rate algorithm counts (one
// time a name, the "theoretical arrival time"). Requests that wait at once are asked for together,
// one statement a round trip and one row a name, however many requests it stands for; nothing is
// held back by an instance, so the limit is exact. The table is unlogged: after a crash of
// PostgreSQL every allowance is full.
//
// For a database that `shared()` says is shared. Thread-safe; the Database must outlive it.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"
#include "store/database.h"

namespace carnet::store {

struct AllowanceAsk {
  std::string name;
  std::int64_t spacing_ns = 1;    // between two units at the steady rate
  std::int64_t tolerance_ns = 1;  // the burst, as time
  std::int64_t units = 1;         // 0: only look
};

struct AllowanceGrant {
  bool granted = false;      // all of `units`, or nothing
  std::int64_t used_ns = 0;  // of the tolerance, after this grant
};

namespace allowances {
// One row of a batch: `count` requests of `units` each. No name twice in a batch.
struct Batch {
  std::string name;
  std::int64_t spacing_ns = 1, tolerance_ns = 1, units = 1, count = 1;
};
struct Counted {
  std::int64_t granted = 0;  // requests out of `count`
  std::int64_t used_ns = 0;
};
// In the order of `batches`. PostgreSQL only.
Result<std::vector<Counted>> take(Connection& db, std::span<const Batch> batches);
// Forgets names whose allowance is full; the number of them.
Result<std::int64_t> purge(Connection& db);
}  // namespace allowances

class Allowances {
 public:
  explicit Allowances(Database& db) : db_(db) {}
  Allowances(const Allowances&) = delete;
  Allowances& operator=(const Allowances&) = delete;

  // Errors: those of a write, such as kUnavailable while the database is away.
  [[nodiscard]] Task<Result<AllowanceGrant>> take(AllowanceAsk ask);

 private:
  using Granted = std::function<void(Result<AllowanceGrant>)>;
  // Requests for the same name with the same rate and units wait in one group.
  struct Key {
    std::string name;
    std::int64_t spacing_ns = 0, tolerance_ns = 0, units = 0;
    auto operator<=>(const Key&) const = default;
  };
  using Groups = std::map<Key, std::vector<Granted>>;

  void enqueue(AllowanceAsk ask, Granted granted);
  void send();  // called by whoever set sending_
  static Groups next(Groups& waiting);

  Database& db_;
  std::mutex mutex_;
  Groups waiting_;        // guarded by mutex_
  bool sending_ = false;  // guarded by mutex_
};

}  // namespace carnet::store
