#include "store/snapshot.h"

namespace carnet::store {

Result<std::unique_ptr<Snapshot>> open_snapshot(Database& db) {
  auto* const source = dynamic_cast<SnapshotSource*>(&db);
  if (source == nullptr)
    return make_error(ErrorCode::kPersistenceOff,
                      "This server runs without a database, so nothing is stored.");
  return source->open_snapshot();
}

}  // namespace carnet::store
