#include "service/scan_run.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/memory.h"
#include "inventory/endpoint_json.h"
#include "store/uploads.h"

namespace carnet::service {
namespace {

constexpr int kEventsPerEndpointMax = 50;  // scans up to this size get one event per endpoint
constexpr int kPercentPerEvent = 2;        // larger ones an event every so often
constexpr int kEndpointsWorthTrimming = 1000;
constexpr std::chrono::milliseconds kRetryFirst{100};
constexpr std::chrono::milliseconds kRetryMax{5000};

std::string describe(const inventory::Endpoint& endpoint) {
  if (endpoint.port == 0) return endpoint.host + ": read";  // a file
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  const std::string where = v6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                               : fmt::format("{}:{}", endpoint.host, endpoint.port);
  if (!endpoint.reached) return where + ": " + endpoint.unreached_reason;
  return where + ": " + endpoint.protocol;
}

Result<std::vector<inventory::Endpoint>> read_files(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  const boost::json::array* rows = value.if_array();
  if (rows == nullptr) return make_internal("files of a scan: not an array");
  std::vector<inventory::Endpoint> out;
  out.reserve(rows->size());
  for (const boost::json::value& row : *rows) {
    if (!row.is_object()) return make_internal("files of a scan: a row that is no object");
    CARNET_TRY(endpoint, inventory::endpoint_from_json(row.get_object()));
    out.push_back(std::move(endpoint));
  }
  return out;
}

}  // namespace

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "not a std::exception";
  }
}

std::string reason_of(const Error& error) {
  return error.internal.empty() ? error.public_detail : error.internal;
}

ScanRun::ScanRun(RunContext& context, store::ScanRow row, std::string owner, Timestamp lease_began)
    : context_(context),
      row_(std::move(row)),
      owner_(std::move(owner)),
      lease_began_(lease_began),
      started_at_(context.clock.now()),
      started_(context.clock.steady_now()) {}

void ScanRun::stop() {
  stop_requested_.store(true);
  wake_.poke();
}

Task<void> ScanRun::run() {
  if (co_await begin()) co_await observe();
  if (ending_ == Ending::kLost) {
    context_.counts.lost.fetch_add(1);
    context_.log.warn("scan_lease_lost", {{"scan", row_.id.str()}, {"attempt", row_.attempts}});
  } else if (ending_ == Ending::kHandBack) {
    co_await hand_back();
  } else {
    co_await conclude();
  }
  // The document and its files are gone; what they left is not to stand until the next large scan.
  if (total_ >= kEndpointsWorthTrimming) give_back_memory();
}

// Reads what earlier attempts left in the timeline and makes the plan. False: there is nothing to
// observe.
Task<bool> ScanRun::begin() {
  using Events = std::vector<store::EventRow>;
  const auto work = [id = row_.id,
                     tenant = row_.tenant_id](store::Connection& connection) -> Result<Events> {
    connection.as_tenant(tenant.str());
    return store::scans::events_after(connection, id, 0);
  };
  for (int attempt = 0;; ++attempt) {
    Result<Events> events = co_await context_.db.read<Events>(work);
    if (events) {
      events_ = std::move(*events);
      break;
    }
    if (!co_await pause_before_retry(attempt)) {
      end_with(Ending::kHandBack);
      co_return false;
    }
  }
  if (row_.cancel_requested) {  // asked for while the worker before this one died
    end_with(Ending::kCancelled);
    co_return false;
  }

  Result<StoredRequest> request = read_request(row_.request);
  if (!request) {
    failure_ = request.error().internal;
    end_with(Ending::kFailed);
    co_return false;
  }
  request_ = std::move(*request);
  if (!request_.scenario_id.empty()) {
    std::optional<assess::Scenario> scenario =
        assess::find_scenario(request_.scenario_id, context_.clock.now());
    if (!scenario) {
      failure_ = "the scenario is not in this version";
      end_with(Ending::kFailed);
      co_return false;
    }
    // What the request leaves open is the scenario's, not the tenant's: a sample looks the same
    // everywhere.
    assess::MoscaInput& mosca = request_.mosca;
    if (!mosca.data_shelf_life_years)
      mosca.data_shelf_life_years = scenario->mosca.data_shelf_life_years;
    if (!mosca.migration_time_years)
      mosca.migration_time_years = scenario->mosca.migration_time_years;
    if (!mosca.years_to_qday) mosca.years_to_qday = scenario->mosca.years_to_qday;
    total_ = static_cast<int>(scenario->endpoints.size());
    note("started", fmt::format("Started: sample data of {} endpoints", total_), 0, "ok");
    for (inventory::Endpoint& endpoint : scenario->endpoints) took_endpoint(std::move(endpoint));
    engine_done_ = true;
    co_return true;
  }
  // The bound was kept when the scan was submitted; here it only must not be less.
  Result<std::vector<probe::PlannedEndpoint>> planned = plan_request(
      request_, std::max<std::size_t>(1, static_cast<std::size_t>(row_.progress_total)));
  if (!planned) {
    failure_ = planned.error().public_detail;
    end_with(Ending::kFailed);
    co_return false;
  }
  planned_ = std::move(*planned);
  total_ = static_cast<int>(planned_.size()) + request_.files;
  endpoints_.reserve(static_cast<std::size_t>(total_));
  note("started", fmt::format("Started: {} endpoint{}", total_, total_ == 1 ? "" : "s"), 0, "ok");
  if (request_.files > 0) co_return co_await take_files();
  co_return true;
}

