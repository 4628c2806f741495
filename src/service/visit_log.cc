#include "service/visit_log.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr std::chrono::minutes kTogether{10};
constexpr std::size_t kChangesAtOnce = 500;  // rows of one transaction

}  // namespace

struct VisitLog::Change {
  std::string key;
  store::ViewRow row;  // `count` is what to add
  bool fresh = false;
  bool dead = false;
  std::optional<store::AuditRow> trail;
};

VisitLog::VisitLog(store::Database& db, const Clock& clock, Random& random,
                   const VisitorNames& names)
    : db_(db), clock_(clock), random_(random), names_(names) {}

void VisitLog::note(const Visit& visit) {
  const Timestamp now = clock_.now();
  std::string key = visit.share.id.str();
  key += '\n';
  key += visit.outcome;
  key += '\n';
  key += visit.visitor.address;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    ++found->second.unwritten;
    found->second.row.last_at = now;
    return;
  }
  if (entries_.size() >= kEntriesMax) {
    ++dropped_;
    return;
  }
  ++noted_;
  Entry entry;
  entry.row.share_id = visit.share.id;
  entry.row.at = now;
  entry.row.last_at = now;
  entry.row.outcome = visit.outcome;
  entry.row.format = visit.format;
  entry.tenant = visit.share.tenant_id;
  entry.setting = visit.visitor_setting;
  entry.visitor = visit.visitor;
  entry.unwritten = 1;
  entries_.emplace(std::move(key), std::move(entry));
}

void VisitLog::report(MetricText& out) {
  const std::lock_guard lock(mutex_);
  out.queue("visits", {.length = entries_.size(),
                       .capacity = kEntriesMax,
                       .accepted = noted_,
                       .refused = dropped_});
}

std::vector<VisitLog::Change> VisitLog::take_changes() {
  std::vector<Change> changes;
  const Timestamp now = clock_.now();
  const std::lock_guard lock(mutex_);
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    if (entry.unwritten == 0) {
      at = entry.row.at + kTogether <= now ? entries_.erase(at) : std::next(at);
      continue;
    }
    if (changes.size() == kChangesAtOnce) break;
    if (!entry.written && entry.row.id.empty()) {
      entry.row.id = ViewId::generate(entry.row.at, random_);
      entry.row.visitor = names_.name(entry.tenant, entry.setting, entry.visitor.address);
      entry.row.user_agent = clean_user_agent(entry.visitor.user_agent);
    }
    Change change{.key = at->first,
                  .row = entry.row,
                  .fresh = !entry.written,
                  .dead = entry.dead(),
                  .trail = {}};
    change.row.count = entry.unwritten;
    if (change.fresh && change.dead) {
      Actor nobody;
      nobody.tenant = entry.tenant;
      const boost::json::object detail{{"outcome", entry.row.outcome},
                                       {"visitor", entry.row.visitor}};
      change.trail = audit_row(nobody, "share.dead_try", entry.row.share_id.str(),
                               json::write(detail), entry.row.at, random_);
    }
    entry.unwritten = 0;
    entry.written = true;
    changes.push_back(std::move(change));
    ++at;
  }
  return changes;
}

void VisitLog::put_back(const std::vector<Change>& changes) {
  const std::lock_guard lock(mutex_);
  for (const Change& change : changes) {
    const auto found = entries_.find(change.key);
    if (found == entries_.end()) continue;
    found->second.unwritten += change.row.count;
    if (change.fresh) found->second.written = false;
  }
}

Task<Result<void>> VisitLog::flush() {
  while (true) {
    const auto changes = std::make_shared<const std::vector<Change>>(take_changes());
    if (changes->empty()) co_return Result<void>{};
    const auto work = [changes](store::Connection& connection) -> Result<bool> {
      for (const Change& change : *changes) {
        const store::ViewRow& row = change.row;
        if (change.fresh) {
          // A link that was erased meanwhile has no log any more: its rows are dropped and do not
          // keep the others from being written.
          CARNET_TRY_VOID(store::shares::insert_view(connection, row));
        } else {
          CARNET_TRY(there, store::shares::extend_view(connection, row.id, row.count, row.last_at));
          static_cast<void>(there);
        }
        if (!change.dead) continue;
        CARNET_TRY_VOID(
            store::shares::add_dead_tries(connection, row.share_id, row.count, row.last_at));
        if (change.trail) CARNET_TRY_VOID(store::audit::insert(connection, *change.trail));
      }
      return true;
    };
    const Result<bool> written = co_await db_.write<bool>(work);
    if (!written) {
      put_back(*changes);
      co_return tl::unexpected(written.error());
    }
    if (changes->size() < kChangesAtOnce) co_return Result<void>{};
  }
}

}  // namespace carnet::service
