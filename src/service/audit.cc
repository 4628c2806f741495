#include "service/audit.h"

namespace carnet::service {

store::AuditRow audit_row(const Actor& actor, std::string_view action, std::string_view subject,
                          std::string detail, Timestamp now, Random& random) {
  store::AuditRow row;
  row.id = AuditId::generate(now, random);
  row.tenant_id = actor.tenant.str();
  row.at = now;
  row.actor = actor.audit_name();
  row.action = std::string(action);
  row.subject = std::string(subject);
  row.request_id = actor.request_id;
  row.detail = std::move(detail);
  return row;
}

Task<Result<std::vector<store::AuditRow>>> list_audit(store::Database& db, TenantId tenant,
                                                      store::audit::Filter filter,
                                                      store::Page page) {
  using Rows = std::vector<store::AuditRow>;
  const auto work = [tenant, filter, page](store::Connection& connection) -> Result<Rows> {
    return store::audit::list(connection, tenant.str(), filter, page);
  };
  co_return co_await db.read<Rows>(work);
}

}  // namespace carnet::service
