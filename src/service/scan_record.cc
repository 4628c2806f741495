// The end of a scan: judged, signed, and recorded in one transaction.
#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/memory.h"
#include "service/scan_run.h"

namespace carnet::service {
namespace {

constexpr std::size_t kAssetRowsAtOnce = 256;
constexpr std::size_t kEndpointsWorthTrimming = 1000;

Task<inventory::ScanDocument> judge_there(DocumentHead head,
                                          std::vector<inventory::Endpoint> endpoints) {
  inventory::ScanDocument document = judge_scan(std::move(head), std::move(endpoints));
  // What judging took beside its result is free before the artifacts need room.
  if (document.endpoints.size() >= kEndpointsWorthTrimming) give_back_memory();
  co_return document;
}

Task<Result<PassportDraftPtr>> draft_there(
    Passports& passports, std::shared_ptr<const inventory::ScanDocument> document) {
  co_return passports.draft(std::move(document));
}

Task<FinalRows> rows_there(std::shared_ptr<const inventory::ScanDocument> document) {
  co_return final_rows(*document);
}

}  // namespace

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
  head.remediation = co_await known_remediation();
  std::vector<inventory::Endpoint> endpoints = std::exchange(endpoints_, {});
  lists_ = {};
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
        context_.counts.count(finish.status);
      else
        context_.counts.lost.fetch_add(1);
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
                      {{"scan", row_.id.str()}, {"error", reason_of(recorded.error())}});
    if (recorded.error().code != ErrorCode::kUnavailable) {
      co_await give_up(reason_of(recorded.error()));
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
  context_.counts.passports_failed.fetch_add(1);
  context_.log.error("passport_not_made", {{"scan", row_.id.str()}, {"error", reason_of(error)}});
  co_return nullptr;
}

// What was said of the tenant's backlog until now; nothing if the database does not tell before the
// process stops.
Task<std::map<std::string, assess::RemediationState>> ScanRun::known_remediation() {
  using States = std::map<std::string, assess::RemediationState>;
  const auto read = [this](store::Connection& connection) -> Result<States> {
    return remediation_states(connection, row_.tenant_id, row_.id, context_.clock.now());
  };
  for (int attempt = 0;; ++attempt) {
    Result<States> states = co_await context_.db.read<States>(read);
    if (states) co_return std::move(*states);
    if (!co_await pause_before_retry(attempt)) co_return States{};
  }
}

Task<Result<ScanRun::Compared>> ScanRun::compare(
    std::shared_ptr<const inventory::ScanDocument> whole) {
  const auto read = [this, whole](store::Connection& connection) -> Result<Compared> {
    CARNET_TRY(changes, make_drift(connection, row_.tenant_id, *whole, context_.random));
    Compared out;
    out.drift = std::make_shared<const DriftRecord>(std::move(changes));
    if (context_.options.ended == nullptr) return out;
    CARNET_TRY(facts, ScanEnded::look(connection, row_.tenant_id, whole, out.drift,
                                      ending_ == Ending::kComplete));
    out.facts = std::move(facts);
    return out;
  };
  co_return co_await context_.db.read<Compared>(read);
}

ScanEnd ScanRun::end_of(const store::scans::Finish& finish) const {
  ScanEnd end;
  end.scan = row_;
  end.status = finish.status;
  end.error_detail = finish.error_detail;
  end.score = finish.readiness_score;
  end.band = finish.readiness_band;
  end.reached = reached_;
  end.endpoints = total_;
  end.at = finish.at;
  return end;
}

// Result, assets, inventory, state, last event, passport and its entry in the log, alerts and
// events in one transaction, only while the lease is ours.
Result<ScanRun::Recorded> ScanRun::write_final(store::Connection& connection, const Final& final,
                                               AlertChanges& told) const {
  if (final.passport) {
    CARNET_TRY(next, Passports::still_next(connection, *final.passport));
    if (!next) return Recorded::kChainMoved;
  }
  const bool compared = final.compared.drift != nullptr;
  if (compared) {
    CARNET_TRY_VOID(lock_inventory(connection, row_.tenant_id));
    CARNET_TRY(outdated, drift_is_outdated(connection, row_.tenant_id, *final.compared.drift));
    if (outdated) return Recorded::kInventoryMoved;
  }
  CARNET_TRY(ours, store::scans::finish(connection, row_.id, owner_, final.finish));
  if (!ours) return Recorded::kLeaseLost;
  if (request_.files > 0) CARNET_TRY_VOID(store::uploads::drop_files_of_scan(connection, row_.id));
  if (final.keep) {
    CARNET_TRY_VOID(
        store::scans::put_result(connection, row_.id, final.rows->result, final.rows->sha256));
    for (std::size_t i = 0; i < final.whole->judgement.assets.size(); i += kAssetRowsAtOnce)
      CARNET_TRY_VOID(store::scans::put_assets(connection, row_.tenant_id, row_.id,
                                               asset_rows(*final.whole, i, kAssetRowsAtOnce)));
  }
  if (compared) {
    CARNET_TRY_VOID(store_drift(connection, row_.tenant_id, *final.compared.drift));
    CARNET_TRY_VOID(
        store::scans::mark_latest(connection, row_.tenant_id, row_.id, final.rows->reached));
  }
  if (final.passport)
    CARNET_TRY_VOID(context_.options.passports->store(connection, *final.draft, *final.passport));
  CARNET_TRY(seq, store::scans::append_event(connection, row_.id, final.last));
  if (seq != final.last.seq)
    return make_internal("timeline: another wrote to it while the lease was held");
  if (final.tells) {
    ScanEnd end = end_of(final.finish);
    end.facts = final.compared.facts;
    CARNET_TRY(changes, context_.options.ended->apply(connection, end));
    told = std::move(changes);
  }
  return Recorded::kDone;
}

