#pragma once
// Point reads of one statement, of all callers, on one session: what waits is sent together in one
// batch, and the next batch does not wait for the answers of the last. One thread. Owned by the
// PostgreSQL database; submit() is thread-safe. Limits: kBatchMax reads in a batch, kBatchesMax
// batches on their way.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "store/pg_health.h"
#include "store/pg_link.h"

namespace carnet::store {

// Wakes a thread that waits in poll(). Thread-safe.
class PgWaker {
 public:
  PgWaker();
  ~PgWaker();
  PgWaker(const PgWaker&) = delete;
  PgWaker& operator=(const PgWaker&) = delete;
  void wake();
  // Waits for wake(), for `socket` to be ready (-1: none) or for the time to pass.
  void wait(int socket, bool for_writing, std::chrono::milliseconds time);

 private:
  int fd_;
};

class PgLookups {
 public:
  struct Lookup {
    std::string_view sql;  // a literal with $1
    std::string key;
    Connection::OnRow on_row;
    Database::Done done;
    bool tried = false;
  };
  // `health` must outlive it.
  PgLookups(PgConnectOptions options, int queue_max, PgHealth& health);
  ~PgLookups();
  PgLookups(const PgLookups&) = delete;
  PgLookups& operator=(const PgLookups&) = delete;

  void submit(Lookup lookup);
  [[nodiscard]] MetricText::Queue state();
  // Answers what waits and ends the thread. Idempotent.
  void drain();

 private:
  struct Batch {
    std::vector<Lookup> lookups;
    std::size_t answered = 0;
    std::chrono::steady_clock::time_point sent;
  };
  static constexpr std::size_t kBatchMax = 64;    // limit: internal
  static constexpr std::size_t kBatchesMax = 16;  // limit: internal

  void loop();
  [[nodiscard]] std::vector<Lookup> take();
  [[nodiscard]] bool idle_and_closed();
  void send(std::vector<Lookup> lookups);
  void receive();
  void take_reply(PgLink::Reply reply);
  void session_lost(const Error& error);
  [[nodiscard]] bool connect();

  const PgConnectOptions options_;
  const std::size_t queue_max_;
  PgHealth& health_;
  PgWaker waker_;
  std::mutex mutex_;
  std::deque<Lookup> queue_;                  // guarded by mutex_
  bool closed_ = false;                       // guarded by mutex_
  std::uint64_t accepted_ = 0, refused_ = 0;  // likewise
  // Of the thread:
  std::unique_ptr<PgLink> link_;
  std::deque<Batch> flying_;
  std::vector<Lookup> again_;  // lost with a session, for the next
  std::thread thread_;
};

}  // namespace carnet::store
