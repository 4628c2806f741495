#include "service/tenant_json.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "service/json_fields.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

bj::object parse_object(std::string_view text) {
  Result<bj::value> value = json::parse(text);
  if (!value || !value->is_object()) return {};
  return std::move(value->as_object());
}

bj::array to_array(const std::vector<std::string>& items) {
  bj::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

void put(bj::object& object, std::string_view name, const std::optional<double>& value) {
  if (value) object[name] = *value;
}

std::optional<int> whole(const bj::object& object, std::string_view name) {
  const std::optional<double> value = number(object, name);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

void put(bj::object& object, std::string_view name, const std::optional<int>& value) {
  if (value) object[name] = *value;
}

}  // namespace

Settings read_settings(std::string_view text) {
  const bj::object object = parse_object(text);
  Settings settings;
  settings.data_shelf_life_years = number(object, "dataShelfLifeYears");
  settings.migration_time_years = number(object, "migrationTimeYears");
  settings.years_to_qday = number(object, "yearsToQDay");
  settings.retention_days = whole(object, "retentionDays");
  settings.alert_score_drop = number(object, "alertScoreDrop");
  settings.certificate_expiry_days = whole(object, "certificateExpiryDays");
  settings.deadline_days = whole(object, "deadlineDays");
  settings.dead_link_tries = whole(object, "deadLinkTries");
  settings.endpoint_gone_scans = whole(object, "endpointGoneScans");
  const bj::value* sector = object.if_contains("sectorDeadlines");
  settings.sector_deadlines = sector != nullptr && sector->is_bool() && sector->get_bool();
  settings.alerts_off = texts(object, "alertsOff");
  settings.branding_name = text_of(object, "brandingName");
  if (text_of(object, "visitorAddresses") == "truncated") settings.visitor_addresses = "truncated";
  return settings;
}

std::string write_settings(const Settings& settings) {
  bj::object object;
  put(object, "dataShelfLifeYears", settings.data_shelf_life_years);
  put(object, "migrationTimeYears", settings.migration_time_years);
  put(object, "yearsToQDay", settings.years_to_qday);
  put(object, "retentionDays", settings.retention_days);
  put(object, "alertScoreDrop", settings.alert_score_drop);
  put(object, "certificateExpiryDays", settings.certificate_expiry_days);
  put(object, "deadlineDays", settings.deadline_days);
  put(object, "deadLinkTries", settings.dead_link_tries);
  put(object, "endpointGoneScans", settings.endpoint_gone_scans);
  if (settings.sector_deadlines) object["sectorDeadlines"] = true;
  if (!settings.alerts_off.empty()) object["alertsOff"] = to_array(settings.alerts_off);
  if (!settings.branding_name.empty()) object["brandingName"] = settings.branding_name;
  if (settings.visitor_addresses != "hash") object["visitorAddresses"] = settings.visitor_addresses;
  return json::write(object);
}

AuthorizedTargets read_authorized_targets(std::string_view text) {
  const bj::object object = parse_object(text);
  AuthorizedTargets targets;
  targets.domains = texts(object, "domains");
  targets.cidrs = texts(object, "cidrs");
  targets.attestation = text_of(object, "attestation");
  targets.attested_at = parse_rfc3339(text_of(object, "attestedAt"));
  targets.attested_by = text_of(object, "attestedBy");
  return targets;
}

std::string write_authorized_targets(const AuthorizedTargets& targets) {
  bj::object object;
  object["domains"] = to_array(targets.domains);
  object["cidrs"] = to_array(targets.cidrs);
  object["attestation"] = targets.attestation;
  if (targets.attested_at) object["attestedAt"] = to_rfc3339(*targets.attested_at);
  object["attestedBy"] = targets.attested_by;
  return json::write(object);
}

bool domain_covers(std::string_view domain, std::string_view host) {
  if (domain.empty()) return false;
  if (host == domain) return true;
  if (domain.find('.') == std::string_view::npos) return false;
  return host.size() > domain.size() && host.ends_with(domain) &&
         host[host.size() - domain.size() - 1] == '.';
}

}  // namespace carnet::service
