#pragma once
// The whole look at one TLS endpoint, put together from a proven handshake, groups, old versions
// and chains. Belongs to one endpoint's coroutine.

#include <optional>
#include <string>

#include "inventory/model.h"
#include "probe/tls_chain.h"
#include "probe/wire.h"

namespace carnet::probe {

struct TlsProbeResult {
  std::optional<inventory::TlsObservation>
      observation;     // nullopt: the endpoint does not speak TLS to us
  std::string reason;  // why not
  bool speaks_ssh = false;
};

struct TlsTools {
  const TrustStore& trust;
};

[[nodiscard]] Task<TlsProbeResult> probe_tls(Wire& wire, const TlsTools& tools,
                                             inventory::Profile profile);

}  // namespace carnet::probe
