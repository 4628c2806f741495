#pragma once
// Delivers what the outbox holds, at least once: to webhooks and by mail. Several instances share
// the work: each delivery is under the lease of one, and a lease that ends is another's to take.
//
// Fairness is by lane (store/deliveries.h). A lane has a window of calls at once that grows with
// each success and halves with each failure; one that has failed three times in a row has one call
// at a time, rests between them, and shares a quarter of all calls with others of its kind. So a
// receiver that is dead or hangs keeps nobody waiting. What is claimed from the database and what
// came of attempts goes in one transaction a round.
//
// run() is a coroutine on an executor of its own (app/ gives it a thread); the rest may be called
// from any thread.

#include <memory>

#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "service/courier.h"
#include "store/database.h"

namespace carnet::service {

// How long after the event, or a replay, attempts go on: kDeliverFor (outbox.h).
inline constexpr std::chrono::milliseconds kFirstRetry{3'000};
inline constexpr int kRetryFactor = 4;
inline constexpr std::chrono::hours kRetryMax{3};
// An endpoint whose attempts all failed for so long, and so many of them, is paused.
inline constexpr std::chrono::hours kPauseAfter{24};
inline constexpr int kPauseFailuresMin = 10;
// How long what ended can be seen.
inline constexpr std::chrono::hours kDeliveredKept{7 * 24};
inline constexpr std::chrono::hours kDeadKept{30 * 24};

// When an attempt that failed is repeated, the first time within five seconds: 3 s, 12 s, 48 s …
// up to three hours, each a quarter more or less by chance (`spread` from 0 to 1).
[[nodiscard]] std::chrono::milliseconds retry_delay(int attempts, double spread);

class Dispatcher {
 public:
  struct Options {
    int in_flight_max = 256;        // calls at once, of all lanes
    int per_lane_max = 16;          // of one
    int claimed_per_lane_max = 64;  // those and what waits behind them in memory
    std::chrono::milliseconds lease{60'000};
    std::chrono::milliseconds attempt{15'000};  // a webhook's, resolving included
    std::chrono::milliseconds mail_attempt{65'000};
    std::chrono::milliseconds poll{500};  // how often it looks for what became due
  };
  Dispatcher(store::Database& db, const Clock& clock, Random& random, const Log& log,
             const Courier& courier, Options options);
  ~Dispatcher();

  [[nodiscard]] Task<void> run();
  // One look: claims what is due, waits until all of it was tried, writes down what came of it.
  // For tests, instead of run(). The number of attempts.
  [[nodiscard]] Task<int> round();
  void wake();  // something may be due: look at once
  // Takes nothing more; what is on its way is stopped and given back, and run() ends.
  void stop();
  // Drops what ended long ago, takes up what got stuck; called every few minutes by one instance.
  [[nodiscard]] Task<void> purge();
  // Queue, outcomes and pools for /metrics; the queue's numbers are of the last few seconds.
  void report(MetricText& out) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carnet::service
