#pragma once
// Proving one live handshake for a tenant (POST /pqc/handshake/prove): the same authorisation as a
// scan, the same engine and limits as the worker's scans, an audit row, nothing kept besides.
// Thread-safe. Made by app/; the references outlive it.

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "net/dialer.h"
#include "probe/prove.h"
#include "service/context.h"
#include "service/scans.h"
#include "store/database.h"

namespace carnet::service {

class Handshakes {
 public:
  struct Options {
    bool authorize_any_target = false;
  };
  Handshakes(store::Database& db, const Clock& clock, Random& random,
             const net::AddressPolicy& policy, ScanWorker& worker, Options options)
      : db_(db),
        clock_(clock),
        random_(random),
        policy_(policy),
        worker_(worker),
        options_(options) {}

  // `target` is a host, host:port or URL; port 443 if it names none. Takes at most the engine's
  // time for one target. kValidationFailed ("target") for what is none, a block included;
  // kTargetNotAuthorized as for scans; kUnavailable while the process stops.
  [[nodiscard]] Task<Result<probe::LiveHandshake>> prove(const Actor& actor, std::string target);

 private:
  [[nodiscard]] Task<Result<probe::PlannedEndpoint>> check(TenantId tenant, std::string target);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const net::AddressPolicy& policy_;
  ScanWorker& worker_;
  Options options_;
};

}  // namespace carnet::service
