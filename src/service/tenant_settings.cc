// The part of Tenancy that reads and changes what a tenant has set for itself.

#include <cmath>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "net/ip.h"
#include "net/target.h"
#include "service/alerts.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/tenancy.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr double kYearsMax = 100;
constexpr int kRetentionDaysMax = 3650;
constexpr std::size_t kTargetsMax = 200;       // entries per list
constexpr std::size_t kAttestationMax = 2000;  // code points
constexpr int kWidestV4 = 96 + 8;              // a /8, over the 128-bit form
constexpr int kWidestV6 = 16;

tl::unexpected<Error> no_such_tenant() {
  return make_error(ErrorCode::kNotFound, "There is no such tenant.");
}

void check_settings(const Settings& settings, FieldErrors& bad) {
  if (settings.data_shelf_life_years)
    bad.years("mosca.dataShelfLifeYears", *settings.data_shelf_life_years, kYearsMax);
  if (settings.migration_time_years)
    bad.years("mosca.migrationTimeYears", *settings.migration_time_years, kYearsMax);
  if (settings.years_to_qday) bad.years("mosca.yearsToQDay", *settings.years_to_qday, kYearsMax);
  if (settings.retention_days)
    bad.integer("retentionDays", *settings.retention_days, 1, kRetentionDaysMax);
  if (settings.alert_score_drop) {
    const double drop = *settings.alert_score_drop;
    if (!std::isfinite(drop) || drop <= 0 || drop > 100)
      bad.add("alertScoreDrop", "out_of_range", "must be a number above 0 and at most 100");
  }
  const auto days = [&bad](std::string_view name, const std::optional<int>& value, int max) {
    if (value) bad.integer(name, *value, 1, max);
  };
  days("certificateExpiryDays", settings.certificate_expiry_days, kCertificateDaysMax);
  days("deadlineDays", settings.deadline_days, kDeadlineDaysMax);
  days("deadLinkTries", settings.dead_link_tries, kDeadLinkTriesMax);
  days("endpointGoneScans", settings.endpoint_gone_scans, kGoneScansMax);
  for (std::size_t i = 0; i < settings.alerts_off.size(); ++i)
    if (!parse_alert_kind(settings.alerts_off[i]))
      bad.add("alertsOff", "unknown_value",
              fmt::format("must be kinds of alerts: {}", fmt::join(alert_kind_names(), ", ")),
              fmt::format("/alertsOff/{}", i));
  bad.text("brandingName", settings.branding_name);
  if (settings.visitor_addresses != "hash" && settings.visitor_addresses != "truncated")
    bad.add("visitorAddresses", "unknown_value", "must be \"hash\" or \"truncated\"");
}

// The normal form of a domain, or nothing with a field error.
std::optional<std::string> check_domain(const std::string& text, std::size_t index,
                                        FieldErrors& bad) {
  const std::string pointer = fmt::format("/domains/{}", index);
  std::string_view name = trim_ascii(text);
  if (name.starts_with("*.")) {
    bad.add("domains", "invalid_format",
            "must not hold wildcards: \"example.org\" covers every name below it", pointer);
    return std::nullopt;
  }
  const Result<net::Target> target = net::parse_target(name);
  const bool plain =
      target && !target->cidr && !target->port && name.find('/') == std::string_view::npos;
  if (!plain || net::IpAddress::parse(target->host)) {
    bad.add("domains", "invalid_format", "must be domain names such as \"example.org\"", pointer);
    return std::nullopt;
  }
  return target->host;
}

std::optional<std::string> check_cidr(const std::string& text, std::size_t index,
                                      FieldErrors& bad) {
  const std::string pointer = fmt::format("/cidrs/{}", index);
  const std::optional<net::Cidr> cidr = net::Cidr::parse(trim_ascii(text));
  if (!cidr) {
    bad.add("cidrs", "invalid_format",
            "must be CIDR blocks such as \"192.0.2.0/24\" or \"2001:db8::/48\"", pointer);
    return std::nullopt;
  }
  if (cidr->prefix_bits < (cidr->base.is_v4() ? kWidestV4 : kWidestV6)) {
    bad.add("cidrs", "out_of_range", "must be no wider than /8 (IPv4) or /16 (IPv6)", pointer);
    return std::nullopt;
  }
  return cidr->to_string();
}

template <class Check>
void check_list(std::string_view field, std::vector<std::string>& items, FieldErrors& bad,
                const Check& check) {
  if (items.size() > kTargetsMax)
    return bad.add(field, "too_many", fmt::format("must have at most {} entries", kTargetsMax));
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::optional<std::string> normal = check(items[i], i, bad);
    if (normal && std::find(kept.begin(), kept.end(), *normal) == kept.end())
      kept.push_back(*normal);
  }
  items = std::move(kept);
}

