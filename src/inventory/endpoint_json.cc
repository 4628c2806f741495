#include "inventory/endpoint_json.h"

#include <boost/json.hpp>

#include "inventory/json_read.h"
#include "inventory/names.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

bj::array findings_json(const std::vector<Finding>& findings) {
  bj::array array;
  for (const Finding& finding : findings) {
    array.push_back(
        {{"code", finding.code}, {"severity", finding.severity}, {"detail", finding.detail}});
  }
  return array;
}

bj::object certificate_json(const Certificate& certificate) {
  bj::object json;
  json["chain"] = certificate.chain;
  json["position"] = certificate.position;
  json["subject"] = certificate.subject;
  json["issuer"] = certificate.issuer;
  json["serialNumber"] = certificate.serial_number;
  json["notBefore"] = to_rfc3339(certificate.not_before);
  json["notAfter"] = to_rfc3339(certificate.not_after);
  json["sans"] = to_json_array(certificate.sans);
  json["keyAlgorithm"] = certificate.key_algorithm;
  json["keyBits"] = certificate.key_bits;
  json["curve"] = certificate.curve;
  json["signatureAlgorithm"] = certificate.signature_algorithm;
  json["sha256"] = certificate.sha256;
  return json;
}

bj::object tls_json(const TlsObservation& tls) {
  bj::object json;
  bj::array versions, groups, suites, certificates;
  for (const TlsVersionSupport& version : tls.versions) {
    versions.push_back({{"version", version.version}, {"state", to_string(version.state)}});
  }
  for (const TlsGroupSupport& group : tls.groups) {
    groups.push_back({{"name", group.name},
                      {"codepoint", codepoint_text(group.codepoint)},
                      {"kind", group.kind},
                      {"state", to_string(group.state)}});
  }
  for (const TlsCipherSuite& suite : tls.cipher_suites) {
    suites.push_back({{"version", suite.version},
                      {"name", suite.name},
                      {"codepoint", codepoint_text(suite.codepoint)}});
  }
  for (const Certificate& certificate : tls.certificates) {
    certificates.push_back(certificate_json(certificate));
  }
  json["versions"] = std::move(versions);
  json["groups"] = std::move(groups);
  json["serverOrder"] = tls.server_order ? bj::value(*tls.server_order) : bj::value(nullptr);
  json["cipherSuites"] = std::move(suites);
  json["legacyKeyExchanges"] = to_json_array(tls.legacy_key_exchanges);
  json["dhBits"] = tls.dh_bits;
  const HandshakeProof& proof = tls.handshake_proof;
  json["handshakeProof"] = {{"proven", proof.proven},
                            {"version", proof.version},
                            {"group", proof.group},
                            {"cipherSuite", proof.cipher_suite},
                            {"signatureScheme", proof.signature_scheme},
                            {"clientHelloBytes", proof.client_hello_bytes}};
  json["certificates"] = std::move(certificates);
  json["findings"] = findings_json(tls.findings);
  json["serverName"] = tls.server_name;
  json["alpn"] = tls.alpn;
  return json;
}

bj::object ssh_json(const SshObservation& ssh) {
  bj::object json;
  json["banner"] = ssh.banner;
  json["kex"] = to_json_array(ssh.kex);
  json["negotiatedKex"] = ssh.negotiated_kex;
  json["hostKeyAlgorithms"] = to_json_array(ssh.host_key_algorithms);
  json["ciphers"] = to_json_array(ssh.ciphers);
  json["macs"] = to_json_array(ssh.macs);
  bj::array keys;
  for (const SshHostKey& key : ssh.host_keys) {
    keys.push_back({{"type", key.type}, {"bits", key.bits}, {"fingerprint", key.fingerprint}});
  }
  json["hostKeys"] = std::move(keys);
  json["strictKex"] = ssh.strict_kex;
  json["findings"] = findings_json(ssh.findings);
  return json;
}

Support read_support(JsonReader& reader, const bj::object& json) {
  const std::string word = reader.text(json, "state");
  for (const Support state : {Support::kPreferred, Support::kSupported, Support::kUnsupported,
                              Support::kNotTested, Support::kNotProven}) {
    if (to_string(state) == word) return state;
  }
  reader.fail("state");
  return Support::kNotTested;
}

std::vector<Finding> read_findings(JsonReader& reader, const bj::object& json) {
  std::vector<Finding> findings;
  reader.objects(json, "findings", [&](const bj::object& row) {
    findings.push_back({.code = reader.text(row, "code"),
                        .severity = reader.text(row, "severity"),
                        .detail = reader.text(row, "detail")});
  });
  return findings;
}

