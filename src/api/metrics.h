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

namespace carnet::api {

struct Route;

class Metrics {
 public:
  explicit Metrics(std::span<const Route> routes);

  void begin() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  // `route` may be null: the request matched none.
  void end(const Route* route, int status, std::chrono::nanoseconds took);
  void refused(int status);  // by the listener, before a route was known
  void rate_limited() { rate_limited_.fetch_add(1, std::memory_order_relaxed); }
  void authentication_failed() { auth_failures_.fetch_add(1, std::memory_order_relaxed); }

  void scan_submitted() { scans_submitted_.fetch_add(1, std::memory_order_relaxed); }

  // What others know at the time of writing.
  struct Gauges {
    std::string_view version, database;
    std::uint64_t connections_open = 0, connections_accepted = 0, connections_refused = 0,
                  connections_timed_out = 0;
    bool database_healthy = false;
    bool draining = false;
    int scans_running = 0;
    std::size_t rate_limit_names = 0;
    double uptime_s = 0;
  };
  [[nodiscard]] std::string text(const Gauges& gauges) const;

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
  std::atomic<std::uint64_t> rate_limited_{0}, auth_failures_{0}, scans_submitted_{0};
};

// Resident set size of this process; 0 if it cannot be read.
[[nodiscard]] std::uint64_t resident_bytes();

}  // namespace carnet::api