// The files that were handed in for this scan, read already: they come after the plan's endpoints.
Task<bool> ScanRun::take_files() {
  const auto work = [id = row_.id, tenant = row_.tenant_id](
                        store::Connection& connection) -> Result<std::string> {
    connection.as_tenant(tenant.str());
    return store::uploads::files_of_scan(connection, id);
  };
  std::string text;
  for (int attempt = 0;; ++attempt) {
    Result<std::string> found = co_await context_.db.read<std::string>(work);
    if (found) {
      text = std::move(*found);
      break;
    }
    if (!co_await pause_before_retry(attempt)) {
      end_with(Ending::kHandBack);
      co_return false;
    }
  }
  Result<std::vector<inventory::Endpoint>> files = read_files(text);
  if (!files) {
    failure_ = files.error().internal;
    end_with(Ending::kFailed);
    co_return false;
  }
  std::size_t number = planned_.size();
  for (inventory::Endpoint& file : *files) {
    file.id = fmt::format("ep_{}", ++number);
    took_endpoint(std::move(file));
  }
  co_return true;
}

Task<void> ScanRun::observe() {
  const boost::asio::any_io_executor strand = co_await boost::asio::this_coro::executor;
  if (!engine_done_) {
    const auto self = shared_from_this();
    const probe::Engine::Sink sink = [this](inventory::Endpoint endpoint) {
      took_endpoint(std::move(endpoint));
    };
    const auto done = [self](std::exception_ptr error) {
      self->engine_done_ = true;
      if (error) {
        self->failure_ = what_of(error);
        self->end_with(Ending::kFailed);
      }
      self->wake_.poke();
    };
    Task<void> probing = context_.engine.run(planned_, request_.profile, sink, cancelled_);
    boost::asio::co_spawn(strand, std::move(probing), done);
  }
  std::uint64_t seen = wake_.generation();
  co_await tick();
  while (!engine_done_) {
    co_await wake_.wait(seen, context_.options.tick);
    seen = wake_.generation();
    co_await tick();
  }
  if (!ending_) end_with(Ending::kComplete);
}

Task<void> ScanRun::tick() {
  if (stop_requested_.load() && !engine_done_) end_with(Ending::kHandBack);
  if (context_.clock.steady_now() - started_ >= context_.options.scan_timeout && !engine_done_)
    end_with(Ending::kTimeout);
  if (ending_ == Ending::kLost) co_return;
  const bool renew = context_.clock.now() - lease_began_ >= context_.options.lease / 3;
  const bool news = !pending_.empty() || flushed_done_ != done_;
  if (renew || news)
    co_await flush();
  else
    co_await look_for_cancel();
}

Task<void> ScanRun::look_for_cancel() {
  const auto find = [this](store::Connection& connection) -> Result<std::optional<store::ScanRow>> {
    return store::scans::find(connection, row_.tenant_id, row_.id);
  };
  const Result<std::optional<store::ScanRow>> row =
      co_await context_.db.point<std::optional<store::ScanRow>>(find);
  if (!row)
    co_return;  // the database is away for a moment; the lease tells whether it was too long
  if (!*row || (*row)->status != "running")
    end_with(Ending::kLost);
  else if ((*row)->cancel_requested && !engine_done_)
    end_with(Ending::kCancelled);
}

