#pragma once
// Which endpoint of a run comes next: so many of one address at once and no more, in the order of
// the plan, without letting an address with many ports or names hold up the others. An endpoint is
// resolved first, as several names may lead to one address. Owned by one run; not thread-safe, all
// calls on the run's strand. Memory: an index and the resolved addresses per endpoint that waits.

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"

namespace carnet::probe {

class Schedule {
 public:
  struct Job {
    std::size_t index = 0;                            // in the plan
    std::vector<net::IpAddress> addresses;            // in the order to be tried; not empty
    std::chrono::steady_clock::duration resolving{};  // what resolving took
    std::vector<std::string> aliases{};               // of the name
  };

  // `per_address` of one address at once, at least 1.
  Schedule(std::size_t endpoints, int per_address)
      : endpoints_(endpoints), per_address_(per_address) {}

  // The next endpoint to resolve; nullopt when every one has begun. Follow with put() or drop().
  [[nodiscard]] std::optional<std::size_t> begin();
  void put(Job job);
  void drop();  // it could not be resolved

  // A resolved endpoint whose address has room. Follow with done() of its first address.
  [[nodiscard]] std::optional<Job> take();
  void done(const net::IpAddress& address);

  // True once neither begin() nor take() will ever give another.
  [[nodiscard]] bool exhausted() const {
    return begun_ == endpoints_ && resolving_ == 0 && waiting_ == 0;
  }

 private:
  struct PerAddress {
    int running = 0;
    bool ready = false;  // stands in ready_
    std::deque<Job> jobs;
  };
  void offer(const net::IpAddress& address, PerAddress& entry);

  const std::size_t endpoints_;
  const int per_address_;
  std::size_t begun_ = 0, resolving_ = 0, waiting_ = 0;
  std::map<net::IpAddress, PerAddress> addresses_;
  std::deque<net::IpAddress> ready_;  // has room and jobs; each once
};

}  // namespace carnet::probe
