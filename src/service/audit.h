#pragma once
// The audit trail: who did what. Rows are written by the use cases in their own transaction; this
// makes and reads them. audit_chain.h makes them tamper-evident afterwards. Thread-safe.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "service/context.h"
#include "store/repositories.h"

namespace carnet::service {

// A longer `before` or `after` is kept as {"omitted": true, "bytes", "sha256"}.
inline constexpr std::size_t kAuditChangeBytesMax = std::size_t{16} * 1024;

// What there was before and after a change: JSON without secrets, "" for nothing.
struct AuditChange {
  std::string before, after;
};

// The row for `action` by `actor`; the use case inserts it in its transaction. `detail` is JSON
// without secrets.
[[nodiscard]] store::AuditRow audit_row(const Actor& actor, std::string_view action,
                                        std::string_view subject, std::string detail, Timestamp now,
                                        Random& random, AuditChange change = {});

// The same for what is known in the transaction only.
[[nodiscard]] store::AuditRow with_change(store::AuditRow row, AuditChange change);

[[nodiscard]] Task<Result<std::vector<store::AuditRow>>> list_audit(store::Database& db,
                                                                    TenantId tenant,
                                                                    store::audit::Filter filter,
                                                                    store::Page page);

}  // namespace carnet::service
