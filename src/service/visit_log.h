#pragma once
// What happens often at links and must not cost a write each time: looking at one (previews), and
// trying one that is over. Kept in memory and written together; the same visitor doing the same
// again within ten minutes is one row with a count. Thread-safe. Bounded: with `kEntriesMax`
// entries waiting, what is new is not logged. What was noted since the last flush is lost if the
// process dies; opens and downloads do not come this way.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "service/visitors.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::service {

class VisitLog {
 public:
  VisitLog(store::Database& db, const Clock& clock, Random& random, const VisitorNames& names);

  struct Visit {
    const store::ShareRow& share;
    std::string_view outcome;  // "preview", "expired", "revoked", "exhausted", "paused"
    std::string_view format;   // "html", "json" for a preview; "" otherwise
    std::string_view visitor_setting;
    const Visitor& visitor;
  };
  void note(const Visit& visit);

  // Writes what was noted. Tries at links that are over also count on their link and leave an audit
  // row ("share.dead_try") per new entry, from which alerts can be made. What cannot be written now
  // is kept for the next time.
  [[nodiscard]] Task<Result<void>> flush();

  void report(MetricText& out);

  static constexpr std::size_t kEntriesMax = 10000;

 private:
  struct Entry {
    store::ViewRow row;  // id, visitor and user agent are made when it is first written
    TenantId tenant;
    std::string setting;
    Visitor visitor;
    int unwritten = 0;
    bool written = false;
    [[nodiscard]] bool dead() const { return row.outcome != "preview"; }
  };
  struct Change;
  [[nodiscard]] std::vector<Change> take_changes();
  void put_back(const std::vector<Change>& changes);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const VisitorNames& names_;
  std::mutex mutex_;
  std::uint64_t noted_ = 0, dropped_ = 0;
  std::unordered_map<std::string, Entry> entries_;  // by link, outcome and address
};

}  // namespace carnet::service
