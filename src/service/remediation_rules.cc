#include "service/remediation_rules.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "assess/backlog.h"
#include "base/csv.h"
#include "base/text.h"
#include "inventory/names.h"
#include "service/dates.h"
#include "service/fields.h"

namespace carnet::service {
namespace {

constexpr std::array<std::string_view, 4> kStatuses = {"open", "in_progress", "accepted_risk",
                                                       "done"};

std::string place_of(const inventory::Asset& asset) {
  if (asset.port == 0) return asset.host;
  const bool ipv6 = asset.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", asset.host, asset.port)
              : fmt::format("{}:{}", asset.host, asset.port);
}

std::string algorithm_of(const inventory::Asset& asset) {
  if (asset.algorithm.empty()) return "nothing that was recognised";
  return asset.key_size > 0 ? fmt::format("{} ({} bits)", asset.algorithm, asset.key_size)
                            : asset.algorithm;
}

const inventory::Asset* asset_of(const inventory::ScanDocument& document, std::string_view id) {
  for (const inventory::Asset& asset : document.judgement.assets)
    if (asset.id == id) return &asset;
  return nullptr;
}

void check_date(FieldErrors& errors, std::string_view field, std::string_view value) {
  if (!value.empty() && !parse_date(value))
    errors.add(field, "invalid_date", "must be a day such as 2027-03-31");
}

}  // namespace

std::string effective_status(const store::RemediationRow& row, std::string_view today,
                             std::string_view seen_by) {
  const bool over = row.status == "accepted_risk" && row.accepted_until < today;
  const bool came_back =
      row.status == "done" && !row.verified_by.empty() && seen_by > row.verified_by;
  return over || came_back ? "open" : row.status;
}

std::string overdue_since(const inventory::BacklogItem& item, std::string_view today) {
  if (item.status != "open" && item.status != "in_progress") return {};
  std::string earliest;
  for (const std::string& date : {item.target_date, item.deadline})
    if (!date.empty() && date < today && (earliest.empty() || date < earliest)) earliest = date;
  return earliest;
}

store::RemediationRow merged(const std::optional<store::RemediationRow>& before,
                             const RemediationUpdate& update, std::string_view asset_id,
                             std::string_view today, std::string_view seen_by) {
  store::RemediationRow row = before.value_or(store::RemediationRow{.status = "open"});
  const std::string known = effective_status(row, today, seen_by);
  if (known != row.status) row.verified_by.clear();
  row.item_id = update.item_id;
  row.asset_id = asset_id;
  row.status = update.status.value_or(known);
  if (update.owner) row.owner = *update.owner;
  if (update.notes) row.notes = *update.notes;
  if (update.target_date) row.target_date = *update.target_date;
  if (update.reason) row.reason = *update.reason;
  if (update.accepted_until) row.accepted_until = *update.accepted_until;
  if (row.status != "accepted_risk") {
    row.reason.clear();
    row.accepted_until.clear();
  }
  if (row.status != "done") row.verified_by.clear();
  return row;
}

bool repeats(const std::optional<store::RemediationRow>& before, const RemediationUpdate& update,
             std::string_view today, std::string_view seen_by) {
  const store::RemediationRow row = before.value_or(store::RemediationRow{.status = "open"});
  const auto same = [](const std::optional<std::string>& given, std::string_view known) {
    return !given || *given == known;
  };
  return same(update.status, effective_status(row, today, seen_by)) &&
         same(update.owner, row.owner) && same(update.notes, row.notes) &&
         same(update.target_date, row.target_date) && same(update.reason, row.reason) &&
         same(update.accepted_until, row.accepted_until);
}

Result<void> check_remediation(const store::RemediationRow& row, std::string_view today) {
  FieldErrors errors;
  if (std::find(kStatuses.begin(), kStatuses.end(), row.status) == kStatuses.end())
    errors.add("status", "not_one_of",
               fmt::format("must be one of {}", fmt::join(kStatuses, ", ")));
  errors.text("owner", row.owner);
  errors.text("reason", row.reason);
  if (!is_valid_utf8(row.notes) || has_forbidden_control(row.notes))
    errors.add("notes", "control_character",
               "must be UTF-8 without control characters other than tab and newline");
  else if (utf8_length(row.notes) > kRemediationNotesMax)
    errors.add("notes", "too_long",
               fmt::format("must have at most {} characters", kRemediationNotesMax));
  check_date(errors, "targetDate", row.target_date);
  check_date(errors, "acceptedUntil", row.accepted_until);
  if (row.status == "accepted_risk") {
    if (trim_ascii(row.reason).empty())
      errors.add("reason", "required", "is required: why the risk is accepted");
    if (row.accepted_until.empty())
      errors.add("acceptedUntil", "required", "is required: the last day the risk is accepted");
    else if (parse_date(row.accepted_until) && row.accepted_until < today)
      errors.add("acceptedUntil", "out_of_range", "must be today or later");
  }
  if (!errors.empty()) return errors.take();
  return {};
}

namespace {

// Causes that only hellos of old versions and suites show, which a quick scan does not send.
bool needs_old_hellos(std::string_view cause) {
  constexpr std::array<std::string_view, 4> kCauses = {"tls-old-protocol", "tls-weak-suites",
                                                       "tls-weak-dh", "tls-rsa-transport"};
  return std::find(kCauses.begin(), kCauses.end(), cause) != kCauses.end();
}

bool ran_out_of_time(const inventory::TlsObservation& tls) {
  return std::any_of(tls.findings.begin(), tls.findings.end(),
                     [](const inventory::Finding& one) { return one.code == "probe_incomplete"; });
}

// The first version whose absence was not shown; "" if all were answered for.
std::string unsettled_version(const inventory::TlsObservation& tls, std::string_view cause) {
  for (const inventory::TlsVersionSupport& version : tls.versions) {
    const bool old = version.version != "TLS 1.3" && version.version != "TLS 1.2";
    if (cause == "tls-old-protocol" && !old) continue;
    if (version.version == "TLS 1.3") continue;
    if (version.state == inventory::Support::kNotTested ||
        version.state == inventory::Support::kNotProven)
      return version.version;
  }
  return {};
}

// Why the later look does not show whether the cause is gone; "" if it does. `after`: the asset as
// it was seen then, if it was.
std::string not_looked_for(const inventory::ScanDocument& later,
                           const inventory::Endpoint& endpoint, std::string_view cause,
                           const inventory::Asset& before, const inventory::Asset* after) {
  const std::string where = place_of(before);
  const bool of_tls = before.kind == "tls" || before.kind == "email" ||
                      (before.kind == "certificate" && !endpoint.file);
  if (after == nullptr && of_tls && !endpoint.tls)
    return fmt::format("The later scan reached {}, but saw no TLS there.", where);
  if (after == nullptr && before.kind == "ssh" && !endpoint.ssh)
    return fmt::format("The later scan reached {}, but saw no SSH there.", where);
  if (after == nullptr && before.kind == "jwks" && !endpoint.jwks && !endpoint.file)
    return fmt::format("The later scan reached {}, but saw no key set there.", where);
  const bool old_hellos = needs_old_hellos(cause);
  const bool other_chain = after == nullptr && before.kind == "certificate";
  if (!endpoint.tls || (!old_hellos && !other_chain)) return {};
  if (later.profile == "quick")
    return fmt::format(
        "The later scan was a quick one, which does not look for this at {}; scan it with the "
        "profile standard or deep.",
        where);
  if (ran_out_of_time(*endpoint.tls))
    return fmt::format("The later scan ran out of time at {} before it had asked everything.",
                       where);
  const std::string version = old_hellos ? unsettled_version(*endpoint.tls, cause) : std::string();
  if (version.empty()) return {};
  return fmt::format("The later scan could not settle whether {} still accepts {}.", where,
                     version);
}

}  // namespace

RemediationProof prove_remediation(const inventory::ScanDocument& baseline,
                                   const inventory::BacklogItem& item,
                                   const inventory::ScanDocument& later) {
  RemediationProof proof;
  proof.seen_at = later.finished_at;
  const inventory::Asset* before = asset_of(baseline, item.asset_id);
  if (before == nullptr) {
    proof.reason = "The asset of this item is not in the scan it came from.";
    return proof;
  }
  proof.before = *before;
  const std::string where = place_of(*before);
  const auto& endpoints = later.endpoints;
  const auto endpoint =
      std::find_if(endpoints.begin(), endpoints.end(), [before](const inventory::Endpoint& one) {
        return one.host == before->host && one.port == before->port;
      });
  if (endpoint == endpoints.end()) {
    proof.code = "not_scanned";
    proof.reason = fmt::format("The later scan did not look at {}.", where);
    return proof;
  }
  if (!endpoint->reached) {
    proof.code = "not_reached";
    proof.reason =
        fmt::format("The later scan did not reach {}: {}.", where, endpoint->unreached_reason);
    return proof;
  }
  const auto& backlog = later.judgement.backlog;
  const bool still =
      std::any_of(backlog.begin(), backlog.end(),
                  [&item](const inventory::BacklogItem& one) { return one.id == item.id; });
  const inventory::Asset* after = asset_of(later, item.asset_id);
  if (after != nullptr) proof.after = *after;
  if (still) {
    proof.code = "still_there";
    proof.reason = fmt::format("The later scan still found the cause at {}{}.", where,
                               after == nullptr ? std::string() : ", with " + algorithm_of(*after));
    return proof;
  }
  if (after != nullptr && after->vulnerability.status == inventory::AssetStatus::kUnknown) {
    proof.code = "not_judged";
    proof.reason =
        fmt::format("The later scan could not judge {}: {}", where, after->vulnerability.summary);
    return proof;
  }
  if (std::string why = not_looked_for(later, *endpoint, assess::cause_of(item), *before, after);
      !why.empty()) {
    proof.code = "not_looked_for";
    proof.reason = std::move(why);
    return proof;
  }
  proof.verified = true;
  proof.code = after != nullptr ? "fixed" : "gone";
  if (after != nullptr)
    proof.reason = fmt::format("{} now has {} ({}); it had {} ({}).", where, algorithm_of(*after),
                               to_string(after->vulnerability.status), algorithm_of(*before),
                               to_string(before->vulnerability.status));
  else
    proof.reason =
        fmt::format("{} was reached and no longer has {}.", where, algorithm_of(*before));
  return proof;
}

namespace {

// Where each column is; absent ones are behind the end.
struct CsvColumns {
  std::vector<std::string> names;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (iequals_ascii(names[i], name)) return i;
    return std::nullopt;
  }
  // How many have this name; spreadsheets leave several without one.
  [[nodiscard]] std::ptrdiff_t count(std::string_view name) const {
    if (name.empty()) return 0;
    return std::count_if(names.begin(), names.end(),
                         [name](std::string_view other) { return iequals_ascii(other, name); });
  }
};

tl::unexpected<Error> csv_error(std::string_view code, std::string detail) {
  return make_validation_error(
      {{.field = "body", .pointer = "", .code = std::string(code), .detail = std::move(detail)}});
}

}  // namespace

