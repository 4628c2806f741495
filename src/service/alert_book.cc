#include "service/alert_book.h"

#include <fmt/format.h>

#include "base/json.h"

namespace carnet::service {
namespace {

constexpr std::size_t kAlertsPerEventMax = 50;
constexpr std::size_t kAlertEventsMax = 4;  // of each name, from one transaction

std::string and_more(const std::vector<store::AlertRow>& rows, std::string_view verb) {
  if (rows.size() == 1) return rows.front().message;
  return fmt::format("{} alerts {}, the first: {}", rows.size(), verb, rows.front().message);
}

}  // namespace

Result<AlertBook> AlertBook::open(store::Connection& connection, Random& random, Of of) {
  AlertBook book(connection, random, std::move(of));
  CARNET_TRY(rows, store::alerts::standing(connection, book.of_.tenant, "", kAlertsStandingMax));
  for (store::AlertRow& row : rows) {
    std::pair key(row.kind, row.subject);
    book.standing_.emplace(std::move(key), std::move(row));
  }
  return book;
}

Result<void> AlertBook::raise(const AlertDraft& draft) {
  if (!of_.limits.on(draft.kind)) return {};
  const std::pair key(std::string(to_string(draft.kind)), draft.subject);
  const bool stands = standing_.contains(key);
  if (!stands &&
      (standing_.size() >= kAlertsStandingMax || raised_of_kind_[draft.kind] >= kAlertsAtOnceMax)) {
    ++changes_.left_out;
    return {};
  }
  changes_.would = true;
  if (of_.dry) return {};
  store::AlertRow row;
  row.id = AlertId::generate(of_.now, *random_);
  row.tenant_id = of_.tenant;
  row.kind = key.first;
  row.subject = draft.subject;
  row.severity = draft.severity;
  row.message = draft.message;
  row.host = draft.host;
  row.port = draft.port;
  row.detail = json::write(draft.detail);
  row.scan_id = of_.scan;
  row.last_seen_at = of_.now;
  CARNET_TRY(raised, store::alerts::raise(*connection_, row));
  if (raised.fresh) {
    ++raised_of_kind_[draft.kind];
    changes_.raised.push_back(raised.row);
  }
  standing_.insert_or_assign(key, std::move(raised.row));
  return {};
}

Result<void> AlertBook::keep(const AlertDraft& draft) {
  const store::AlertRow* stands = find(draft.kind, draft.subject);
  if (stands != nullptr && stands->severity == draft.severity && stands->message == draft.message &&
      stands->detail == json::write(draft.detail))
    return {};
  return raise(draft);
}

Result<void> AlertBook::resolve(AlertKind kind, const std::string& subject,
                                std::string_view reason) {
  const auto found = standing_.find({std::string(to_string(kind)), subject});
  if (found == standing_.end()) return {};
  changes_.would = true;
  if (of_.dry) return {};
  CARNET_TRY(row, store::alerts::resolve(*connection_, of_.tenant, to_string(kind), subject,
                                         {.scan = of_.scan, .reason = reason, .at = of_.now}));
  if (row) changes_.resolved.push_back(std::move(*row));
  standing_.erase(found);
  return {};
}

Result<void> AlertBook::move(AlertKind kind, const std::string& subject, const std::string& to) {
  const auto found = standing_.find({std::string(to_string(kind)), subject});
  if (found == standing_.end() || find(kind, to) != nullptr) return {};
  CARNET_TRY_VOID(store::alerts::move(*connection_, of_.tenant, found->second.id, to));
  auto node = standing_.extract(found);
  node.key().second = to;
  node.mapped().subject = to;
  standing_.insert(std::move(node));
  return {};
}

const store::AlertRow* AlertBook::find(AlertKind kind, const std::string& subject) const {
  const auto found = standing_.find({std::string(to_string(kind)), subject});
  return found == standing_.end() ? nullptr : &found->second;
}

std::vector<store::AlertRow> AlertBook::standing(AlertKind kind) const {
  std::vector<store::AlertRow> out;
  const std::string name(to_string(kind));
  for (auto at = standing_.lower_bound({name, ""});
       at != standing_.end() && at->first.first == name; ++at)
    out.push_back(at->second);
  return out;
}

Result<void> AlertBook::tell(const Outbox& outbox) const {
  const auto emit = [&](std::string_view name, const std::vector<store::AlertRow>& rows,
                        std::string_view verb) -> Result<void> {
    for (std::size_t n = 0; n < kAlertEventsMax && n * kAlertsPerEventMax < rows.size(); ++n) {
      Event event;
      event.name = name;
      event.tenant = of_.tenant;
      if (!of_.scan.empty()) event.scan = ScanId::trusted(of_.scan);
      const std::size_t last = std::min(rows.size(), (n + 1) * kAlertsPerEventMax);
      for (std::size_t i = n * kAlertsPerEventMax; i < last; ++i)
        event.alerts.emplace_back(alert_json(rows[i]));
      event.message = n == 0 ? and_more(rows, verb)
                             : fmt::format("{} alerts {}: part {}.", rows.size(), verb, n + 1);
      CARNET_TRY_VOID(outbox.emit(*connection_, event, of_.now));
    }
    return {};
  };
  CARNET_TRY_VOID(emit(kAlertRaised, changes_.raised, "raised"));
  return emit(kAlertResolved, changes_.resolved, "resolved");
}

}  // namespace carnet::service
