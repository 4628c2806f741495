#include "base/metric_text.h"

#include <fmt/format.h>

namespace carnet {
namespace {

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

void MetricText::add(std::string_view name, std::string_view kind, std::string_view help,
                     double value, std::initializer_list<Label> labels) {
  auto place = places_.find(name);
  if (place == places_.end()) {
    place = places_.emplace(std::string(name), families_.size()).first;
    families_.push_back(
        {.head = fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, kind), .samples = {}});
  }
  std::string& out = families_[place->second].samples;
  out += name;
  char before = '{';
  for (const auto& [label, text] : labels) {
    out += before;
    out += label;
    out += "=\"";
    append_label_value(out, text);
    out += '"';
    before = ',';
  }
  if (labels.size() > 0) out += '}';
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

void MetricText::counter(std::string_view name, std::string_view help, double value,
                         std::initializer_list<Label> labels) {
  add(name, "counter", help, value, labels);
}

void MetricText::gauge(std::string_view name, std::string_view help, double value,
                       std::initializer_list<Label> labels) {
  add(name, "gauge", help, value, labels);
}

void MetricText::queue(std::string_view name, const Queue& queue) {
  gauge("carnet_queue_length", "Jobs that wait.", static_cast<double>(queue.length),
        {{"queue", name}});
  gauge("carnet_queue_capacity", "Jobs that may wait; more are refused.",
        static_cast<double>(queue.capacity), {{"queue", name}});
  counter("carnet_queue_accepted_total", "Jobs that were taken into the queue.",
          static_cast<double>(queue.accepted), {{"queue", name}});
  counter("carnet_queue_refused_total", "Jobs that found the queue full.",
          static_cast<double>(queue.refused), {{"queue", name}});
}

void MetricText::pool(std::string_view name, double used, double size) {
  gauge("carnet_pool_used", "What is in use of a pool.", used, {{"pool", name}});
  gauge("carnet_pool_size", "How much a pool has.", size, {{"pool", name}});
}

std::string MetricText::text() const {
  std::string out;
  for (const Family& family : families_) {
    out += family.head;
    out += family.samples;
  }
  return out;
}

}  // namespace carnet
