#pragma once
// Metrics as Prometheus reads them (text exposition format 0.0.4). Whoever knows numbers writes
// them here when asked; samples of one name may come from several places and end up together. A
// value for one answer; not thread-safe.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carnet {

class MetricText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  // Name, help and kind of one name are the same wherever it is written. Label values may be any
  // text.
  void counter(std::string_view name, std::string_view help, double value,
               std::initializer_list<Label> labels = {});
  void gauge(std::string_view name, std::string_view help, double value,
             std::initializer_list<Label> labels = {});

  // What waits to be done: carnet_queue_length, _capacity, _accepted_total and _refused_total with
  // the label queue.
  struct Queue {
    std::size_t length = 0, capacity = 0;
    std::uint64_t accepted = 0, refused = 0;
  };
  void queue(std::string_view name, const Queue& queue);
  // What is in use of what there is: carnet_pool_used and carnet_pool_size with the label pool.
  void pool(std::string_view name, double used, double size);

  // The whole text, names in the order in which they first came.
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    std::string head, samples;
  };
  void add(std::string_view name, std::string_view kind, std::string_view help, double value,
           std::initializer_list<Label> labels);

  std::vector<Family> families_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

}  // namespace carnet
