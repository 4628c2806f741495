#include "api/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "api/problem.h"
#include "api/routes.h"

namespace carnet::api {

Metrics::Metrics(std::span<const Route> routes) : routes_(routes), cells_(routes.size() + 1) {}

void Metrics::end(const Route* route, int status, std::chrono::nanoseconds took) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  Cell& cell =
      cells_[route == nullptr ? routes_.size() : static_cast<std::size_t>(route - routes_.data())];
  const auto status_class = static_cast<std::size_t>(std::clamp(status / 100, 1, 5) - 1);
  cell.by_class[status_class].fetch_add(1, std::memory_order_relaxed);
  cell.sum_ns.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, took.count())),
                        std::memory_order_relaxed);
  const double ms = static_cast<double>(took.count()) / 1e6;
  std::size_t bucket = 0;
  while (bucket < kBucketsMs.size() && ms > kBucketsMs[bucket]) ++bucket;
  cell.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
}

void Metrics::refused(int status) {
  if (status >= 0 && static_cast<std::size_t>(status) < refused_.size())
    refused_[static_cast<std::size_t>(status)].fetch_add(1, std::memory_order_relaxed);
}

std::string Metrics::labels(std::size_t index) const {
  if (index == routes_.size()) return R"(method="other",route="unmatched")";
  return fmt::format(R"(method="{}",route="{}")", to_string(routes_[index].method),
                     routes_[index].path);
}

void Metrics::append_requests(std::string& out) const {
  out +=
      "# HELP carnet_http_requests_total Answers by route template and status class.\n"
      "# TYPE carnet_http_requests_total counter\n";
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    for (std::size_t c = 0; c < cells_[i].by_class.size(); ++c) {
      const std::uint64_t count = cells_[i].by_class[c].load(std::memory_order_relaxed);
      if (count > 0)
        out += fmt::format("carnet_http_requests_total{{{},status=\"{}xx\"}} {}\n", labels(i),
                           c + 1, count);
    }
  }
  out +=
      "# HELP carnet_http_refused_total Requests refused by the listener, by status.\n"
      "# TYPE carnet_http_refused_total counter\n";
  for (std::size_t status = 0; status < refused_.size(); ++status) {
    const std::uint64_t count = refused_[status].load(std::memory_order_relaxed);
    if (count > 0)
      out += fmt::format("carnet_http_refused_total{{status=\"{}\"}} {}\n", status, count);
  }
}

void Metrics::append_latency(std::string& out) const {
  out +=
      "# HELP carnet_http_request_duration_seconds Time from the whole request to the whole "
      "answer.\n"
      "# TYPE carnet_http_request_duration_seconds histogram\n";
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    std::uint64_t total = 0;
    for (const auto& bucket : cells_[i].buckets) total += bucket.load(std::memory_order_relaxed);
    if (total == 0) continue;
    const std::string label = labels(i);
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < kBucketsMs.size(); ++b) {
      below += cells_[i].buckets[b].load(std::memory_order_relaxed);
      out += fmt::format("carnet_http_request_duration_seconds_bucket{{{},le=\"{}\"}} {}\n", label,
                         kBucketsMs[b] / 1000, below);
    }
    out += fmt::format(
        "carnet_http_request_duration_seconds_bucket{{{0},le=\"+Inf\"}} {1}\n"
        "carnet_http_request_duration_seconds_sum{{{0}}} {2}\n"
        "carnet_http_request_duration_seconds_count{{{0}}} {1}\n",
        label, total, static_cast<double>(cells_[i].sum_ns.load(std::memory_order_relaxed)) / 1e9);
  }
}

void Metrics::problem(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  if (index < problems_.size()) problems_[index].fetch_add(1, std::memory_order_relaxed);
}

std::string Metrics::text(const Gauges& g, MetricText& others) const {
  const auto number = [](auto value) { return static_cast<double>(value); };
  const auto count = [](const auto& value) {
    return static_cast<double>(value.load(std::memory_order_relaxed));
  };
  MetricText first;
  first.gauge("carnet_build_info", "The program that runs.", 1,
              {{"version", g.version}, {"database", g.database}});
  std::string out = first.text();
  append_requests(out);
  append_latency(out);
  MetricText rest;
  for (const ErrorCode code : all_error_codes())
    rest.counter("carnet_http_problems_total", "Answers that told of an error, by its code.",
                 count(problems_[static_cast<std::size_t>(code)]),
                 {{"code", problem_kind(code).code}});
  rest.gauge("carnet_http_in_flight", "Requests being worked on.", count(in_flight_));
  const Server::Counts& c = g.connections;
  rest.counter("carnet_http_connections_accepted_total", "Connections accepted.",
               number(c.accepted));
  rest.counter("carnet_http_connections_refused_total",
               "Requests and connections refused by the listener.", number(c.refused));
  rest.counter("carnet_http_connections_gave_way_total",
               "Connections that waited for a request and were closed to let another in.",
               number(c.made_room));
  rest.counter("carnet_http_timeouts_total", "Connections that were too slow.",
               number(c.timed_out));
  rest.counter("carnet_tls_handshakes_total", "TLS handshakes that the listener completed.",
               number(c.handshakes));
  rest.counter("carnet_tls_handshake_failures_total", "TLS handshakes that failed.",
               number(c.handshakes_failed));
  rest.gauge("carnet_rate_limit_names", "Keys and addresses whose allowance is being counted.",
             number(g.rate_limit_names));
  rest.counter("carnet_authentication_failures_total", "Keys that were given and were not right.",
               count(auth_failures_));
  rest.gauge("carnet_scans_running", "Scans that this process runs now.", number(g.scans_running));
  rest.counter("carnet_scans_submitted_total", "Scans submitted to this process.",
               count(scans_submitted_));
  rest.gauge("carnet_database_healthy", "1 if the database can be used.",
             number(g.database_healthy));
  rest.gauge("carnet_draining", "1 while the server is stopping.", number(g.draining));
  constexpr double kMilliseconds = 1000;
  rest.gauge("carnet_uptime_seconds", "Since the start.",
             number((g.now - g.started).count()) / kMilliseconds);
  others.pool("http_connections", number(c.open), number(c.open_max));
  others.pool("http_body_bytes", number(c.body_bytes), number(c.body_bytes_max));
  others.pool("http_body_bytes_unknown", number(c.unknown_body_bytes),
              number(c.unknown_body_bytes_max));
  report_process(others, g.started);
  return out + rest.text() + others.text();
}

void report_process(MetricText& out, Timestamp started) {
  constexpr double kMilliseconds = 1000;
  constexpr double kMicroseconds = 1e6;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kMicroseconds;
  };
  out.gauge("process_resident_memory_bytes", "Resident memory.",
            static_cast<double>(resident_bytes()));
  out.counter("process_cpu_seconds_total", "Processor time, user and system.",
              seconds(usage.ru_utime) + seconds(usage.ru_stime));
  out.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.",
            static_cast<double>(to_millis(started)) / kMilliseconds);
  std::error_code failure;
  std::ptrdiff_t open = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failure), end; !failure && at != end;
       at.increment(failure))
    ++open;
  out.gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open));
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
    out.gauge("process_max_fds", "How many may be open.", static_cast<double>(files.rlim_cur));
}

std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long long size = 0;
  unsigned long long resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace carnet::api
