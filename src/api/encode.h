#pragma once
// Answers as JSON, in the shapes of docs/api.md: camelCase, times in RFC 3339 UTC,
// "status":"success" on every object. Pure functions; thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "api/http.h"
#include "service/scans.h"
#include "service/sharing.h"
#include "service/tenancy.h"

namespace carnet::api {

// A null for nullopt.
[[nodiscard]] boost::json::value time_or_null(const std::optional<Timestamp>& time);
template <class Number>
[[nodiscard]] boost::json::value or_null(const std::optional<Number>& number);

[[nodiscard]] Response json_response(const boost::json::object& object, int status = 200);

[[nodiscard]] boost::json::object tenant_json(const store::TenantRow& row);
[[nodiscard]] boost::json::object key_json(const store::KeyRow& row);
[[nodiscard]] boost::json::object scan_row_json(const store::ScanRow& row);
[[nodiscard]] boost::json::object event_json(const store::EventRow& event);
[[nodiscard]] boost::json::object share_json(const store::ShareRow& row, Timestamp now);
[[nodiscard]] boost::json::object view_json(const store::ViewRow& row);
[[nodiscard]] boost::json::object audit_json(const store::AuditRow& row);
[[nodiscard]] boost::json::object settings_json(const service::Settings& settings);
[[nodiscard]] boost::json::object authorized_targets_json(
    const service::AuthorizedTargets& targets);
// The body of GET /pqc/scan/{scan_id}: the stored text of a finished scan is spliced in, not
// parsed.
[[nodiscard]] std::string scan_view_body(service::ScanView view);
// "queued" is "running" to a client.
[[nodiscard]] std::string_view public_status(std::string_view status);
// The part of a link's JSON that all links to a scan share.
[[nodiscard]] boost::json::object link_scan_json(const inventory::ScanDocument& document);

}  // namespace carnet::api
