#pragma once
// Looks at one SSH server: banner, algorithm lists, and each host key, which arrives in the clear
// in the reply to a key exchange whose secret nobody computes. Possession of the keys is therefore
// not proven, and a finding says so. Belongs to one endpoint's coroutine.

#include <optional>
#include <string>

#include "inventory/model.h"
#include "probe/wire.h"

namespace carnet::probe {

struct SshProbeResult {
  std::optional<inventory::SshObservation> observation;  // nullopt: no SSH server answered
  std::string reason;
};

[[nodiscard]] Task<SshProbeResult> probe_ssh(Wire& wire);

}  // namespace carnet::probe
