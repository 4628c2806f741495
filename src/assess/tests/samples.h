#pragma once
// Endpoints for tests, made by hand.

#include <string>
#include <vector>

#include "inventory/model.h"
#include "inventory/names.h"
#include "inventory/registry.h"

namespace carnet::assess::testing {

inline inventory::Endpoint reached(std::string host, std::uint16_t port, std::string protocol) {
  inventory::Endpoint endpoint;
  endpoint.id = "ep_" + host;
  endpoint.host = std::move(host);
  endpoint.port = port;
  endpoint.protocol = std::move(protocol);
  endpoint.reached = true;
  return endpoint;
}

inline inventory::TlsGroupSupport group(std::uint16_t code, inventory::Support state) {
  const inventory::Algorithm* row = inventory::find_by_tls_group(code);
  return {.codepoint = code,
          .name = row == nullptr ? "unknown" : row->name,
          .kind = row == nullptr ? "" : std::string(to_string(row->family)),
          .state = state};
}

inline inventory::Certificate certificate(std::string key, int bits, std::string signature,
                                          int position = 0, int chain = 0) {
  inventory::Certificate one;
  one.chain = chain;
  one.position = position;
  one.subject = position == 0 ? "CN=leaf" : "CN=issuer " + std::to_string(position);
  one.issuer = "CN=issuer " + std::to_string(position + 1);
  one.key_algorithm = std::move(key);
  one.key_bits = bits;
  one.signature_algorithm = std::move(signature);
  return one;
}

// TLS 1.3 with these groups, the first preferred, and a P-256 certificate.
inline inventory::Endpoint tls13(std::string host, const std::vector<std::uint16_t>& groups) {
  inventory::Endpoint endpoint = reached(std::move(host), 443, "tls");
  inventory::TlsObservation tls;
  tls.versions = {{"TLS 1.3", inventory::Support::kPreferred},
                  {"TLS 1.2", inventory::Support::kUnsupported}};
  for (const std::uint16_t code : groups) {
    tls.groups.push_back(group(code, tls.groups.empty() ? inventory::Support::kPreferred
                                                        : inventory::Support::kSupported));
  }
  tls.server_order = true;
  tls.cipher_suites = {{"TLS 1.3", "TLS_AES_256_GCM_SHA384", 0x1302}};
  tls.certificates = {certificate("ECDSA P-256", 256, "ecdsa-with-SHA256")};
  endpoint.tls = tls;
  return endpoint;
}

inline inventory::Endpoint ssh(std::string host, std::vector<std::string> kex,
                               std::vector<inventory::SshHostKey> keys) {
  inventory::Endpoint endpoint = reached(std::move(host), 22, "ssh");
  inventory::SshObservation observation;
  observation.banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2";
  observation.kex = std::move(kex);
  observation.ciphers = {"aes256-gcm@openssh.com"};
  observation.macs = {"hmac-sha2-256"};
  for (const auto& key : keys) {
    observation.host_key_algorithms.push_back(key.type == "ssh-rsa" ? "rsa-sha2-512" : key.type);
  }
  observation.host_keys = std::move(keys);
  endpoint.ssh = observation;
  return endpoint;
}

inline inventory::Endpoint unreached(std::string host) {
  inventory::Endpoint endpoint;
  endpoint.id = "ep_" + host;
  endpoint.host = std::move(host);
  endpoint.port = 443;
  endpoint.unreached_reason = "connection refused";
  return endpoint;
}

inline Timestamp november_2026() { return *parse_rfc3339("2026-11-24T12:00:00Z"); }

}  // namespace carnet::assess::testing
