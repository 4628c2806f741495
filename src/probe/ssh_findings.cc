#include "probe/ssh_findings.h"

#include <algorithm>

#include "crypto/hash.h"
#include "inventory/registry.h"
#include "probe/ssh_kex.h"

namespace carnet::probe {
namespace {

using inventory::AlgorithmClass;
using inventory::SshObservation;
using Names = std::vector<std::string>;

constexpr std::string_view kStrictKex = "kex-strict-s-v00@openssh.com";

bool contains(const Names& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_marker(std::string_view name) {  // not algorithms: RFC 8308 and OpenSSH's strict kex
  return name == "ext-info-s" || name == "ext-info-c" || name.starts_with("kex-strict-");
}

Names both_ways(const Names& one, const Names& other) {
  Names out = one;
  for (const std::string& name : other) {
    if (!contains(out, name)) out.push_back(name);
  }
  return out;
}

template <class Test>
std::string joined_where(const Names& names, Test test) {
  std::string out;
  for (const std::string& name : names) {
    if (test(name)) out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

bool has(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

void note_post_quantum(SshObservation& ssh) {
  for (const std::string& name : ssh.kex) {
    const inventory::Algorithm* row = inventory::find_by_ssh_name(name);
    if (row == nullptr || row->kind != inventory::AlgorithmKind::kKeyEstablishment) continue;
    std::string kind;
    if (row->family == AlgorithmClass::kHybrid) kind = "hybrid";
    if (row->family == AlgorithmClass::kPostQuantum) kind = "pq";
    if (row->family == AlgorithmClass::kExperimental) kind = "experimental";
    if (kind.empty()) continue;
    const bool first = &name == &ssh.kex.front();
    ssh.post_quantum_kex.push_back(
        {name, kind, first ? inventory::Support::kPreferred : inventory::Support::kSupported});
  }
}

// CVE-2023-48795 needs one of these modes and no strict key exchange.
void note_terrapin(SshObservation& ssh) {
  if (ssh.strict_kex) return;
  const auto cbc = [](const std::string& name) { return has(name, "-cbc"); };
  const auto etm = [](const std::string& name) { return has(name, "-etm@"); };
  const bool open = contains(ssh.ciphers, "chacha20-poly1305@openssh.com") ||
                    (std::any_of(ssh.ciphers.begin(), ssh.ciphers.end(), cbc) &&
                     std::any_of(ssh.macs.begin(), ssh.macs.end(), etm));
  if (!open) return;
  note_ssh(ssh, "ssh_no_strict_kex", "medium",
           "The server does not offer strict key exchange, so a man in the middle can cut messages "
           "from the start of a connection (CVE-2023-48795).");
}

void note_weak_names(SshObservation& ssh) {
  const auto note = [&ssh](std::string code, std::string severity, const std::string& names,
                           const std::string& why) {
    if (names.empty()) return;
    note_ssh(ssh, std::move(code), std::move(severity), "The server offers " + names + why);
  };
  note("ssh_sha1_kex", "medium",
       joined_where(ssh.kex, [](const std::string& name) { return name.ends_with("-sha1"); }),
       ": RFC 9142 asks to leave key exchange with SHA-1.");
  note("ssh_sha1_signature", "medium",
       joined_where(ssh.host_key_algorithms,
                    [](const std::string& name) {
                      return name == "ssh-rsa" || name == "ssh-dss" ||
                             name == "ssh-rsa-cert-v01@openssh.com" ||
                             name == "ssh-dss-cert-v01@openssh.com";
                    }),
       ", which sign with SHA-1.");
  note("ssh_cbc_cipher", "low",
       joined_where(ssh.ciphers, [](const std::string& name) { return has(name, "-cbc"); }),
       ": CBC mode in SSH has had plaintext recovery attacks.");
  note("ssh_sha1_mac", "low",
       joined_where(ssh.macs, [](const std::string& name) { return has(name, "hmac-sha1"); }),
       ": HMAC does not fall with SHA-1's collisions, but SHA-1 is being retired.");
  note("ssh_weak_mac", "medium",
       joined_where(ssh.macs,
                    [](const std::string& name) {
                      return has(name, "md5") || has(name, "umac-64") || has(name, "-96");
                    }),
       ", with MD5 or a short tag.");
}

void note_directions(const SshKexInit& server, SshObservation& ssh) {
  const bool same = server.ciphers_to_client == server.ciphers_to_server &&
                    server.macs_to_client == server.macs_to_server &&
                    server.compression_to_client == server.compression_to_server;
  if (same) return;
  note_ssh(ssh, "ssh_directions_differ", "info",
           "The server's lists for the two directions differ; they are shown together.");
}

std::string printable_day(std::uint64_t seconds) {
  const auto at = Timestamp(std::chrono::seconds(seconds));
  return to_rfc3339(at).substr(0, 10);
}

}  // namespace

void note_ssh(SshObservation& ssh, std::string code, std::string severity, std::string detail) {
  ssh.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
}

std::string ssh_fingerprint(std::span<const std::uint8_t> blob) {
  std::string text = to_base64(crypto::sha256(blob));
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

void judge_ssh_banner(SshObservation& ssh) {
  if (ssh.banner.starts_with("SSH-2.0-")) return;
  const bool both = ssh.banner.starts_with("SSH-1.99-");
  note_ssh(ssh, "ssh_protocol_1", both ? "high" : "critical",
           both ? "The server still accepts version 1 of the SSH protocol."
                : "The server does not announce version 2 of the SSH protocol.");
}

void judge_ssh_lists(const SshKexInit& server, SshObservation& ssh) {
  ssh.strict_kex = contains(server.kex, kStrictKex);
  for (const std::string& name : server.kex) {
    if (!is_marker(name)) ssh.kex.push_back(name);
  }
  ssh.host_key_algorithms = server.host_keys;
  ssh.ciphers = both_ways(server.ciphers_to_client, server.ciphers_to_server);
  ssh.macs = both_ways(server.macs_to_client, server.macs_to_server);
  ssh.compression = both_ways(server.compression_to_client, server.compression_to_server);
  for (const std::string_view name : offered_ssh_kex()) {
    if (!contains(ssh.kex, name)) continue;
    ssh.negotiated_kex = name;
    break;
  }
  note_post_quantum(ssh);
  note_terrapin(ssh);
  note_weak_names(ssh);
  note_directions(server, ssh);
}

void judge_ssh_certificate(const SshHostKeyBlob& key, Timestamp now, SshObservation& ssh) {
  if (!key.certificate) return;
  const auto& certificate = *key.certificate;
  if (!certificate.for_host) {
    note_ssh(ssh, "ssh_certificate_not_for_host", "high",
             "The certificate of type " + key.type + " is one for users, not for hosts.");
  }
  // OpenSSH writes "forever" as the largest number.
  constexpr std::uint64_t kFarFuture = 253402300800;  // the year 10000
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const auto at = static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds.count()));
  if (certificate.valid_before < kFarFuture && certificate.valid_before <= at) {
    note_ssh(ssh, "ssh_certificate_expired", "high",
             "The host certificate of type " + key.type + " expired on " +
                 printable_day(certificate.valid_before) + ".");
  }
  if (certificate.valid_after < kFarFuture && certificate.valid_after > at) {
    note_ssh(ssh, "ssh_certificate_not_yet_valid", "medium",
             "The host certificate of type " + key.type + " is valid from " +
                 printable_day(certificate.valid_after) + " on only.");
  }
}

}  // namespace carnet::probe
