#pragma once
// Idempotency-Key: the first answer is kept 24 h per tenant, operation and key, and given again.
// Answers are sealed (AES-256-GCM under a key derived from the server's pepper) because one may
// hold a token. Thread-safe.

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task.h"
#include "service/context.h"
#include "store/database.h"

namespace carnet::service {

struct KeptAnswer {
  int status = 0;
  std::string body, location;
};

class Idempotency {
 public:
  Idempotency(store::Database& db, const Clock& clock, Random& random, const Secret& pepper);

  // nullopt: go on, and call finish() or abandon() at the end. A kept answer: give that.
  // kIdempotencyKeyReused (other body), kIdempotencyInProgress (the first is still running). A
  // record left running by a process that died is taken over after a minute.
  [[nodiscard]] Task<Result<std::optional<KeptAnswer>>> begin(TenantId tenant,
                                                              std::string operation,
                                                              std::string key, std::string body);
  [[nodiscard]] Task<Result<void>> finish(TenantId tenant, std::string operation, std::string key,
                                          KeptAnswer answer);
  // The request failed in a way that a retry may mend (5xx, 429): forget it.
  [[nodiscard]] Task<void> abandon(TenantId tenant, std::string operation, std::string key);
  [[nodiscard]] Task<void> purge();  // drops records older than 24 h; called every few minutes

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  Secret seal_key_;
  std::string owner_;
};

}  // namespace carnet::service
