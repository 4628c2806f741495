#pragma once
// What a tenant's administrator may do with the tenant as a whole: check the audit trail, take
// everything away, erase the data, close the tenant.
//
// Erasing and closing are decided in one transaction, which sets the tenant's state: from then on
// every instance refuses what the state forbids (api/pipeline.cc), so nobody sees half of it. The
// deleting itself is done by the leader for "audit" in small transactions, each of which counts in
// tenant_removals; after a crash it goes on with what is left. Thread-safe.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "service/audit_chain.h"
#include "service/context.h"
#include "service/signing_keys.h"
#include "service/tenant_export.h"
#include "store/governance.h"

namespace carnet::service {

inline constexpr int kGraceDaysDefault = 30;
inline constexpr int kGraceDaysMax = 90;

struct AuditVerdict {
  std::int64_t rows = 0;  // that are in order
  store::AuditHeadRow head;
  std::optional<AuditWalk::Fault> fault;
};

// What erasing or closing would delete now.
struct RemovalPlan {
  store::TenantRow tenant;
  store::governance::Counts counts;
};

class Governance {
 public:
  // What is referred to must outlive it.
  Governance(store::Database& db, const Clock& clock, Random& random, const Log& log,
             const SigningKeys& keys);

  ~Governance();
  Governance(const Governance&) = delete;
  Governance& operator=(const Governance&) = delete;

  [[nodiscard]] AuditSealer& sealer() { return sealer_; }

  // Seals what waits, then walks the whole trail of a tenant; "" is the platform's own. A trail
  // that is broken is an answer, not an error.
  [[nodiscard]] Task<Result<AuditVerdict>> verify_audit(TenantId tenant);
  // The trail up to now, the platform's own if its key asks. Audited; the row itself is in the next
  // export.
  [[nodiscard]] Task<Result<std::unique_ptr<TextSource>>> export_audit(const Actor& actor,
                                                                       AuditFormat format);
  // Everything, as it is committed now. Audited, and the trail in it ends with that entry or a
  // later one. kUnavailable while kExportsMax others run on this instance, or kTenantExportsMax of
  // this tenant.
  static constexpr int kExportsMax = 4;
  static constexpr int kTenantExportsMax = 2;
  [[nodiscard]] Task<Result<std::unique_ptr<TextSource>>> export_tenant(const Actor& actor);
  // Writes down that evidence was taken away: `subject` is the scan's id.
  [[nodiscard]] Task<Result<void>> note_download(const Actor& actor, std::string_view subject,
                                                 std::string_view format);

  [[nodiscard]] Task<Result<RemovalPlan>> plan(TenantId tenant);
  // kTenantClosing if one is under way; kValidationFailed unless `confirm` is the tenant's slug.
  [[nodiscard]] Task<Result<store::RemovalRow>> erase_data(const Actor& actor,
                                                           const std::string& confirm);
  [[nodiscard]] Task<Result<store::RemovalRow>> offboard(const Actor& actor,
                                                         const std::string& confirm,
                                                         int grace_days);
  // kConflict if the tenant is not closing, or its end has come. What was to be removed.
  [[nodiscard]] Task<Result<store::RemovalRow>> cancel_offboarding(const Actor& actor);
  // nullopt: nothing is to be removed.
  [[nodiscard]] Task<Result<std::optional<store::RemovalRow>>> removal(TenantId tenant);

  // Works on removals that are due, at most `steps_max` transactions; how many it made, 0 when
  // nothing is due. Called each second by the leader for "audit".
  [[nodiscard]] Task<Result<int>> tick(int steps_max = 200);

  void report(MetricText& out);
  void stop();

 private:
  [[nodiscard]] Task<Result<store::RemovalRow>> begin(const Actor& actor, store::RemovalKind kind,
                                                      const std::string& confirm, int grace_days);
  // One transaction of a removal; true if there is more to do.
  [[nodiscard]] Task<Result<bool>> step(store::RemovalRow removal);
  [[nodiscard]] Task<Result<bool>> close_step(store::RemovalRow removal);
  [[nodiscard]] Task<Result<store::AuditHeadRow>> write_and_seal(store::AuditRow row);
  [[nodiscard]] Task<Result<TenantExport::Begin>> begin_export(TenantId tenant);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  const SigningKeys& keys_;
  LogSigner signer_;
  AuditSealer sealer_;
  WorkThreads packing_;
  class ExportPlaces;
  std::shared_ptr<ExportPlaces> exports_;
  std::atomic<std::int64_t> due_{0};
  std::atomic<std::uint64_t> finished_{0}, failures_{0}, broken_{0};
};

}  // namespace carnet::service
