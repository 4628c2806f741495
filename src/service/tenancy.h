#pragma once
// Tenants and their API keys. Owns nothing but references; thread-safe. Every change writes an
// audit row in the same transaction. Errors: kNotFound for another tenant's object, kConflict for a
// taken slug, those of the store.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task.h"
#include "service/context.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::service {

struct NewTenant {
  std::string name;                 // 1–255 characters
  std::optional<std::string> slug;  // [a-z0-9-]{1,63}; made from the name if not given
};

struct NewKey {
  std::string label;  // 1–255 characters
  Role role = Role::kOperator;
  std::optional<int> expires_days;     // 1–3650
  std::optional<int> rate_per_minute;  // 1–1000000
};

struct IssuedKey {
  store::KeyRow row;
  Secret token;  // shown once
};

// What authentication found out. `rate_per_minute` is the key's own or the server's default.
struct Identity {
  Actor actor;
  int rate_per_minute = 300;
};

struct Me {
  store::TenantRow tenant;
  int scan_count = 0;
  std::optional<store::ScanRow> latest;
};

// What a tenant may scan (GET, PUT /tenant/authorized-targets).
struct AuthorizedTargets {
  std::vector<std::string> domains;  // "example.org" covers the name and everything below it
  std::vector<std::string> cidrs;
  std::string attestation;  // the sentence a person agreed to; needed when the lists are not empty
  std::optional<Timestamp> attested_at;
  std::string attested_by;
};

// Bounds of settings.
inline constexpr int kCertificateDaysMax = 398;  // a certificate's longest life in public trust
inline constexpr int kDeadlineDaysMax = 3650;
inline constexpr int kDeadLinkTriesMax = 1'000'000;
inline constexpr int kGoneScansMax = 10;
inline constexpr std::size_t kAlertKindsOffMax = 16;

// GET, PUT /tenant/settings. Absent numbers mean the server's defaults.
struct Settings {
  std::optional<double> data_shelf_life_years, migration_time_years, years_to_qday;
  std::optional<int> retention_days;
  // Alerts (docs/alerts.md).
  std::optional<double> alert_score_drop;
  std::optional<int> certificate_expiry_days, deadline_days, dead_link_tries, endpoint_gone_scans;
  bool sector_deadlines = false;
  std::vector<std::string> alerts_off;  // kinds
  std::string branding_name;            // shown to visitors instead of the tenant's name
  // How visitors stand in the access log of links: "hash" or "truncated".
  std::string visitor_addresses = "hash";
};

class Tenancy {
 public:
  struct Options {
    int default_rate_per_minute = 300;
  };
  Tenancy(store::Database& db, const Clock& clock, Random& random, const Secret& pepper,
          Options options);

  [[nodiscard]] Task<Result<store::TenantRow>> create_tenant(const Actor& actor, NewTenant request);
  [[nodiscard]] Task<Result<std::vector<store::TenantRow>>> list_tenants(store::Page page);
  [[nodiscard]] Task<Result<IssuedKey>> issue_key(const Actor& actor, TenantId tenant,
                                                  NewKey request);
  [[nodiscard]] Task<Result<std::vector<store::KeyRow>>> list_keys(TenantId tenant,
                                                                   store::Page page);
  [[nodiscard]] Task<Result<store::KeyRow>> revoke_key(const Actor& actor, KeyId key);

  // Checks a key's text: one point read, constant-time comparison, also against a dummy when there
  // is no such key. kUnauthenticated with one and the same detail for malformed, unknown, revoked
  // and expired. Notes the use of the key; flush_last_used writes it (at most every 30 s per key).
  // The text must outlive the task.
  [[nodiscard]] Task<Result<Identity>> authenticate(std::string_view key_text);
  [[nodiscard]] Task<void> flush_last_used();

  [[nodiscard]] Task<Result<Me>> me(TenantId tenant);
  [[nodiscard]] Task<Result<Settings>> settings(TenantId tenant);
  // `seen` is what the caller read and means to replace: kPreconditionFailed if that is not what
  // there is any more. nullopt replaces whatever there is.
  [[nodiscard]] Task<Result<Settings>> put_settings(const Actor& actor, Settings settings,
                                                    std::optional<Settings> seen = {});
  [[nodiscard]] Task<Result<AuthorizedTargets>> authorized_targets(TenantId tenant);
  // kValidationFailed naming the entry that is no domain or CIDR, or a missing attestation. `seen`
  // as above.
  [[nodiscard]] Task<Result<AuthorizedTargets>> put_authorized_targets(
      const Actor& actor, AuthorizedTargets targets, std::optional<AuthorizedTargets> seen = {});

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Secret& pepper_;
  Options options_;
  std::mutex last_used_mutex_;
  struct Use {
    Timestamp at{};
    Timestamp written{};
  };
  std::unordered_map<std::string, Use> last_used_;  // by key id; bounded by the number of keys
};

}  // namespace carnet::service
