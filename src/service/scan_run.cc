#include "service/scan_run.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::service {
namespace {

constexpr int kEventsPerEndpointMax = 50;  // scans up to this size get one event per endpoint
constexpr int kPercentPerEvent = 2;        // larger ones an event every so often
constexpr std::chrono::milliseconds kRetryFirst{100};
constexpr std::chrono::milliseconds kRetryMax{5000};

std::string describe(const inventory::Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  const std::string where = v6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                               : fmt::format("{}:{}", endpoint.host, endpoint.port);
  if (!endpoint.reached) return where + ": " + endpoint.unreached_reason;
  return where + ": " + endpoint.protocol;
}

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "not a std::exception";
  }
}

Task<inventory::ScanDocument> judge_there(DocumentHead head,
                                          std::vector<inventory::Endpoint> endpoints) {
  co_return judge_scan(std::move(head), std::move(endpoints));
}

Task<Result<PassportDraftPtr>> draft_there(
    Passports& passports, std::shared_ptr<const inventory::ScanDocument> document) {
  co_return passports.draft(std::move(document));
}

// How the final transaction ended.
enum class Recorded { kDone, kLeaseLost, kChainMoved };

Task<FinalRows> rows_there(std::shared_ptr<const inventory::ScanDocument> document) {
  co_return final_rows(*document);
}

}  // namespace

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
    context_.log.warn("scan_lease_lost", {{"scan", row_.id.str()}, {"attempt", row_.attempts}});
  } else if (ending_ == Ending::kHandBack) {
    co_await hand_back();
  } else {
    co_await conclude();
  }
}