void check_attestation(const AuthorizedTargets& targets, FieldErrors& bad) {
  if (!is_valid_utf8(targets.attestation) || has_forbidden_control(targets.attestation) ||
      utf8_length(targets.attestation) > kAttestationMax)
    return bad.add("attestation", "invalid_text",
                   fmt::format("must be text of at most {} characters without control characters",
                               kAttestationMax));
  const bool needed = !targets.domains.empty() || !targets.cidrs.empty();
  if (needed && trim_ascii(targets.attestation).empty())
    bad.add("attestation", "required",
            "must say that you may scan these targets, for example \"We own these systems and may "
            "scan them\"");
}

// Of two that replace at once the second sees what the first left.
Result<std::optional<store::TenantRow>> find_to_replace(store::Connection& connection,
                                                        const TenantId& tenant) {
  CARNET_TRY_VOID(connection.lock("tenant settings " + tenant.str()));
  return store::tenants::find(connection, tenant);
}

tl::unexpected<Error> changed_meanwhile() {
  return make_error(ErrorCode::kPreconditionFailed,
                    "Somebody else changed it meanwhile: read it again, and send the new ETag.");
}

}  // namespace

Task<Result<Me>> Tenancy::me(TenantId tenant) {
  const auto work = [tenant](store::Connection& connection) -> Result<Me> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    if (!row) return no_such_tenant();
    CARNET_TRY(scan_count, store::scans::count(connection, tenant));
    CARNET_TRY(latest, store::scans::latest_finished(connection, tenant));
    return Me{.tenant = std::move(*row), .scan_count = scan_count, .latest = std::move(latest)};
  };
  co_return co_await db_.read<Me>(work);
}

Task<Result<Settings>> Tenancy::settings(TenantId tenant) {
  const auto work = [tenant](store::Connection& connection) -> Result<Settings> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    if (!row) return no_such_tenant();
    return read_settings(row->settings);
  };
  co_return co_await db_.read<Settings>(work);
}

Task<Result<Settings>> Tenancy::put_settings(const Actor& actor, Settings settings,
                                             std::optional<Settings> seen) {
  FieldErrors bad;
  check_settings(settings, bad);
  if (!bad.empty()) co_return bad.take();
  const std::string text = write_settings(settings);
  const store::AuditRow trail =
      audit_row(actor, "settings.update", actor.tenant.str(), "{}", clock_.now(), random_);
  const auto work = [tenant = actor.tenant, text, settings, seen,
                     trail](store::Connection& connection) -> Result<Settings> {
    CARNET_TRY(before, find_to_replace(connection, tenant));
    if (before && seen && write_settings(read_settings(before->settings)) != write_settings(*seen))
      return changed_meanwhile();
    CARNET_TRY(changed, store::tenants::update_settings(connection, tenant, text));
    if (!changed || !before) return no_such_tenant();
    CARNET_TRY_VOID(store::audit::insert(connection, with_change(trail, {before->settings, text})));
    return settings;
  };
  co_return co_await db_.write<Settings>(work);
}

Task<Result<AuthorizedTargets>> Tenancy::authorized_targets(TenantId tenant) {
  const auto work = [tenant](store::Connection& connection) -> Result<AuthorizedTargets> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    if (!row) return no_such_tenant();
    return read_authorized_targets(row->authorized_targets);
  };
  co_return co_await db_.read<AuthorizedTargets>(work);
}

Task<Result<AuthorizedTargets>> Tenancy::put_authorized_targets(
    const Actor& actor, AuthorizedTargets targets, std::optional<AuthorizedTargets> seen) {
  FieldErrors bad;
  check_attestation(targets, bad);
  check_list("domains", targets.domains, bad, check_domain);
  check_list("cidrs", targets.cidrs, bad, check_cidr);
  if (!bad.empty()) co_return bad.take();

  const Timestamp now = clock_.now();
  targets.attested_at = now;
  targets.attested_by = actor.audit_name();
  const std::string text = write_authorized_targets(targets);
  const store::AuditRow trail =
      audit_row(actor, "authorized_targets.update", actor.tenant.str(), "{}", now, random_);
  const auto work = [tenant = actor.tenant, text, targets, seen,
                     trail](store::Connection& connection) -> Result<AuthorizedTargets> {
    CARNET_TRY(before, find_to_replace(connection, tenant));
    if (before && seen &&
        write_authorized_targets(read_authorized_targets(before->authorized_targets)) !=
            write_authorized_targets(*seen))
      return changed_meanwhile();
    CARNET_TRY(changed, store::tenants::update_authorized_targets(connection, tenant, text));
    if (!changed || !before) return no_such_tenant();
    CARNET_TRY_VOID(
        store::audit::insert(connection, with_change(trail, {before->authorized_targets, text})));
    return targets;
  };
  co_return co_await db_.write<AuthorizedTargets>(work);
}

}  // namespace carnet::service
