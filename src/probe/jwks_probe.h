#pragma once
// The key set of an OpenID provider or of any server that publishes one: a JWKS URL as it is, or,
// where only a host is named, what /.well-known/openid-configuration points to. Everything stays on
// the host that was named: a set on another host is told, not fetched, because nobody authorised
// it. Belongs to one coroutine.

#include <optional>
#include <string>

#include "base/task.h"
#include "inventory/model.h"
#include "probe/tls_probe.h"
#include "probe/wire.h"

namespace carnet::probe {

struct JwksProbeResult {
  std::optional<inventory::JwksObservation> observation;
  std::string reason;  // why there is none
};

// `path`: of a JWKS URL; "" or "/": find the set.
[[nodiscard]] Task<JwksProbeResult> probe_jwks(Wire& wire, const TlsTools& tools, std::string path);

}  // namespace carnet::probe
