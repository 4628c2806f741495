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

void put_text(bj::object& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json[key] = text;
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
  // Most certificates have none of these.
  put_text(json, "signatureParameters", certificate.signature_parameters);
  put_text(json, "altKeyAlgorithm", certificate.alt_key_algorithm);
  put_text(json, "altSignatureAlgorithm", certificate.alt_signature_algorithm);
  put_text(json, "spkiSha256", certificate.spki_sha256);
  if (!certificate.findings.empty()) json["findings"] = findings_json(certificate.findings);
  return json;
}

bj::array certificates_json(const std::vector<Certificate>& certificates) {
  bj::array array;
  array.reserve(certificates.size());
  for (const Certificate& certificate : certificates) {
    array.push_back(certificate_json(certificate));
  }
  return array;
}

bj::object tls_json(const TlsObservation& tls) {
  bj::object json;
  bj::array versions, groups, suites;
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
  json["certificates"] = certificates_json(tls.certificates);
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
    bj::object row{{"type", key.type}, {"bits", key.bits}, {"fingerprint", key.fingerprint}};
    if (key.signed_by) {
      row["signedBy"] = {{"type", key.signed_by->type},
                         {"bits", key.signed_by->bits},
                         {"fingerprint", key.signed_by->fingerprint}};
    }
    keys.push_back(std::move(row));
  }
  json["hostKeys"] = std::move(keys);
  json["strictKex"] = ssh.strict_kex;
  json["findings"] = findings_json(ssh.findings);
  bj::array post_quantum;
  for (const SshPqKex& kex : ssh.post_quantum_kex) {
    post_quantum.push_back(
        {{"name", kex.name}, {"kind", kex.kind}, {"state", to_string(kex.state)}});
  }
  json["postQuantumKex"] = std::move(post_quantum);
  json["compression"] = to_json_array(ssh.compression);
  return json;
}

bj::object starttls_json(const StarttlsObservation& starttls) {
  bj::object json;
  json["state"] = starttls.state;
  json["greeting"] = starttls.greeting;
  json["findings"] = findings_json(starttls.findings);
  return json;
}

bj::object jwks_json(const JwksObservation& jwks) {
  bj::array keys;
  for (const JwksKey& key : jwks.keys) {
    bj::object row;
    row["kid"] = key.kid;
    row["kty"] = key.kty;
    row["alg"] = key.alg;
    row["crv"] = key.crv;
    row["bits"] = key.bits;
    row["use"] = key.use;
    row["algorithm"] = key.algorithm;
    row["thumbprint"] = key.thumbprint;
    row["certificates"] = certificates_json(key.certificates);
    keys.push_back(std::move(row));
  }
  bj::object json;
  json["url"] = jwks.url;
  json["keys"] = std::move(keys);
  json["findings"] = findings_json(jwks.findings);
  return json;
}

bj::object file_entry_json(const FileEntry& entry) {
  bj::object json;
  json["kind"] = entry.kind;
  json["format"] = entry.format;
  json["line"] = entry.line;
  json["offset"] = entry.offset;
  json["label"] = entry.label;
  json["algorithm"] = entry.algorithm;
  json["bits"] = entry.bits;
  json["curve"] = entry.curve;
  json["signatureAlgorithm"] = entry.signature_algorithm;
  json["fingerprint"] = entry.fingerprint;
  if (entry.certificate >= 0) json["certificate"] = entry.certificate;
  return json;
}

bj::object file_json(const FileObservation& file) {
  bj::array entries, errors;
  for (const FileEntry& entry : file.entries) entries.push_back(file_entry_json(entry));
  for (const FileError& error : file.errors) {
    errors.push_back({{"line", error.line},
                      {"offset", error.offset},
                      {"code", error.code},
                      {"detail", error.detail}});
  }
  bj::object json;
  json["name"] = file.name;
  json["format"] = file.format;
  json["bytes"] = file.bytes;
  json["entries"] = std::move(entries);
  json["certificates"] = certificates_json(file.certificates);
  json["errors"] = std::move(errors);
  json["findings"] = findings_json(file.findings);
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
  certificate.signature_parameters = reader.text(json, "signatureParameters");
  certificate.alt_key_algorithm = reader.text(json, "altKeyAlgorithm");
  certificate.alt_signature_algorithm = reader.text(json, "altSignatureAlgorithm");
  certificate.spki_sha256 = reader.text(json, "spkiSha256");
  certificate.findings = read_findings(reader, json);
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
    SshHostKey key{.type = reader.text(row, "type"),
                   .bits = reader.small(row, "bits"),
                   .fingerprint = reader.text(row, "fingerprint")};
    if (const bj::object* signer = reader.object(row, "signedBy")) {
      key.signed_by = SshSigner{.type = reader.text(*signer, "type"),
                                .bits = reader.small(*signer, "bits"),
                                .fingerprint = reader.text(*signer, "fingerprint")};
    }
    ssh.host_keys.push_back(std::move(key));
  });
  ssh.strict_kex = reader.boolean(json, "strictKex");
  ssh.findings = read_findings(reader, json);
  reader.objects(json, "postQuantumKex", [&](const bj::object& row) {
    ssh.post_quantum_kex.push_back({.name = reader.text(row, "name"),
                                    .kind = reader.text(row, "kind"),
                                    .state = read_support(reader, row)});
  });
  ssh.compression = reader.texts(json, "compression");
  return ssh;
}

StarttlsObservation read_starttls(JsonReader& reader, const bj::object& json) {
  return {.state = reader.text(json, "state"),
          .greeting = reader.text(json, "greeting"),
          .findings = read_findings(reader, json)};
}

