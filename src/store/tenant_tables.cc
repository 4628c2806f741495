#include "store/tenant_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "base/text.h"

namespace carnet::store {
namespace {

// A table as it is written down here. `columns`: names, each with ":" and its form if that is not
// text: i integer, r real, b flag, t time, j JSON, p packed JSON, f bytes, - withheld.
struct Entry {
  std::string_view name, kind, key, columns;
  std::string_view parent = "", parent_key = "";
  OnErase on_erase = OnErase::kDelete;
  int page_rows = 500;
};

constexpr OnErase kKeep = OnErase::kKeep;
constexpr int kLargeRows = 2;  // each may have many megabytes

constexpr Entry kEntries[] = {
    {.name = "deliveries",
     .kind = "deliveries",
     .key = "id",
     .columns = "id tenant_id webhook_id lane event scan_id recipient body state attempts:i "
                "replays:i created_at:t due_at:t expires_at:t lease_owner:- lease_until:- "
                "last_attempt_at:t last_outcome finished_at:t"},
    {.name = "schedule_runs",
     .kind = "schedule_runs",
     .key = "number:i",
     .columns = "schedule_id number:i id tenant_id cause due_at:t at:t scan_id reason detail",
     .parent = "schedules",
     .parent_key = "schedule_id"},
    {.name = "alerts",
     .kind = "alerts",
     .key = "id",
     .columns = "id tenant_id kind subject severity status message host port:i detail:j scan_id "
                "last_scan_id resolved_scan resolved_reason count:i first_seen_at:t last_seen_at:t "
                "resolved_at:t acknowledged_at:t acknowledged_by note"},
    // What alerts compare with; it follows from the scans.
    {.name = "watched_endpoints",
     .kind = "",
     .key = "host port:i",
     .columns = "tenant_id:- host:- port:- misses:- missed_scan:- hybrid:- cert_sha256:- "
                "cert_subject:- cert_not_after:- deadlines:-"},
    {.name = "watched_targets",
     .kind = "",
     .key = "target_set",
     .columns = "tenant_id:- target_set:- scan_id:- score:-"},
    // The inventory is the assets of these scans; the facets are an index of it.
    {.name = "inventory_facets",
     .kind = "",
     .key = "host port:i kind status",
     .columns = "tenant_id:- host:- port:- kind:- status:- scan_id:- assets:-"},
    {.name = "endpoint_latest",
     .kind = "endpoints",
     .key = "host port:i",
     .columns = "tenant_id host port:i scan_id"},
    {.name = "drift_days",
     .kind = "drift_days",
     .key = "day",
     .columns = "tenant_id day scans:i scored:i score_sum:r score_low:r score_high:r score_last:r "
                "endpoints_new:i added:i removed:i changed:i better:i worse:i hybrid_gained:i "
                "hybrid_lost:i"},
    {.name = "drift_events",
     .kind = "drift_events",
     .key = "id",
     .columns = "id tenant_id at:t scan_id against host port:i asset_id change direction hybrid "
                "detail:j"},
    {.name = "remediation",
     .kind = "remediation",
     .key = "item_id",
     .columns = "tenant_id item_id asset_id status owner notes target_date reason accepted_until "
                "verified_by updated_at:t updated_by"},
    // Of the last hour, to count by.
    {.name = "passcode_tries",
     .kind = "",
     .key = "at:i visitor",
     .columns = "share_id:- at:- visitor:- count:-",
     .parent = "shares",
     .parent_key = "share_id"},
    {.name = "share_views",
     .kind = "share_views",
     .key = "id",
     .columns = "id share_id at:t outcome format visitor user_agent count:i last_at:t",
     .parent = "shares",
     .parent_key = "share_id"},
    {.name = "shares",
     .kind = "shares",
     .key = "id",
     .columns = "public_id:- id tenant_id scan_id secret_mac:- hint scope label recipient "
                "passcode_hash:- max_views:i view_count:i paused:b revision:i created_by "
                "created_at:t expires_at:t revoked_at:t last_viewed_at:t dead_tries:i "
                "last_dead_try_at:t dead_tries_told:-"},
    {.name = "passport_files",
     .kind = "passport_files",
     .key = "name",
     .columns = "scan_id name media_type sha256 size:i packed:b bytes:f",
     .parent = "scans",
     .parent_key = "scan_id",
     .page_rows = kLargeRows},
    {.name = "passport_chains",
     .kind = "passport_chains",
     .key = "target_set",
     .columns = "tenant_id target_set sha256 scan_id"},
    {.name = "passports",
     .kind = "passports",
     .key = "scan_id",
     .columns = "scan_id tenant_id target_set sha256 envelope:j log_index:i issued_at:t "
                "not_after:t",
     .page_rows = 100},
    {.name = "uploads",
     .kind = "uploads",
     .key = "id",
     .columns = "id tenant_id created_by created_at:t expires_at:t file_count:i targets:j "
                "endpoints:j",
     .page_rows = kLargeRows},
    {.name = "scan_files",
     .kind = "scan_files",
     .key = "",
     .columns = "scan_id endpoints:j",
     .parent = "scans",
     .parent_key = "scan_id",
     .page_rows = kLargeRows},
    {.name = "assets",
     .kind = "assets",
     .key = "asset_id",
     .columns = "scan_id asset_id tenant_id kind host port:i status body:j",
     .parent = "scans",
     .parent_key = "scan_id"},
    {.name = "scan_events",
     .kind = "scan_events",
     .key = "seq:i",
     .columns = "scan_id seq:i key label at:t duration_ms:i status",
     .parent = "scans",
     .parent_key = "scan_id"},
    {.name = "scan_results",
     .kind = "results",
     .key = "",
     .columns = "scan_id result:p sha256",
     .parent = "scans",
     .parent_key = "scan_id",
     .page_rows = 1},
    {.name = "scans",
     .kind = "scans",
     .key = "id",
     .columns = "id tenant_id status label target profile sample:b pinned:b request:j error_detail "
                "progress_done:i progress_total:i readiness_score:r readiness_band asset_count:i "
                "created_at:t started_at:t finished_at:t cancel_requested:b lease_owner:- "
                "lease_expires_at:- attempts:i",
     .page_rows = 100},
    // Answers that are kept for a day, sealed.
    {.name = "idempotency",
     .kind = "",
     .key = "operation key_hash",
     .columns = "tenant_id:- operation:- key_hash:- fingerprint:- state:- owner:- status:- "
                "response:- created_at:-"},
    {.name = "schedules",
     .kind = "schedules",
     .key = "id",
     .columns = "id tenant_id name cadence_hours:i anchor_at:t cron time_zone jitter_minutes:i "
                "paused:b scan:j notify:j revision:i created_at:t created_by updated_at:t "
                "slot_at:t next_run_at:t catching_up:b done_until:t runs:i",
     .on_erase = kKeep},
    // The address of a chat's webhook is a secret itself.
    {.name = "webhooks",
     .kind = "webhooks",
     .key = "id",
     .columns = "id tenant_id url:- events:j format description state pause_reason secret:- "
                "previous_secret:- previous_until:t created_by created_at:t updated_at:t "
                "failures:i failing_since:t last_attempt_at:t last_success_at:t last_outcome",
     .on_erase = kKeep},
    {.name = "partner_invitations",
     .kind = "partner_invitations",
     .key = "id",
     .columns = "public_id:- id tenant_id secret_mac:- hint label scope created_by created_at:t "
                "expires_at:t",
     .on_erase = kKeep},
    {.name = "partner_links",
     .kind = "partner_links",
     .key = "id",
     .columns = "id tenant_id child_id label scope invited_at:t accepted_at:t",
     .on_erase = kKeep},
    {.name = "api_keys",
     .kind = "keys",
     .key = "id",
     .columns = "public_id:- id tenant_id secret_mac:- hint label role rate_per_minute:i "
                "created_at:t expires_at:t revoked_at:t last_used_at:t",
     .on_erase = kKeep},
    {.name = "tenant_removals",
     .kind = "",
     .key = "tenant_id",
     .columns = "tenant_id:- kind:- requested_at:- requested_by:- request_id:- due_at:- "
                "deleted_scans:- deleted_rows:- deleted_audit:-",
     .on_erase = kKeep},
};

ColumnForm form_of(std::string_view letter) {
  CARNET_CHECK(letter.size() == 1);
  switch (letter[0]) {
    case 'i':
      return ColumnForm::kInteger;
    case 'r':
      return ColumnForm::kReal;
    case 'b':
      return ColumnForm::kFlag;
    case 't':
      return ColumnForm::kTime;
    case 'j':
      return ColumnForm::kJson;
    case 'p':
      return ColumnForm::kPacked;
    case 'f':
      return ColumnForm::kBytes;
    default:
      return ColumnForm::kWithheld;
  }
}

std::vector<TenantColumn> columns_of(std::string_view text) {
  std::vector<TenantColumn> out;
  for (const std::string_view part : split(text, ' ')) {
    if (part.empty()) continue;
    const std::size_t colon = part.find(':');
    out.push_back({.name = std::string(part.substr(0, colon)),
                   .form = colon == std::string_view::npos ? ColumnForm::kText
                                                           : form_of(part.substr(colon + 1))});
  }
  return out;
}

// "t.a, t.b"
std::string listed(const std::vector<std::string>& names, std::string_view before) {
  std::string out;
  for (const std::string& name : names)
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", before, name);
  return out;
}

// The statements. $1 is the tenant, $2 the number of rows; for select_sql $3 … is the key of the
// row before, and the key's columns are the first that it gives.
void write_statements(TenantTable& table) {
  const bool direct = table.parent.empty();
  const std::string from = direct ? fmt::format("{} t", table.name)
                                  : fmt::format("{} p JOIN {} t ON t.{} = p.id", table.parent,
                                                table.name, table.parent_key);
  const std::string whose = fmt::format("{}.tenant_id = $1", direct ? "t" : "p");
  std::string order = listed(table.key, "t.");
  std::string after;  // the row value is greater, written so that both databases seek by its head
  std::string places;
  for (std::size_t i = 0; i < table.key.size(); ++i)
    places += fmt::format("{}${}", i == 0 ? "" : ", ", i + 3);
  if (direct) {
    after = fmt::format("({}) > ({})", order, places);
  } else {
    const std::vector<std::string> rest(table.key.begin() + 1, table.key.end());
    order = "p.id" + (rest.empty() ? std::string() : ", " + listed(rest, "t."));
    after = rest.empty() ? "p.id > $3" : fmt::format("p.id >= $3 AND ({}) > ({})", order, places);
  }
  std::string columns = listed(table.key, "t.");
  for (const TenantColumn& column : table.columns)
    if (column.form != ColumnForm::kWithheld) columns += ", t." + column.name;
  table.select_sql = fmt::format("SELECT {} FROM {} WHERE {} AND {} ORDER BY {} LIMIT $2", columns,
                                 from, whose, after, order);
  const std::string keys = listed(table.key, "");
  table.delete_sql =
      fmt::format("DELETE FROM {} WHERE ({}) IN (SELECT {} FROM {} WHERE {} LIMIT $2)", table.name,
                  keys, listed(table.key, "t."), from, whose);
  table.any_sql = fmt::format("SELECT 1 FROM {} WHERE {} LIMIT 1", from, whose);
}

std::vector<TenantTable> make_tables() {
  std::vector<TenantTable> out;
  for (const Entry& entry : kEntries) {
    TenantTable table;
    table.name = entry.name;
    table.kind = entry.kind;
    table.columns = columns_of(entry.columns);
    table.parent = entry.parent;
    table.parent_key = entry.parent_key;
    table.on_erase = entry.on_erase;
    table.page_rows = entry.page_rows;
    if (!table.parent.empty()) {
      table.key.push_back(table.parent_key);
      table.key_is_text.push_back(true);
    }
    for (const TenantColumn& column : columns_of(entry.key)) {
      table.key.push_back(column.name);
      table.key_is_text.push_back(column.form == ColumnForm::kText);
    }
    write_statements(table);
    out.push_back(std::move(table));
  }
  return out;
}

}  // namespace

std::span<const TenantTable> tenant_tables() {
  static const std::vector<TenantTable> kTables = make_tables();
  return kTables;
}

}  // namespace carnet::store