Result<std::vector<RemediationCsvRow>> read_remediation_csv(std::string_view csv) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (csv.starts_with(kByteOrderMark)) csv.remove_prefix(kByteOrderMark.size());
  const std::string_view first = csv.substr(0, csv.find('\n'));
  const bool semicolons =
      std::count(first.begin(), first.end(), ';') > std::count(first.begin(), first.end(), ',');
  CsvRecords records(csv, semicolons ? ';' : ',');
  auto header = records.next();
  CsvColumns columns;
  if (header) columns.names = std::move(header->cells);
  const auto id = columns.find("remediationId");
  if (!id)
    return csv_error("no_header", "must begin with a header that has the column remediationId");
  for (const std::string& name : columns.names)
    if (columns.count(name) > 1)
      return csv_error("duplicate", fmt::format("must not have the column {} twice", name));
  const auto text = [&columns](const CsvRecords::Record& record,
                               std::string_view name) -> std::optional<std::string> {
    const auto at = columns.find(name);
    if (!at || *at >= record.cells.size()) return std::nullopt;
    return record.cells[*at];
  };
  std::vector<RemediationCsvRow> rows;
  std::set<std::string> known;
  while (auto record = records.next()) {
    if (rows.size() == kRemediationCsvRowsMax)
      return csv_error("too_many",
                       fmt::format("must have at most {} rows", kRemediationCsvRowsMax));
    RemediationCsvRow row;
    row.number = records.number();
    if (record->malformed || *id >= record->cells.size())
      row.faults.push_back({.field = "row",
                            .pointer = "",
                            .code = "malformed",
                            .detail = "must be one record of RFC 4180 with as many cells as the "
                                      "header has"});
    row.update.item_id = text(*record, "remediationId").value_or("");
    if (row.faults.empty() && !known.insert(row.update.item_id).second)
      row.faults.push_back({.field = "remediationId",
                            .pointer = "",
                            .code = "duplicate",
                            .detail = "must not name an item that a row above names"});
    row.update.status = text(*record, "status");
    if (row.update.status && row.update.status->empty()) row.update.status.reset();
    row.update.owner = text(*record, "owner");
    row.update.notes = text(*record, "notes");
    row.update.target_date = text(*record, "targetDate");
    row.update.reason = text(*record, "reason");
    row.update.accepted_until = text(*record, "acceptedUntil");
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace carnet::service
