#pragma once
// Counters of the HTTP interface, written as Prometheus text (exposition format 0.0.4). Labels are
// route templates, never paths. Thread-safe: relaxed atomics, one cell per route.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/server.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metric_text.h"

namespace carnet::api {

struct Route;

class Metrics {
 public:
  explicit Metrics(std::span<const Route> routes);

  void begin() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  // `route` may be null: the request matched none.
  void end(const Route* route, int status, std::chrono::nanoseconds took);
  void refused(int status);  // by the listener, before a route was known
  // An answer that tells of an error.
  void problem(ErrorCode code);
  void authentication_failed() { auth_failures_.fetch_add(1, std::memory_order_relaxed); }

  void scan_submitted() { scans_submitted_.fetch_add(1, std::memory_order_relaxed); }

  // What others know at the time of writing.
  struct Gauges {
    std::string_view version, database;
    Server::Counts connections;
    bool database_healthy = false;
    bool draining = false;
    int scans_running = 0;
    std::size_t rate_limit_names = 0;
    Timestamp started{}, now{};
  };
  // What others wrote into `others` comes last.
  [[nodiscard]] std::string text(const Gauges& gauges, MetricText& others) const;

 private:
  static constexpr std::array<double, 12> kBucketsMs = {0.1, 0.25, 0.5, 1,   2.5, 5,
                                                        10,  25,   50,  100, 500, 2500};
  struct Cell {
    std::array<std::atomic<std::uint64_t>, 5> by_class{};  // 1xx … 5xx; 304 is a 3xx
    std::array<std::atomic<std::uint64_t>, kBucketsMs.size() + 1> buckets{};
    std::atomic<std::uint64_t> sum_ns{0};
  };
  void append_requests(std::string& out) const;
  void append_latency(std::string& out) const;
  [[nodiscard]] std::string labels(std::size_t index) const;

  std::span<const Route> routes_;
  std::vector<Cell> cells_;  // one per route, and one for what matched none
  std::array<std::atomic<std::uint64_t>, 600> refused_{};
  std::atomic<std::int64_t> in_flight_{0};
  static constexpr std::size_t kProblems = 64;  // more than there are codes
  std::array<std::atomic<std::uint64_t>, kProblems> problems_{};
  std::atomic<std::uint64_t> auth_failures_{0}, scans_submitted_{0};
};

// Resident set size of this process; 0 if it cannot be read.
[[nodiscard]] std::uint64_t resident_bytes();
// Memory, processor time and file descriptors under the names that Prometheus' own clients use.
void report_process(MetricText& out, Timestamp started);

}  // namespace carnet::api