// kUnavailable: not now. Null without an error: never, and the result counts for more.
Task<Result<SignedPassportPtr>> ScanRun::sign(PassportDraftPtr& draft) {
  if (!draft) co_return SignedPassportPtr{};
  Result<SignedPassportPtr> fresh =
      co_await context_.options.passports->sign(row_.tenant_id, row_.id, draft, context_.work);
  if (fresh || fresh.error().code == ErrorCode::kUnavailable) co_return fresh;
  context_.counts.passports_failed.fetch_add(1);
  context_.log.error("passport_not_made",
                     {{"scan", row_.id.str()}, {"error", reason_of(fresh.error())}});
  draft.reset();
  co_return SignedPassportPtr{};
}

Task<Result<bool>> ScanRun::record(std::shared_ptr<const inventory::ScanDocument> whole,
                                   store::EventRow last, store::scans::Finish finish) {
  const auto final = std::make_shared<Final>();
  final->whole = whole;
  final->last = std::move(last);
  final->finish = std::move(finish);
  final->keep = ending_ == Ending::kComplete || done_ > 0;
  final->tells = context_.options.ended != nullptr;
  // The passport's files first: what they take at their widest is gone before the rows are made.
  final->draft = co_await draft_passport(whole);
  Task<FinalRows> making = rows_there(whole);
  FinalRows made =
      co_await boost::asio::co_spawn(context_.work, std::move(making), boost::asio::use_awaitable);
  final->rows = std::make_shared<const FinalRows>(std::move(made));
  bool compares = final->keep && !row_.sample;
  for (;;) {
    if (compares) {
      CARNET_CO_TRY(compared, co_await compare(whole));
      final->compared = std::move(compared);
      compares = false;
    }
    CARNET_CO_TRY(passport, co_await sign(final->draft));
    final->passport = std::move(passport);
    const auto told = std::make_shared<AlertChanges>();
    const auto work = [this, final, told](store::Connection& connection) -> Result<Recorded> {
      return write_final(connection, *final, *told);
    };
    const Result<Recorded> recorded = co_await context_.db.write<Recorded>(work);
    if (!recorded) {
      if (recorded.error().code == ErrorCode::kUnavailable || !final->tells)
        co_return tl::unexpected(recorded.error());
      // The result counts for more than who is told of it.
      context_.log.error("scan_end_not_told",
                         {{"scan", row_.id.str()}, {"error", reason_of(recorded.error())}});
      final->tells = false;
      continue;
    }
    if (*recorded == Recorded::kDone && final->tells) context_.options.ended->committed(*told);
    if (*recorded == Recorded::kDone || *recorded == Recorded::kLeaseLost)
      co_return *recorded == Recorded::kDone;
    compares = *recorded == Recorded::kInventoryMoved;
  }
}

// The result cannot be stored and trying again would not help: say so in the row, without the
// result.
Task<void> ScanRun::give_up(std::string detail) {
  store::scans::Finish finish;
  finish.status = "error";
  finish.error_detail = "The result could not be stored; this server's log has the reason.";
  finish.at = context_.clock.now();
  const auto told = std::make_shared<AlertChanges>();
  const auto end = [this, finish, told](store::Connection& connection, bool tells) -> Result<bool> {
    CARNET_TRY(ours, store::scans::finish(connection, row_.id, owner_, finish));
    if (!ours || !tells) return ours;
    CARNET_TRY(changes, context_.options.ended->apply(connection, end_of(finish)));
    *told = std::move(changes);
    return true;
  };
  const bool tells = context_.options.ended != nullptr;
  const auto work = [end, tells](store::Connection& connection) { return end(connection, tells); };
  const auto silently = [end](store::Connection& connection) { return end(connection, false); };
  Result<bool> done = co_await context_.db.write<bool>(work);
  if (done && *done && tells) context_.options.ended->committed(*told);
  if (!done && tells) done = co_await context_.db.write<bool>(silently);
  context_.log.error(
      "scan_failed",
      {{"scan", row_.id.str()}, {"error", detail}, {"recorded", done.value_or(false)}});
  if (context_.options.signals != nullptr) context_.options.signals->poke(row_.id);
}

}  // namespace carnet::service