// Reads what earlier attempts left in the timeline and makes the plan. False: there is nothing to
// observe.
Task<bool> ScanRun::begin() {
  using Events = std::vector<store::EventRow>;
  const auto work = [id = row_.id](store::Connection& connection) -> Result<Events> {
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
  total_ = static_cast<int>(planned_.size());
  note("started", fmt::format("Started: {} endpoint{}", total_, total_ == 1 ? "" : "s"), 0, "ok");
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
      context_.db.point_read<std::optional<store::ScanRow>>(find);
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

store::scans::Finish ScanRun::finish_of(const inventory::ScanDocument& document) const {
  store::scans::Finish finish;
  finish.at = document.finished_at;
  finish.asset_count = document.judgement.counts.assets;
  switch (*ending_) {
    case Ending::kComplete:
      finish.status = "success";
      finish.readiness_score = document.judgement.score;
      finish.readiness_band = document.judgement.band;
      break;
    case Ending::kCancelled:
      finish.status = "cancelled";
      break;
    case Ending::kTimeout:
      finish.status = "error";
      finish.error_detail = fmt::format(
          "The scan ran out of time after {} s; what was found until then is kept.",
          std::chrono::duration_cast<std::chrono::seconds>(context_.options.scan_timeout).count());
      break;
    case Ending::kFailed:
    case Ending::kHandBack:
    case Ending::kLost:
      finish.status = "error";
      finish.error_detail =
          "Something failed on this server while it scanned; its log has the reason.";
      break;
  }
  return finish;
}

store::EventRow ScanRun::finished_event(const inventory::ScanDocument* document) const {
  store::EventRow event;
  event.key = "finished";
  event.at = document != nullptr ? document->finished_at : context_.clock.now();
  event.duration_ms = (event.at - started_at_).count();
  event.status = "ok";
  switch (*ending_) {
    case Ending::kComplete:
      event.label = fmt::format("Finished: {} of {} endpoints reached", reached_, total_);
      break;
    case Ending::kCancelled:
      event.label = fmt::format("Cancelled: {} of {} endpoints had been reached", reached_, total_);
      break;
    case Ending::kTimeout:
      event.label =
          fmt::format("Out of time: {} of {} endpoints had been reached", reached_, total_);
      event.status = "error";
      break;
    case Ending::kFailed:
    case Ending::kHandBack:
    case Ending::kLost:
      event.label = "Something failed";
      event.status = "error";
      break;
  }
  return event;
}

Task<void> ScanRun::conclude() {
  if (ending_ == Ending::kFailed)
    context_.log.error("scan_failed", {{"scan", row_.id.str()}, {"error", failure_}});
  DocumentHead head = head_of();
  std::vector<inventory::Endpoint> endpoints = std::exchange(endpoints_, {});
  if (ending_ != Ending::kComplete) {
    const int missing = complete_endpoints(endpoints, planned_, "not begun: the scan ended before");
    const std::string_view why = ending_ == Ending::kCancelled ? "was cancelled"
                                 : ending_ == Ending::kTimeout ? "ran out of time"
                                                               : "failed";
    head.notes.push_back(
        fmt::format("The scan {}: {} of {} endpoints were not begun.", why, missing, total_));
  } else {
    complete_endpoints(endpoints, planned_, "not looked at");
  }
  const Timestamp judging = context_.clock.now();
  Task<inventory::ScanDocument> judge = judge_there(std::move(head), std::move(endpoints));
  inventory::ScanDocument document =
      co_await boost::asio::co_spawn(context_.work, std::move(judge), boost::asio::use_awaitable);
  document.finished_at = context_.clock.now();
  const std::int64_t took = (document.finished_at - judging).count();
  const std::string score =
      document.judgement.score
          ? fmt::format("readiness {:.1f}, {}", *document.judgement.score, document.judgement.band)
          : std::string("nothing to score");
  note("assessed", fmt::format("Assessed {} assets: {}", document.judgement.counts.assets, score),
       took, "ok");
  if (!co_await flush_surely()) co_return;

  const store::scans::Finish finish = finish_of(document);
  store::EventRow last = finished_event(&document);
  // Nobody else appends to a running scan's timeline, so the next number is known before it is
  // stored.
  last.seq = events_.empty() ? 1 : events_.back().seq + 1;
  for (const store::EventRow& event : events_) document.timeline.push_back(timeline_event(event));
  document.timeline.push_back(timeline_event(last));
  // Shared from here on: a large document is not to stand in memory twice.
  const auto whole = std::make_shared<const inventory::ScanDocument>(std::move(document));
  for (int attempt = 0;; ++attempt) {
    const Result<bool> recorded = co_await record(whole, last, finish);
    if (recorded) {
      if (*recorded)
        context_.log.info("scan_finished", {{"scan", row_.id.str()},
                                            {"status", finish.status},
                                            {"assets", finish.asset_count},
                                            {"ms", (finish.at - started_at_).count()}});
      else
        context_.log.warn("scan_lease_lost", {{"scan", row_.id.str()}, {"attempt", row_.attempts}});
      if (context_.options.signals != nullptr) context_.options.signals->poke(row_.id);
      co_return;
    }
    context_.log.warn("scan_result_not_stored",
                      {{"scan", row_.id.str()}, {"error", recorded.error().internal}});
    if (recorded.error().code != ErrorCode::kUnavailable) {
      co_await give_up(recorded.error().internal);
      co_return;
    }
    if (!co_await pause_before_retry(attempt)) co_return;
  }
}

Task<PassportDraftPtr> ScanRun::draft_passport(
    std::shared_ptr<const inventory::ScanDocument> document) {
  Passports* const passports = context_.options.passports;
  if (passports == nullptr || ending_ != Ending::kComplete) co_return nullptr;
  std::optional<Result<PassportDraftPtr>> out;
  const auto done = [&out, this](std::exception_ptr error, Result<PassportDraftPtr> made) {
    if (error) made = make_internal(what_of(error));
    out.emplace(std::move(made));
    wake_.poke();
  };
  const boost::asio::any_io_executor strand = co_await boost::asio::this_coro::executor;
  Task<Result<PassportDraftPtr>> drafting = draft_there(*passports, std::move(document));
  boost::asio::co_spawn(context_.work, std::move(drafting),
                        boost::asio::bind_executor(strand, done));
  // The files of a large scan take longer than a lease.
  while (!out) {
    const std::uint64_t seen = wake_.generation();
    if (out) break;
    co_await wake_.wait(seen, context_.options.tick);
    const bool renew = context_.clock.now() - lease_began_ >= context_.options.lease / 3;
    if (renew && ending_ != Ending::kLost) static_cast<void>(co_await flush());
  }
  if (*out) co_return std::move(**out);
  // The result counts for more than its passport.
  const Error& error = out->error();
  context_.log.error("passport_not_made",
                     {{"scan", row_.id.str()},
                      {"error", error.internal.empty() ? error.public_detail : error.internal}});
  co_return nullptr;
}

// Result, assets, inventory, state, last event, passport and its entry in the log in one
// transaction, only while the lease is ours.
Task<Result<bool>> ScanRun::record(std::shared_ptr<const inventory::ScanDocument> whole,
                                   store::EventRow last, store::scans::Finish finish) {
  const bool keep = ending_ == Ending::kComplete || done_ > 0;
  Task<FinalRows> making = rows_there(whole);
  FinalRows made =
      co_await boost::asio::co_spawn(context_.work, std::move(making), boost::asio::use_awaitable);
  const auto rows = std::make_shared<const FinalRows>(std::move(made));
  const PassportDraftPtr draft = co_await draft_passport(whole);

  for (;;) {
    SignedPassportPtr passport;
    if (draft) {
      CARNET_CO_TRY(fresh, co_await context_.options.passports->sign(row_.tenant_id, row_.id, draft,
                                                                     context_.work));
      passport = std::move(fresh);
    }
    const auto work = [this, rows, finish, last, keep, draft,
                       passport](store::Connection& connection) -> Result<Recorded> {
      if (passport) {
        CARNET_TRY(next, Passports::still_next(connection, *passport));
        if (!next) return Recorded::kChainMoved;
      }
      CARNET_TRY(ours, store::scans::finish(connection, row_.id, owner_, finish));
      if (!ours) return Recorded::kLeaseLost;
      if (keep) {
        CARNET_TRY_VOID(store::scans::put_result(connection, row_.id, rows->result, rows->sha256));
        CARNET_TRY_VOID(
            store::scans::put_assets(connection, row_.tenant_id, row_.id, rows->assets));
        if (!row_.sample)
          CARNET_TRY_VOID(
              store::scans::mark_latest(connection, row_.tenant_id, row_.id, rows->reached));
      }
      if (passport)
        CARNET_TRY_VOID(context_.options.passports->store(connection, *draft, *passport));
      CARNET_TRY(seq, store::scans::append_event(connection, row_.id, last));
      if (seq != last.seq)
        return make_internal("timeline: another wrote to it while the lease was held");
      return Recorded::kDone;
    };
    CARNET_CO_TRY(recorded, co_await context_.db.write<Recorded>(work));
    if (recorded != Recorded::kChainMoved) co_return recorded == Recorded::kDone;
  }
}

// The result cannot be stored and trying again would not help: say so in the row, without the
// result.
Task<void> ScanRun::give_up(std::string detail) {
  store::scans::Finish finish;
  finish.status = "error";
  finish.error_detail = "The result could not be stored; this server's log has the reason.";
  finish.at = context_.clock.now();
  const auto work = [this, finish](store::Connection& connection) -> Result<bool> {
    return store::scans::finish(connection, row_.id, owner_, finish);
  };
  const Result<bool> done = co_await context_.db.write<bool>(work);
  context_.log.error(
      "scan_failed",
      {{"scan", row_.id.str()}, {"error", detail}, {"recorded", done.value_or(false)}});
  if (context_.options.signals != nullptr) context_.options.signals->poke(row_.id);
}

}  // namespace carnet::service
