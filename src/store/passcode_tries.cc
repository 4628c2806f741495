#include "store/passcode_tries.h"

#include "store/query.h"

namespace carnet::store::passcode_tries {

Result<std::vector<Tries>> after(Connection& db, const TenantId& tenant, const ShareId& share,
                                 Timestamp since) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return Tries{.at = get_time(row, 0), .visitor = get_text(row, 1), .count = get_int(row, 2)};
  };
  return query_all(
      db,
      "SELECT at, visitor, count FROM passcode_tries WHERE share_id = $1 AND at > $2 ORDER BY at",
      {share.str(), time(since)}, read);
}

Result<void> add(Connection& db, const TenantId& tenant, const ShareId& share,
                 std::string_view visitor, Timestamp at, Timestamp since) {
  db.as_tenant(tenant.str());
  CARNET_TRY_VOID(execute(db, "DELETE FROM passcode_tries WHERE share_id = $1 AND at <= $2",
                          {share.str(), time(since)}));
  return execute(db,
                 "INSERT INTO passcode_tries (share_id, at, visitor, count) VALUES ($1, $2, $3, 1) "
                 "ON CONFLICT (share_id, at, visitor) DO UPDATE "
                 "SET count = passcode_tries.count + 1",
                 {share.str(), time(at), visitor});
}

Result<void> take_back(Connection& db, const TenantId& tenant, const ShareId& share,
                       std::string_view visitor, Timestamp at) {
  db.as_tenant(tenant.str());
  return execute(db,
                 "UPDATE passcode_tries SET count = count - 1 "
                 "WHERE share_id = $1 AND at = $2 AND visitor = $3 AND count > 0",
                 {share.str(), time(at), visitor});
}

}  // namespace carnet::store::passcode_tries
