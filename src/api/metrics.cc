#include "api/metrics.h"

#include <unistd.h>

#include <cstdio>

#include "api/routes.h"

namespace carnet::api {
namespace {

void append_metric(std::string& out, std::string_view name, std::string_view type,
                   std::string_view help, double value) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, value);
}

}  // namespace

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

std::string Metrics::text(const Gauges& g) const {
  std::string out;
  out += fmt::format(
      "# HELP carnet_build_info The program that runs.\n# TYPE carnet_build_info gauge\n"
      "carnet_build_info{{version=\"{}\",database=\"{}\"}} 1\n",
      g.version, g.database);
  append_requests(out);
  append_latency(out);
  const auto number = [](auto value) { return static_cast<double>(value); };
  append_metric(out, "carnet_http_in_flight", "gauge", "Requests being worked on.",
                number(in_flight_.load(std::memory_order_relaxed)));
  append_metric(out, "carnet_http_connections", "gauge", "Open connections.",
                number(g.connections_open));
  append_metric(out, "carnet_http_connections_accepted_total", "counter", "Connections accepted.",
                number(g.connections_accepted));
  append_metric(out, "carnet_http_connections_refused_total", "counter",
                "Requests and connections refused by the listener.", number(g.connections_refused));
  append_metric(out, "carnet_http_timeouts_total", "counter", "Connections that were too slow.",
                number(g.connections_timed_out));
  append_metric(out, "carnet_rate_limited_total", "counter", "Requests answered 429.",
                number(rate_limited_.load(std::memory_order_relaxed)));
  append_metric(out, "carnet_rate_limit_names", "gauge",
                "Keys and addresses whose allowance is being counted.", number(g.rate_limit_names));
  append_metric(out, "carnet_authentication_failures_total", "counter",
                "Keys that were given and were not right.",
                number(auth_failures_.load(std::memory_order_relaxed)));
  append_metric(out, "carnet_scans_running", "gauge", "Scans that this process runs now.",
                number(g.scans_running));
  append_metric(out, "carnet_scans_submitted_total", "counter", "Scans submitted to this process.",
                number(scans_submitted_.load(std::memory_order_relaxed)));
  append_metric(out, "carnet_database_healthy", "gauge", "1 if the database can be used.",
                number(g.database_healthy));
  append_metric(out, "carnet_draining", "gauge", "1 while the server is stopping.",
                number(g.draining));
  append_metric(out, "carnet_uptime_seconds", "gauge", "Since the start.", g.uptime_s);
  append_metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                number(resident_bytes()));
  return out;
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