Task<bool> ScanRun::flush() {
  struct Flushed {
    store::scans::Renewal renewal;
    std::vector<int> seqs;
  };
  const Timestamp now = context_.clock.now();
  const int done = done_;
  const std::vector<store::EventRow> events = pending_;
  const auto work = [this, now, done, events](store::Connection& connection) -> Result<Flushed> {
    CARNET_TRY(renewal, store::scans::renew(connection, row_.id, owner_,
                                            now + context_.options.lease, done, total_));
    Flushed flushed{.renewal = renewal, .seqs = {}};
    if (!renewal.held) return flushed;
    for (const store::EventRow& event : events) {
      CARNET_TRY(seq, store::scans::append_event(connection, row_.id, event));
      flushed.seqs.push_back(seq);
    }
    return flushed;
  };
  Result<Flushed> flushed = co_await context_.db.write<Flushed>(work);
  if (!flushed) {
    context_.log.warn("scan_progress_not_stored",
                      {{"scan", row_.id.str()}, {"error", flushed.error().internal}});
    co_return false;
  }
  if (!flushed->renewal.held) {
    end_with(Ending::kLost);
    co_return true;
  }
  lease_began_ = now;
  flushed_done_ = done;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events_.push_back(events[i]);
    events_.back().seq = flushed->seqs[i];
  }
  pending_.erase(pending_.begin(), pending_.begin() + std::ssize(events));
  if (context_.options.signals != nullptr) context_.options.signals->poke(row_.id);
  if (flushed->renewal.cancel_requested && !engine_done_) end_with(Ending::kCancelled);
  co_return true;
}

// Until the database takes it, the lease is lost, or the process stops (then the lease runs out and
// another repeats it).
Task<bool> ScanRun::flush_surely() {
  for (int attempt = 0;; ++attempt) {
    if (co_await flush()) co_return ending_ != Ending::kLost;
    if (!co_await pause_before_retry(attempt)) co_return false;
  }
}

Task<bool> ScanRun::pause_before_retry(int attempt) {
  if (stop_requested_.load()) co_return false;
  const std::chrono::milliseconds delay =
      std::min(kRetryMax, kRetryFirst * (1 << std::min(attempt, 6)));
  const std::uint64_t seen = wake_.generation();
  if (stop_requested_.load()) co_return false;
  co_await wake_.wait(seen, delay);
  co_return true;
}

void ScanRun::took_endpoint(inventory::Endpoint endpoint) {
  lists_.share(endpoint);
  endpoints_.push_back(std::move(endpoint));
  const inventory::Endpoint& last = endpoints_.back();
  const int done = ++done_;
  if (last.reached) ++reached_;
  if (total_ <= kEventsPerEndpointMax) {
    note("endpoint", describe(last), last.duration_ms, last.reached ? "ok" : "error");
  } else {
    const int percent = done * 100 / total_;
    if (percent < noted_percent_ + kPercentPerEvent) return;
    noted_percent_ = percent;
    note("progress", fmt::format("{} of {} endpoints", done, total_), 0, "running");
  }
  wake_.poke();
}

void ScanRun::end_with(Ending ending) {
  // Losing the lease overrides everything: nothing may be written any more.
  if (ending_ && ending != Ending::kLost) return;
  ending_ = ending;
  cancelled_.store(true);
  if (ending == Ending::kCancelled) note("cancelling", "Cancel was asked for", 0, "ok");
}

void ScanRun::note(std::string_view key, std::string label, std::int64_t duration_ms,
                   std::string_view status) {
  pending_.push_back({.seq = 0,
                      .key = std::string(key),
                      .label = std::move(label),
                      .at = context_.clock.now(),
                      .duration_ms = duration_ms,
                      .status = std::string(status)});
}

Task<void> ScanRun::hand_back() {
  note("handed_back", "The server is stopping; another begins the scan anew", 0, "ok");
  const std::vector<store::EventRow> events = pending_;
  const auto work = [this, events](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(given, store::scans::give_back(connection, row_.id, owner_));
    if (!given) return false;
    for (const store::EventRow& event : events)
      CARNET_TRY_VOID(store::scans::append_event(connection, row_.id, event));
    return true;
  };
  // One try: without the database the lease runs out by itself.
  const Result<bool> given = co_await context_.db.write<bool>(work);
  context_.counts.handed_back.fetch_add(1);
  context_.log.info("scan_handed_back",
                    {{"scan", row_.id.str()}, {"given", given.value_or(false)}});
  if (context_.options.signals != nullptr) context_.options.signals->poke(row_.id);
}

DocumentHead ScanRun::head_of() const {
  DocumentHead head;
  head.scan_id = row_.id.str();
  head.label = row_.label;
  head.profile = row_.profile;
  head.sample = row_.sample;
  head.created_at = row_.created_at;
  head.finished_at = context_.clock.now();
  head.mosca = request_.mosca;
  return head;
}

}  // namespace carnet::service