JwksObservation read_jwks(JsonReader& reader, const bj::object& json) {
  JwksObservation jwks;
  jwks.url = reader.text(json, "url");
  reader.objects(json, "keys", [&](const bj::object& row) {
    JwksKey key;
    key.kid = reader.text(row, "kid");
    key.kty = reader.text(row, "kty");
    key.alg = reader.text(row, "alg");
    key.crv = reader.text(row, "crv");
    key.bits = reader.small(row, "bits");
    key.use = reader.text(row, "use");
    key.algorithm = reader.text(row, "algorithm");
    key.thumbprint = reader.text(row, "thumbprint");
    reader.objects(row, "certificates", [&](const bj::object& certificate) {
      key.certificates.push_back(read_certificate(reader, certificate));
    });
    jwks.keys.push_back(std::move(key));
  });
  jwks.findings = read_findings(reader, json);
  return jwks;
}

FileEntry read_file_entry(JsonReader& reader, const bj::object& json) {
  FileEntry entry;
  entry.kind = reader.text(json, "kind");
  entry.format = reader.text(json, "format");
  entry.line = reader.small(json, "line");
  entry.offset = reader.integer(json, "offset");
  entry.label = reader.text(json, "label");
  entry.algorithm = reader.text(json, "algorithm");
  entry.bits = reader.small(json, "bits");
  entry.curve = reader.text(json, "curve");
  entry.signature_algorithm = reader.text(json, "signatureAlgorithm");
  entry.fingerprint = reader.text(json, "fingerprint");
  if (json.contains("certificate")) entry.certificate = reader.small(json, "certificate");
  return entry;
}

FileObservation read_file_observation(JsonReader& reader, const bj::object& json) {
  FileObservation file;
  file.name = reader.text(json, "name");
  file.format = reader.text(json, "format");
  file.bytes = reader.integer(json, "bytes");
  reader.objects(json, "entries", [&](const bj::object& row) {
    file.entries.push_back(read_file_entry(reader, row));
  });
  reader.objects(json, "certificates", [&](const bj::object& row) {
    file.certificates.push_back(read_certificate(reader, row));
  });
  reader.objects(json, "errors", [&](const bj::object& row) {
    file.errors.push_back({.line = reader.small(row, "line"),
                           .offset = reader.integer(row, "offset"),
                           .code = reader.text(row, "code"),
                           .detail = reader.text(row, "detail")});
  });
  file.findings = read_findings(reader, json);
  return file;
}

}  // namespace

bj::object certificate_to_json(const Certificate& certificate) {
  return certificate_json(certificate);
}

bj::object endpoint_to_json(const Endpoint& endpoint) {
  bj::object json;
  json["id"] = endpoint.id;
  json["host"] = endpoint.host;
  json["port"] = endpoint.port;
  json["address"] = endpoint.address;
  // Most names are no aliases and have one address.
  if (!endpoint.aliases.empty()) json["aliases"] = to_json_array(endpoint.aliases);
  if (!endpoint.other_addresses.empty()) {
    bj::array others;
    for (const OtherAddress& other : endpoint.other_addresses) {
      bj::object row;
      row["address"] = other.address;
      row["state"] = other.state;
      put_text(row, "detail", other.detail);
      others.push_back(std::move(row));
    }
    json["otherAddresses"] = std::move(others);
  }
  json["protocol"] = endpoint.protocol;
  put_text(json, "recognisedBy", endpoint.recognised_by);
  json["reached"] = endpoint.reached;
  if (!endpoint.reached) json["reason"] = endpoint.unreached_reason;
  json["durationMs"] = endpoint.duration_ms;
  json["connections"] = endpoint.connections;
  if (endpoint.tls) json["tls"] = tls_json(*endpoint.tls);
  if (endpoint.ssh) json["ssh"] = ssh_json(*endpoint.ssh);
  if (endpoint.starttls) json["starttls"] = starttls_json(*endpoint.starttls);
  if (endpoint.jwks) json["jwks"] = jwks_json(*endpoint.jwks);
  if (endpoint.file) json["file"] = file_json(*endpoint.file);
  return json;
}

Result<Endpoint> endpoint_from_json(const bj::object& json) {
  JsonReader reader(kEndpointListMax);
  Endpoint endpoint;
  endpoint.id = reader.text(json, "id");
  endpoint.host = reader.text(json, "host");
  endpoint.port = reader.port(json, "port");
  endpoint.address = reader.text(json, "address");
  endpoint.aliases = reader.texts(json, "aliases");
  reader.objects(json, "otherAddresses", [&](const bj::object& row) {
    endpoint.other_addresses.push_back({.address = reader.text(row, "address"),
                                        .state = reader.text(row, "state"),
                                        .detail = reader.text(row, "detail")});
  });
  endpoint.protocol = reader.text(json, "protocol");
  endpoint.recognised_by = reader.text(json, "recognisedBy");
  endpoint.reached = reader.boolean(json, "reached");
  endpoint.unreached_reason = reader.text(json, "reason");
  endpoint.duration_ms = reader.integer(json, "durationMs");
  endpoint.connections = reader.small(json, "connections");
  if (const bj::object* tls = reader.object(json, "tls")) endpoint.tls = read_tls(reader, *tls);
  if (const bj::object* ssh = reader.object(json, "ssh")) endpoint.ssh = read_ssh(reader, *ssh);
  if (const bj::object* starttls = reader.object(json, "starttls")) {
    endpoint.starttls = read_starttls(reader, *starttls);
  }
  if (const bj::object* jwks = reader.object(json, "jwks")) {
    endpoint.jwks = read_jwks(reader, *jwks);
  }
  if (const bj::object* file = reader.object(json, "file")) {
    endpoint.file = read_file_observation(reader, *file);
  }
  if (!reader.ok()) return make_internal("endpoint JSON: member " + reader.fault());
  return endpoint;
}

}  // namespace carnet::inventory
