#pragma once
// How often a link's passcode may be tried, exactly, by one visitor and by all together, on all
// instances: the tries of the last hour stand in the database. A try is charged before the passcode
// is looked at, so that many at once cannot all be let through, and given back if it was right.
// Thread-safe; the database must outlive it.

#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::service {

class PasscodeTries {
 public:
  PasscodeTries(store::Database& db, const Clock& clock, const Secret& pepper);

  // Of a visitor: 5 in any minute and 10 in any hour. Of a link: 60 in any hour.
  static constexpr int kOfVisitorAMinute = 5, kOfVisitorAnHour = 10, kOfLinkAnHour = 60;

  struct Charge {
    TenantId tenant;
    ShareId share;
    std::string visitor;
    Timestamp at{};
  };
  // One try. `visitor` is the network the visitor comes from; it is kept as a keyed hash. Errors:
  // kRateLimited with retry_after_s; those of a write.
  [[nodiscard]] Task<Result<Charge>> take(const store::ShareRow& share, std::string visitor);
  // The passcode was right: the try costs nobody anything.
  [[nodiscard]] Task<Result<void>> give_back(Charge charge);

 private:
  store::Database& db_;
  const Clock& clock_;
  Secret key_;
};

}  // namespace carnet::service
