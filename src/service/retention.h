#pragma once
// Deletes what is older than its tenant keeps it: scans that ended before that, unless something
// keeps them (store/retention.h says what), and entries of the access logs of links. One instance
// does it, a little at a time: no transaction touches more than kRetentionRowsMax rows but for
// the parts of one scan that are few, so others write in between. Two instances that both take
// themselves for the one do no harm: each deletion decides by itself. Thread-safe; tick() is called
// by one caller at a time.

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "service/context.h"
#include "store/database.h"
#include "store/retention.h"

namespace carnet::service {

inline constexpr std::chrono::minutes kRetentionEvery{10};
inline constexpr int kRetentionRowsMax = 5000;        // of a transaction
inline constexpr int kRetentionScansMax = 100;        // likewise
inline constexpr int kRetentionWritesMax = 20;        // transactions of one round
inline constexpr int kRetentionPageMax = 500;         // scans looked at by one statement
inline constexpr int kRetentionExaminedMax = 10'000;  // scans that a view counts

// Whose word it is how long scans are kept.
enum class RetentionSource { kNone, kServer, kTenant, kRequest };
[[nodiscard]] std::string_view to_string(RetentionSource source);

// What would go now and what is kept, for GET /tenant/retention.
struct RetentionView {
  std::optional<int> days;  // nullopt: everything is kept
  RetentionSource source = RetentionSource::kNone;
  Timestamp before{};               // scans that ended before it are too old
  int examined = 0;                 // of those, the oldest, at most kRetentionExaminedMax
  bool complete = true;             // whether these were all
  int erasable = 0;                 // of the examined
  std::map<std::string, int> kept;  // the others, by what keeps them
  std::vector<store::retention::AgedScan> scans;  // a page, oldest first
};

class Retention {
 public:
  struct Options {
    int default_days = 0;  // of tenants that set none; 0: everything is kept
  };
  Retention(store::Database& db, const Clock& clock, Random& random, const Log& log,
            Options options)
      : db_(db), clock_(clock), random_(random), log_(log), options_(options) {}

  struct Round {
    std::int64_t scans = 0, views = 0;  // erased
    bool more = false;                  // some tenant had more than a round takes on
  };
  // One round over all tenants. A tenant whose retention was just shortened is not spared: what is
  // too old at `now` goes.
  [[nodiscard]] Task<Result<Round>> tick(Timestamp now);
  // tick() every kRetentionEvery, at once where there is more, as long as this instance leads.
  // Never returns: it ends with its context, and the database must be stopped before that is
  // destroyed.
  [[nodiscard]] Task<void> run();

  // `days` in place of what is set, to see what that would do; 1–3650. `after` is the id of the
  // last scan of the page before.
  [[nodiscard]] Task<Result<RetentionView>> view(TenantId tenant, std::optional<int> days,
                                                 std::string after, int limit);

  void report(MetricText& out) const;

 private:
  using Age = store::retention::Age;
  [[nodiscard]] Age age_of(Timestamp now, int days);
  // `round` must outlive these tasks.
  [[nodiscard]] Task<Result<bool>> visit(TenantId tenant, int days, Timestamp now, Round& round);
  [[nodiscard]] Task<Result<bool>> erase_scans(TenantId tenant, int days, Age age, Round& round);
  [[nodiscard]] Task<Result<bool>> erase_views(TenantId tenant, int days, Age age, Round& round);
  [[nodiscard]] Task<Result<int>> erase_batch(TenantId tenant, int days, Age age,
                                              std::vector<ScanId> scans);
  [[nodiscard]] Task<Result<int>> slice_assets(TenantId tenant, Age age, ScanId scan);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  Options options_;
  std::atomic<std::uint64_t> scans_{0}, views_{0}, rounds_{0}, failures_{0};
};

}  // namespace carnet::service