Certificate read_certificate(JsonReader& reader, const bj::object& json) {
  Certificate certificate;
  certificate.chain = reader.small(json, "chain");
  certificate.position = reader.small(json, "position");
  certificate.subject = reader.text(json, "subject");
  certificate.issuer = reader.text(json, "issuer");
  certificate.serial_number = reader.text(json, "serialNumber");
  certificate.not_before = reader.time(json, "notBefore");
  certificate.not_after = reader.time(json, "notAfter");
  certificate.sans = reader.texts(json, "sans");
  certificate.key_algorithm = reader.text(json, "keyAlgorithm");
  certificate.key_bits = reader.small(json, "keyBits");
  certificate.curve = reader.text(json, "curve");
  certificate.signature_algorithm = reader.text(json, "signatureAlgorithm");
  certificate.sha256 = reader.text(json, "sha256");
  return certificate;
}

TlsObservation read_tls(JsonReader& reader, const bj::object& json) {
  TlsObservation tls;
  reader.objects(json, "versions", [&](const bj::object& row) {
    tls.versions.push_back(
        {.version = reader.text(row, "version"), .state = read_support(reader, row)});
  });
  reader.objects(json, "groups", [&](const bj::object& row) {
    tls.groups.push_back({.codepoint = reader.codepoint(row, "codepoint"),
                          .name = reader.text(row, "name"),
                          .kind = reader.text(row, "kind"),
                          .state = read_support(reader, row)});
  });
  tls.server_order = reader.optional_boolean(json, "serverOrder");
  reader.objects(json, "cipherSuites", [&](const bj::object& row) {
    tls.cipher_suites.push_back({.version = reader.text(row, "version"),
                                 .name = reader.text(row, "name"),
                                 .codepoint = reader.codepoint(row, "codepoint")});
  });
  tls.legacy_key_exchanges = reader.texts(json, "legacyKeyExchanges");
  tls.dh_bits = reader.small(json, "dhBits");
  if (const bj::object* proof = reader.object(json, "handshakeProof")) {
    tls.handshake_proof = {.proven = reader.boolean(*proof, "proven"),
                           .version = reader.text(*proof, "version"),
                           .group = reader.text(*proof, "group"),
                           .cipher_suite = reader.text(*proof, "cipherSuite"),
                           .signature_scheme = reader.text(*proof, "signatureScheme"),
                           .client_hello_bytes = reader.small(*proof, "clientHelloBytes")};
  }
  reader.objects(json, "certificates", [&](const bj::object& row) {
    tls.certificates.push_back(read_certificate(reader, row));
  });
  tls.findings = read_findings(reader, json);
  tls.server_name = reader.text(json, "serverName");
  tls.alpn = reader.text(json, "alpn");
  return tls;
}

SshObservation read_ssh(JsonReader& reader, const bj::object& json) {
  SshObservation ssh;
  ssh.banner = reader.text(json, "banner");
  ssh.kex = reader.texts(json, "kex");
  ssh.negotiated_kex = reader.text(json, "negotiatedKex");
  ssh.host_key_algorithms = reader.texts(json, "hostKeyAlgorithms");
  ssh.ciphers = reader.texts(json, "ciphers");
  ssh.macs = reader.texts(json, "macs");
  reader.objects(json, "hostKeys", [&](const bj::object& row) {
    ssh.host_keys.push_back({.type = reader.text(row, "type"),
                             .bits = reader.small(row, "bits"),
                             .fingerprint = reader.text(row, "fingerprint")});
  });
  ssh.strict_kex = reader.boolean(json, "strictKex");
  ssh.findings = read_findings(reader, json);
  return ssh;
}

}  // namespace

bj::object endpoint_to_json(const Endpoint& endpoint) {
  bj::object json;
  json["id"] = endpoint.id;
  json["host"] = endpoint.host;
  json["port"] = endpoint.port;
  json["address"] = endpoint.address;
  json["protocol"] = endpoint.protocol;
  json["reached"] = endpoint.reached;
  if (!endpoint.reached) json["reason"] = endpoint.unreached_reason;
  json["durationMs"] = endpoint.duration_ms;
  json["connections"] = endpoint.connections;
  if (endpoint.tls) json["tls"] = tls_json(*endpoint.tls);
  if (endpoint.ssh) json["ssh"] = ssh_json(*endpoint.ssh);
  return json;
}

Result<Endpoint> endpoint_from_json(const bj::object& json) {
  JsonReader reader(kEndpointListMax);
  Endpoint endpoint;
  endpoint.id = reader.text(json, "id");
  endpoint.host = reader.text(json, "host");
  endpoint.port = reader.port(json, "port");
  endpoint.address = reader.text(json, "address");
  endpoint.protocol = reader.text(json, "protocol");
  endpoint.reached = reader.boolean(json, "reached");
  endpoint.unreached_reason = reader.text(json, "reason");
  endpoint.duration_ms = reader.integer(json, "durationMs");
  endpoint.connections = reader.small(json, "connections");
  if (const bj::object* tls = reader.object(json, "tls")) endpoint.tls = read_tls(reader, *tls);
  if (const bj::object* ssh = reader.object(json, "ssh")) endpoint.ssh = read_ssh(reader, *ssh);
  if (!reader.ok()) return make_internal("endpoint JSON: member " + reader.fault());
  return endpoint;
}

}  // namespace carnet::inventory
