#pragma once
// Starts the runs of schedules when they are due. Any number of instances may have one: the leader
// among them works, and a run is taken by a conditional update, so that it begins once even while
// two believe to lead. run() is spawned on an io thread and returns after stop(). wake(), stop()
// and report() from any thread, tick() from one at a time.
//
// - A run begins when it is due, not before. Many at once begin in transactions of `batch`, and no
//   more than `waiting_max` of them wait for a worker: the rest begin as those are done.
// - What was missed by more than `grace` while nobody looked runs once for all its missed slots,
//   and these runs are spread: `catch_up_step` apart, closer only so that all fit into
//   `catch_up_window`.
// - A slot that had its run never has another, and none is lost, when the clock is put back or
//   forward; a clock that was wrong by more than a day is not believed about slots that it ran.
// - A run is skipped, recorded and told while the last scan of its schedule is queued or running,
//   and if what it scans is not allowed any more.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "service/outbox.h"
#include "service/scans.h"
#include "service/schedules.h"
#include "service/signal.h"
#include "store/database.h"

namespace carnet::service {

class Scheduler {
 public:
  struct Options {
    int batch = 32;
    int waiting_max = 20;
    std::chrono::milliseconds grace = std::chrono::minutes(5);
    std::chrono::milliseconds catch_up_step = std::chrono::seconds(5);
    std::chrono::milliseconds catch_up_window = std::chrono::hours(1);
    // How often it looks while held back, after an error, and whether it leads.
    std::chrono::milliseconds poll = std::chrono::seconds(1);
  };
  Scheduler(store::Database& db, const Clock& clock, Random& random, const Log& log, Scans& scans,
            const Outbox& outbox, Options options);

  [[nodiscard]] Task<void> run();
  void wake();  // a plan has changed: look at once
  void stop();
  // Begins what is due at `now`; when to look next, by the clock. After an error, which is logged,
  // that is after `poll`.
  [[nodiscard]] Task<Timestamp> tick(Timestamp now);
  void report(MetricText& out) const;

 private:
  struct Start;  // a run that is about to be taken
  struct Look {
    std::vector<store::ScheduleRow> due;
    std::optional<Timestamp> next;
    std::int64_t waiting = 0;
  };
  struct Outcome {
    int started = 0, skipped = 0;
  };
  [[nodiscard]] Task<Result<Timestamp>> begin_due(Timestamp now);
  [[nodiscard]] Task<Result<Look>> look(Timestamp now);
  [[nodiscard]] Task<Result<Start>> prepare(store::ScheduleRow row, Timestamp now);
  [[nodiscard]] Task<Result<void>> begin(std::vector<store::ScheduleRow> rows, Timestamp now);
  [[nodiscard]] Task<Result<Outcome>> record(std::shared_ptr<const std::vector<Start>> starts);
  [[nodiscard]] Task<Result<void>> begin_singly(std::vector<Start> starts);
  [[nodiscard]] Task<Result<void>> put_off_missed(Timestamp now);
  [[nodiscard]] Task<Result<void>> replan(Timestamp now);
  void count(const Outcome& outcome);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  Scans& scans_;
  const Outbox& outbox_;
  Options options_;
  std::shared_ptr<Signal> wake_;
  std::atomic<bool> stopping_{false};
  std::optional<Timestamp> last_look_;  // that went well; of tick() only
  bool failed_ = false;                 // likewise: the last one did not
  std::atomic<bool> leads_{false};
  std::atomic<std::uint64_t> started_{0}, skipped_{0}, caught_up_{0}, failures_{0};
  std::atomic<std::int64_t> waiting_{0}, late_ms_{0};
};

}  // namespace carnet::service
