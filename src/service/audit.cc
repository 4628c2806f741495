#include "service/audit.h"

#include <fmt/format.h>

#include "crypto/hash.h"

namespace carnet::service {
namespace {

std::string bounded(std::string text) {
  if (text.size() <= kAuditChangeBytesMax) return text;
  return fmt::format(R"({{"omitted":true,"bytes":{},"sha256":"{}"}})", text.size(),
                     crypto::sha256_hex(text));
}

}  // namespace

store::AuditRow audit_row(const Actor& actor, std::string_view action, std::string_view subject,
                          std::string detail, Timestamp now, Random& random, AuditChange change) {
  store::AuditRow row;
  row.id = AuditId::generate(now, random);
  row.tenant_id = actor.tenant.str();
  row.at = now;
  row.actor = actor.audit_name();
  row.action = std::string(action);
  row.subject = std::string(subject);
  row.request_id = actor.request_id;
  row.detail = std::move(detail);
  row.key_id = actor.key.str();
  if (actor.platform)
    row.role = "platform";
  else if (!actor.key.empty())
    row.role = store::to_string(actor.role);
  return with_change(std::move(row), std::move(change));
}

store::AuditRow with_change(store::AuditRow row, AuditChange change) {
  row.before = bounded(std::move(change.before));
  row.after = bounded(std::move(change.after));
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
