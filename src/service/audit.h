#pragma once
// The audit trail: who did what. Rows are written by the use cases in their own transaction; this
// reads them. Thread-safe.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "service/context.h"
#include "store/repositories.h"

namespace carnet::service {

// The row for `action` by `actor`; the use case inserts it in its transaction. `detail` is JSON
// without secrets.
[[nodiscard]] store::AuditRow audit_row(const Actor& actor, std::string_view action,
                                        std::string_view subject, std::string detail, Timestamp now,
                                        Random& random);

[[nodiscard]] Task<Result<std::vector<store::AuditRow>>> list_audit(store::Database& db,
                                                                    TenantId tenant,
                                                                    store::audit::Filter filter,
                                                                    store::Page page);

}  // namespace carnet::service
