#pragma once
// A cache of immutable values, bounded by count and by cost; the least recently used leave first.
// Thread-safe.

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace carnet::service {

template <class T>
class BoundedCache {
 public:
  struct Limits {
    std::size_t entries_max = 0;
    std::size_t cost_max = 0;  // sum over all entries; the caller chooses the unit
  };
  explicit BoundedCache(Limits limits) : limits_(limits) {}

  [[nodiscard]] std::shared_ptr<const T> find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(std::string(key));
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  // A value dearer than the whole cache is not kept.
  void put(std::string_view key, std::shared_ptr<const T> value, std::size_t cost) {
    if (cost > limits_.cost_max) return;
    const std::lock_guard lock(mutex_);
    if (index_.contains(std::string(key))) return;
    entries_.push_front(Entry{std::string(key), std::move(value), cost});
    index_.emplace(entries_.front().key, entries_.begin());
    cost_ += cost;
    while (entries_.size() > limits_.entries_max || cost_ > limits_.cost_max) {
      cost_ -= entries_.back().cost;
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
  }

  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const T> value;
    std::size_t cost = 0;
  };
  Limits limits_;
  std::mutex mutex_;
  std::list<Entry> entries_;
  std::unordered_map<std::string, typename std::list<Entry>::iterator> index_;
  std::size_t cost_ = 0;
};

}  // namespace carnet::service
