#include "probe/schedule.h"

#include "base/check.h"

namespace carnet::probe {

std::optional<std::size_t> Schedule::begin() {
  if (begun_ == endpoints_) return std::nullopt;
  ++resolving_;
  return begun_++;
}

void Schedule::drop() {
  CARNET_CHECK(resolving_ > 0);
  --resolving_;
}

void Schedule::put(Job job) {
  drop();
  CARNET_CHECK(!job.addresses.empty());
  const net::IpAddress address = job.addresses.front();
  PerAddress& entry = addresses_[address];
  entry.jobs.push_back(std::move(job));
  ++waiting_;
  offer(address, entry);
}

std::optional<Schedule::Job> Schedule::take() {
  if (ready_.empty()) return std::nullopt;
  const net::IpAddress address = ready_.front();
  ready_.pop_front();
  PerAddress& entry = addresses_.at(address);
  entry.ready = false;
  Job job = std::move(entry.jobs.front());
  entry.jobs.pop_front();
  --waiting_;
  ++entry.running;
  offer(address, entry);  // to the back of the line: the addresses take turns
  return job;
}

void Schedule::done(const net::IpAddress& address) {
  const auto found = addresses_.find(address);
  CARNET_CHECK(found != addresses_.end() && found->second.running > 0);
  --found->second.running;
  if (found->second.running == 0 && found->second.jobs.empty()) {
    addresses_.erase(found);
    return;
  }
  offer(address, found->second);
}

void Schedule::offer(const net::IpAddress& address, PerAddress& entry) {
  if (entry.ready || entry.jobs.empty() || entry.running >= per_address_) return;
  entry.ready = true;
  ready_.push_back(address);
}

}  // namespace carnet::probe
