#pragma once
// What an SSH server's lists say: filled into the observation with findings. Pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "inventory/model.h"
#include "probe/ssh_parser.h"

namespace carnet::probe {

// "SSH-1.99-…" and older.
void judge_ssh_banner(inventory::SshObservation& ssh);
// The lists, what would be negotiated, the post-quantum exchanges with their state, and findings
// about weak algorithms.
void judge_ssh_lists(const SshKexInit& server, inventory::SshObservation& ssh);
// Findings about a host certificate.
void judge_ssh_certificate(const SshHostKeyBlob& key, Timestamp now,
                           inventory::SshObservation& ssh);

void note_ssh(inventory::SshObservation& ssh, std::string code, std::string severity,
              std::string detail);
// "SHA256:…" as OpenSSH writes it.
[[nodiscard]] std::string ssh_fingerprint(std::span<const std::uint8_t> blob);

}  // namespace carnet::probe
