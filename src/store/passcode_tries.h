#pragma once
// Repository of the tries at links' passcodes (repositories.h says what holds for all of them).
// Rows older than an hour have no meaning; whoever adds one drops those of its link.

#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store::passcode_tries {

struct Tries {
  Timestamp at{};
  std::string visitor;
  int count = 0;
};

// Those after `since`, oldest first.
Result<std::vector<Tries>> after(Connection& db, const TenantId& tenant, const ShareId& share,
                                 Timestamp since);
// Adds one; drops those not after `since`.
Result<void> add(Connection& db, const TenantId& tenant, const ShareId& share,
                 std::string_view visitor, Timestamp at, Timestamp since);
// The one of this visitor at this time does not count after all.
Result<void> take_back(Connection& db, const TenantId& tenant, const ShareId& share,
                       std::string_view visitor, Timestamp at);

}  // namespace carnet::store::passcode_tries
