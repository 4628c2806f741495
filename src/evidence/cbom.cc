#include "evidence/cbom.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <unordered_map>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "evidence/cbom_knowledge.h"
#include "evidence/cbom_words.h"
#include "evidence/json_rows.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::Certificate;
using inventory::Endpoint;
using inventory::ScanDocument;
using inventory::Support;

constexpr std::string_view kScanRef = "scan";
constexpr std::string_view kPublicKey = "public-key", kPrivateKey = "private-key",
                           kSecretKey = "secret-key";
constexpr std::size_t kOccurrencesMax = 100;  // limit: internal; of one thing

// What is written down in a row of its own, by bom-ref, and what it depends on.
using Rows = std::map<std::string, bj::object>;
using Dependencies = std::map<std::string, std::set<std::string>>;

void depend(Dependencies& list, const std::string& from, const std::string& on) {
  if (from != on && !on.empty()) list[from].insert(on);
}

// Two rounds, because a scan of ten thousand endpoints has a text of tens of megabytes and several
// times that as JSON values: the first finds out what there is, the second makes each row, writes
// it and forgets it.
class Bom {
 public:
  Bom(const ScanDocument& document, CbomVersion version)
      : document_(document),
        version_(version),
        knowledge_(builtin_cbom_knowledge()),
        registry_(inventory::builtin_registry()) {}

  void write(const TextSink& sink) {
    for (const Asset& asset : document_.judgement.assets)
      assets_[asset.endpoint_id].push_back(&asset);
    for (const Endpoint& endpoint : document_.endpoints)
      if (endpoint.reached) find_service(endpoint);
    // What an asset says of an endpoint is in the list even if nothing else named it.
    for (const Asset& asset : document_.judgement.assets)
      if (!asset.algorithm.empty()) static_cast<void>(algorithm(asset.algorithm, asset.key_size));
    JsonRows out(sink);
    out.open(head());
    write_components(out);
    out.begin_array("services");
    for (const auto& [ref, endpoint] : services_) out.row(service_json(ref, *endpoint));
    out.end_array();
    write_dependencies(out);
    // A look from outside never sees everything.
    bj::object composition{{"aggregate", "incomplete"}};
    composition["assemblies"] = list_of(bj::value(kScanRef));
    out.member("compositions", list_of(std::move(composition)));
    out.close();
    out.finish();
  }

 private:
  [[nodiscard]] bool v1_7() const { return version_ == CbomVersion::k1_7; }

  struct Key {
    std::string_view type;  // CycloneDX's: "public-key", "private-key", "secret-key"
    std::string name, algorithm_ref;
    int bits = 0;
    std::string id;
  };
  // The protocols of one endpoint, and what it and they depend on.
  struct Spoken {
    Rows protocols;
    Dependencies on;
  };

  static bj::object component(const std::string& ref, std::string_view name,
                              std::string_view asset_type, std::string_view properties_name,
                              bj::object properties) {
    bj::object crypto{{"assetType", asset_type}};
    crypto[properties_name] = std::move(properties);
    bj::object json;
    json["type"] = "cryptographic-asset";
    json["bom-ref"] = ref;
    json["name"] = name;
    json["cryptoProperties"] = std::move(crypto);
    return json;
  }

  // The bom-ref of an algorithm; `bits` matters only where the name does not tell the size.
  std::string algorithm(std::string_view name, int bits = 0) {
    const CbomAlgorithm* row = knowledge_.find(name);
    const std::string base = row != nullptr ? row->name : std::string(name);
    const inventory::Algorithm* registered = row != nullptr ? row->registry : nullptr;
    const bool sized = bits > 0 && registered != nullptr && registered->key_bits == 0 &&
                       registered->shor_qubits_per_key_bit > 0;
    const std::string full = sized ? fmt::format("{}-{}", base, bits) : base;
    const std::string ref = "algorithm/" + slug(full);
    found_here(ref);
    const auto [place, added] = algorithms_.try_emplace(ref);
    if (!added) {
      for (const std::string& part : parts_[ref]) found_here(part);
      return ref;
    }
    bj::object properties = algorithm_properties(row, sized ? bits : 0);
    bj::object& json = place->second;
    json = component(ref, full, "algorithm", "algorithmProperties", std::move(properties));
    if (registered != nullptr && !registered->oids.empty())
      json["cryptoProperties"].get_object()["oid"] = registered->oids.front();
    if (registered != nullptr)
      json["properties"] = list_of(property("carnet:source", registered->source));
    if (row != nullptr)
      for (const std::string& part : row->parts) depend(parts_, ref, algorithm(part));
    return ref;
  }

  bj::object algorithm_properties(const CbomAlgorithm* row, int bits) const {
    if (row == nullptr) return {{"primitive", "unknown"}};
    const inventory::Algorithm* registered = row->registry;
    bj::object json;
    json["primitive"] = row->primitive;
    if (v1_7() && !row->family.empty()) json["algorithmFamily"] = row->family;
    const std::string parameters = bits > 0 ? std::to_string(bits) : row->parameter_set;
    if (!parameters.empty()) json["parameterSetIdentifier"] = parameters;
    if (!row->curve.empty()) {
      if (v1_7())
        json["ellipticCurve"] = row->curve;
      else
        json["curve"] = row->curve.substr(row->curve.find('/') + 1);
    }
    if (!row->mode.empty()) json["mode"] = row->mode;
    if (!row->padding.empty()) json["padding"] = row->padding;
    json["cryptoFunctions"] = array_of(row->functions);
    if (bits > 0)
      json["classicalSecurityLevel"] = inventory::classical_bits_of_modulus(bits);
    else if (registered == nullptr)
      json["classicalSecurityLevel"] = row->classical_security_bits;
    else if (registered->classical_security_bits)
      json["classicalSecurityLevel"] = *registered->classical_security_bits;
    json["nistQuantumSecurityLevel"] =
        registered != nullptr ? registered->nist_category : row->nist_category;
    return json;
  }

  // The endpoint that is being looked at shows what `ref` stands for.
  void found_here(const std::string& ref) {
    if (here_ == nullptr) return;
    std::vector<const Endpoint*>& list = found_at_[ref];
    if (list.empty() || list.back() != here_) list.push_back(here_);
  }

  // Where it was found, as CycloneDX's evidence: by name, and not more than anybody reads. The
  // dependencies have all of it.
  void add_occurrences(const std::string& ref, bj::object& json) const {
    const auto found = found_at_.find(ref);
    if (found == found_at_.end()) return;
    std::set<std::string> places;
    for (const Endpoint* endpoint : found->second) {
      places.insert(place_of(*endpoint));
      if (places.size() > kOccurrencesMax) places.erase(std::prev(places.end()));
    }
    bj::array list;
    for (const std::string& place : places) list.push_back(bj::object{{"location", place}});
    json["evidence"] = bj::object{{"occurrences", std::move(list)}};
  }

  // A key as related material; `identity` is what makes it this key and no other.
  std::string add_key(const std::string& identity, Key key) {
    std::string ref = "key/" + short_hash("key\n" + identity);
    found_here(ref);
    keys_.try_emplace(ref, std::move(key));
    return ref;
  }

  bj::object key_json(const std::string& ref, const Key& key) const {
    bj::object properties{{"type", key.type}};
    if (!key.id.empty()) properties["id"] = key.id;
    if (v1_7())
      properties["relatedCryptographicAssets"] =
          list_of(bj::object{{"type", "algorithm"}, {"ref", key.algorithm_ref}});
    else
      properties["algorithmRef"] = key.algorithm_ref;
    if (key.bits > 0) properties["size"] = key.bits;
    bj::object json = component(ref, key.name, "related-crypto-material",
                                "relatedCryptoMaterialProperties", std::move(properties));
    add_occurrences(ref, json);
    return json;
  }

  std::string certificate(const Certificate& seen) {
    std::string ref = "certificate/" + slug(seen.sha256);
    found_here(ref);
    certificates_.try_emplace(ref, &seen);
    static_cast<void>(key_of(seen));
    static_cast<void>(algorithm(seen.signature_algorithm));
    for (const std::string& other : {seen.alt_key_algorithm, seen.alt_signature_algorithm})
      if (!other.empty()) static_cast<void>(algorithm(other));
    return ref;
  }

  // The same key in two certificates is one key.
  std::string key_of(const Certificate& seen) {
    const std::string identity =
        seen.spki_sha256.empty() ? "certificate\n" + seen.sha256 : "spki\n" + seen.spki_sha256;
    return add_key(identity, {.type = kPublicKey,
                              .name = "Public key of " + seen.subject,
                              .algorithm_ref = algorithm(seen.key_algorithm, seen.key_bits),
                              .bits = seen.key_bits,
                              .id = {}});
  }

  bj::object certificate_json(const std::string& ref, const Certificate& seen) {
    const std::string key = key_of(seen);
    const std::string signature = algorithm(seen.signature_algorithm);
    bj::object properties;
    properties["subjectName"] = seen.subject;
    properties["issuerName"] = seen.issuer;
    properties["notValidBefore"] = to_rfc3339(seen.not_before);
    properties["notValidAfter"] = to_rfc3339(seen.not_after);
    properties["certificateFormat"] = "X.509";
    if (v1_7()) {
      properties["serialNumber"] = seen.serial_number;
      properties["relatedCryptographicAssets"] = {{{"type", "algorithm"}, {"ref", signature}},
                                                  {{"type", "publicKey"}, {"ref", key}}};
    } else {
      properties["signatureAlgorithmRef"] = signature;
      properties["subjectPublicKeyRef"] = key;
    }
    const std::string name = seen.subject.empty() ? "Certificate" : seen.subject;
    bj::object json =
        component(ref, name, "certificate", "certificateProperties", std::move(properties));
    if (seen.sha256.size() == 64)
      json["hashes"] = list_of(bj::object{{"alg", "SHA-256"}, {"content", seen.sha256}});
    add_occurrences(ref, json);
    return json;
  }

  std::set<std::string> certificate_needs(const Certificate& seen) {
    std::set<std::string> on{key_of(seen), algorithm(seen.signature_algorithm)};
    // A dual-algorithm certificate carries a second key and a second signature.
    for (const std::string& other : {seen.alt_key_algorithm, seen.alt_signature_algorithm})
      if (!other.empty()) on.insert(algorithm(other));
    return on;
  }

  // The algorithms that a suite names; empty for one that nobody knows.
  const std::vector<std::string>& suite_algorithms(const inventory::TlsSuite& suite, int dh_bits) {
    const int bits = suite.key_exchange == "DHE" ? dh_bits : 0;
    const auto [place, added] = suites_.try_emplace({&suite, bits});
    std::vector<std::string>& refs = place->second;
    if (!added) return refs;
    const auto add = [&](std::string_view name, int size = 0) {
      if (name.empty()) return;
      std::string ref = algorithm(name, size);
      if (std::find(refs.begin(), refs.end(), ref) == refs.end()) refs.push_back(std::move(ref));
    };
    if (knowledge_.find(suite.cipher) != nullptr) add(suite.cipher);
    add(knowledge_.suite_mac(suite.mac));
    // TLS_…_SHA384: the hash of the key schedule.
    const std::string_view last =
        std::string_view(suite.name).substr(suite.name.find_last_of('_') + 1);
    if (const CbomAlgorithm* hash = knowledge_.find(last);
        hash != nullptr && hash->primitive == "hash")
      add(hash->name);
    add(knowledge_.suite_key_exchange(suite.key_exchange), bits);
    add(knowledge_.suite_authentication(suite.authentication));
    return refs;
  }

  void find_service(const Endpoint& endpoint) {
    std::string ref = "endpoint/" + short_hash("endpoint\n" + place_of(endpoint) + "\n" +
                                               (endpoint.tls ? endpoint.tls->server_name : ""));
    const auto [place, added] = services_.try_emplace(std::move(ref), &endpoint);
    if (!added) return;
    here_ = &endpoint;
    static_cast<void>(spoken(place->first, endpoint));
    here_ = nullptr;
  }

  bj::object service_json(const std::string& ref, const Endpoint& endpoint) const {
    const std::string place = place_of(endpoint);
    bj::object json;
    json["bom-ref"] = ref;
    json["name"] = place;
    if (const std::string uri = uri_of(endpoint, place); !uri.empty())
      json["endpoints"] = list_of(bj::value(uri));
    bj::array properties;
    if (const auto assets = assets_.find(endpoint.id); assets != assets_.end())
      for (const Asset* asset : assets->second)
        properties.push_back(property(
            "carnet:asset:" + asset->id,
            fmt::format("{}; {}; {}", inventory::to_string(asset->exposure),
                        inventory::to_string(asset->vulnerability.status), asset->algorithm)));
    if (!properties.empty()) json["properties"] = std::move(properties);
    return json;
  }

  Spoken spoken(const std::string& service, const Endpoint& endpoint) {
    Spoken out;
    out.on.try_emplace(service);
    if (endpoint.tls) add_tls(endpoint, service, out);
    if (endpoint.ssh) add_ssh(endpoint, service, out);
    if (endpoint.jwks) add_jwks(endpoint, service, out);
    if (endpoint.file) add_file(*endpoint.file, service, out);
    return out;
  }

  void add_tls(const Endpoint& endpoint, const std::string& service, Spoken& out) {
    const inventory::TlsObservation& tls = *endpoint.tls;
    // Only TLS 1.3 has post-quantum groups, whatever the server offers there.
    std::vector<std::string> groups, classical_groups, group_names, certificates;
    for (const auto& group : tls.groups) {
      if (!is_there(group.state) || inventory::is_grease(group.codepoint)) continue;
      groups.push_back(algorithm(group.name));
      if (group.kind == "classical") classical_groups.push_back(groups.back());
      group_names.push_back(group.name);
    }
    for (const Certificate& seen : tls.certificates) certificates.push_back(certificate(seen));
    for (const auto& version : tls.versions) {
      if (!is_there(version.state)) continue;
      const std::string ref = service + "/" + slug(version.version);
      bj::array suites;
      for (const auto& seen : tls.cipher_suites) {
        if (seen.version != version.version) continue;
        suites.push_back(suite_json(seen, tls.dh_bits, group_names, out.on[ref]));
      }
      add_protocol(out, service, ref, "tls", version.version, std::move(suites),
                   version.version == "TLS 1.3" ? groups : classical_groups, certificates);
    }
  }

  bj::object suite_json(const inventory::TlsCipherSuite& seen, int dh_bits,
                        const std::vector<std::string>& group_names, std::set<std::string>& on) {
    bj::object json{{"name", seen.name}};
    const inventory::TlsSuite* suite = registry_.find_tls_suite(seen.codepoint);
    bj::array refs;
    if (suite != nullptr)
      for (const std::string& ref : suite_algorithms(*suite, dh_bits)) {
        refs.emplace_back(ref);
        on.insert(ref);
        found_here(ref);
      }
    if (!refs.empty()) json["algorithms"] = std::move(refs);
    json["identifiers"] = {fmt::format("0x{:02X}", seen.codepoint >> 8U),
                           fmt::format("0x{:02X}", seen.codepoint & 0xFFU)};
    if (v1_7() && suite != nullptr && suite->tls13 && !group_names.empty())
      json["tlsGroups"] = array_of(group_names);
    return json;
  }

  void add_protocol(Spoken& out, const std::string& service, const std::string& ref,
                    std::string_view type, std::string_view name, bj::array suites,
                    const std::vector<std::string>& first, const std::vector<std::string>& second) {
    bj::object properties{{"type", type}};
    properties["version"] = name.substr(name.find(' ') + 1);
    if (!suites.empty()) properties["cipherSuites"] = std::move(suites);
    bj::array related, refs;
    std::set<std::string> seen;
    for (const auto* list : {&first, &second})
      for (const std::string& one : *list) {
        if (!seen.insert(one).second) continue;
        const std::string_view what = std::string_view(one).substr(0, one.find('/'));
        refs.emplace_back(one);
        related.push_back({{"type", what == "key" ? "publicKey" : what}, {"ref", one}});
        depend(out.on, ref, one);
      }
    if (!refs.empty() && v1_7())
      properties["relatedCryptographicAssets"] = std::move(related);
    else if (!refs.empty())
      properties["cryptoRefArray"] = std::move(refs);
    out.on.try_emplace(ref);
    found_here(ref);
    bj::object json = component(ref, name, "protocol", "protocolProperties", std::move(properties));
    add_occurrences(ref, json);
    out.protocols[ref] = std::move(json);
    depend(out.on, service, ref);
  }

  void add_ssh(const Endpoint& endpoint, const std::string& service, Spoken& out) {
    const inventory::SshObservation& ssh = *endpoint.ssh;
    std::vector<std::string> algorithms, keys;
    for (const auto* list : {&ssh.kex, &ssh.host_key_algorithms, &ssh.ciphers, &ssh.macs})
      for (const std::string& name : *list) {
        const inventory::Algorithm* row = registry_.find_by_ssh_name(name);
        // What is no algorithm (ext-info-s, kex-strict-s-v00@openssh.com) is not in the registry.
        if (row != nullptr) algorithms.push_back(algorithm(row->name));
      }
    for (const inventory::SshHostKey& key : ssh.host_keys) {
      const inventory::Algorithm* row = registry_.find_by_ssh_key_type(key.type);
      keys.push_back(
          add_key("ssh\n" + key.fingerprint,
                  {.type = kPublicKey,
                   .name = "Host key " + key.type,
                   .algorithm_ref = algorithm(row != nullptr ? row->name : key.type, key.bits),
                   .bits = key.bits,
                   .id = key.fingerprint}));
    }
    add_protocol(out, service, service + "/SSH-2.0", "ssh", "SSH 2.0", {}, algorithms, keys);
  }

  void add_jwks(const Endpoint& endpoint, const std::string& service, Spoken& out) {
    for (const inventory::JwksKey& key : endpoint.jwks->keys) {
      const std::string identity = key.thumbprint.empty()
                                       ? fmt::format("jwks\n{}\n{}\n{}", service, key.kid, key.alg)
                                       : "jwk\n" + key.thumbprint;
      const std::string name = key.algorithm.empty() ? key.kty : key.algorithm;
      depend(out.on, service,
             add_key(identity, {.type = key.kty == "oct" ? kSecretKey : kPublicKey,
                                .name = key.kid.empty() ? "Key without kid" : "Key " + key.kid,
                                .algorithm_ref = algorithm(name, key.bits),
                                .bits = key.bits,
                                .id = key.thumbprint}));
      for (const Certificate& seen : key.certificates) depend(out.on, service, certificate(seen));
    }
  }

  void add_file(const inventory::FileObservation& file, const std::string& service, Spoken& out) {
    for (const Certificate& seen : file.certificates) depend(out.on, service, certificate(seen));
    for (const inventory::FileEntry& entry : file.entries) {
      if (entry.algorithm.empty() || entry.kind == "certificate") continue;
      const std::string used = algorithm(entry.algorithm, entry.bits);
      const bool key = entry.kind.ends_with("-key") || entry.kind == "known-host";
      if (!key || entry.fingerprint.empty()) {
        depend(out.on, service, used);
        continue;
      }
      // Who finds a private key has more than who finds its public half: two things, one id.
      const bool is_private = entry.kind.ends_with("private-key");
      std::string name = is_private ? "Private key" : "Public key";
      if (!entry.label.empty()) name += " " + entry.label;
      depend(out.on, service,
             add_key((is_private ? "private\n" : "file\n") + entry.fingerprint,
                     {.type = is_private ? kPrivateKey : kPublicKey,
                      .name = std::move(name),
                      .algorithm_ref = used,
                      .bits = entry.bits,
                      .id = entry.fingerprint}));
    }
  }

  bj::array metadata_properties() const {
    const auto& judgement = document_.judgement;
    const auto& counts = judgement.counts;
    bj::array list;
    const auto add = [&list](std::string_view name, const std::string& value) {
      list.push_back(property(name, value));
    };
    add("carnet:sample", document_.sample ? "true" : "false");
    add("carnet:scanId", document_.scan_id);
    add("carnet:methodVersion", judgement.method_version);
    if (judgement.score) {
      add("carnet:readinessScore", fmt::format("{:.1f}", *judgement.score));
      add("carnet:readinessBand", judgement.band);
    }
    add("carnet:endpoints:requested", std::to_string(judgement.coverage.requested));
    add("carnet:endpoints:reached", std::to_string(judgement.coverage.reached));
    add("carnet:assets", std::to_string(counts.assets));
    add("carnet:assets:broken", std::to_string(counts.broken));
    add("carnet:assets:at-risk", std::to_string(counts.at_risk));
    add("carnet:assets:safe", std::to_string(counts.safe));
    add("carnet:assets:unknown", std::to_string(counts.unknown));
    add("carnet:assets:hndl-exposed", std::to_string(counts.hndl_exposed));
    return list;
  }

  bj::object metadata() const {
    bj::object json;
    json["timestamp"] = to_rfc3339(document_.finished_at);
    json["lifecycles"] = list_of(bj::object{{"phase", "operations"}});
    bj::object tools;
    tools["components"] = list_of(bj::object{{"type", "application"}, {"name", "Carnet"}});
    json["tools"] = std::move(tools);
    const std::string name = document_.label.empty() ? document_.scan_id : document_.label;
    json["component"] = {{"type", "application"},
                         {"bom-ref", kScanRef},
                         {"name", document_.sample ? "SAMPLE: " + name : name}};
    json["properties"] = metadata_properties();
    return json;
  }

  bj::object head() const {
    bj::object json;
    json["$schema"] =
        fmt::format("http://cyclonedx.org/schema/bom-{}.schema.json", to_string(version_));
    json["bomFormat"] = "CycloneDX";
    json["specVersion"] = to_string(version_);
    json["serialNumber"] = serial_number(document_, version_);
    json["version"] = 1;
    json["metadata"] = metadata();
    return json;
  }

  // Both lists are sorted by bom-ref: algorithm/, certificate/, endpoint/, key/, scan.
  void write_components(JsonRows& out) {
    out.begin_array("components");
    for (auto& [ref, json] : algorithms_) {
      add_occurrences(ref, json);
      out.row(std::move(json));
    }
    for (const auto& [ref, seen] : certificates_) out.row(certificate_json(ref, *seen));
    for (const auto& [ref, endpoint] : services_)
      for (auto& [protocol, json] : spoken(ref, *endpoint).protocols) out.row(std::move(json));
    for (const auto& [ref, key] : keys_) out.row(key_json(ref, key));
    out.end_array();
  }

  void write_dependencies(JsonRows& out) {
    const auto write = [&out](const std::string& ref, const auto& on) {
      bj::object dependency{{"ref", ref}};
      bj::array list;
      for (const std::string& one : on) list.emplace_back(one);
      if (!list.empty()) dependency["dependsOn"] = std::move(list);
      out.row(std::move(dependency));
    };
    out.begin_array("dependencies");
    for (const auto& [ref, json] : algorithms_) write(ref, parts_[ref]);
    for (const auto& [ref, seen] : certificates_) write(ref, certificate_needs(*seen));
    for (const auto& [service, endpoint] : services_)
      for (const auto& [ref, on] : spoken(service, *endpoint).on) write(ref, on);
    for (const auto& [ref, key] : keys_) write(ref, std::set<std::string>{key.algorithm_ref});
    std::vector<std::string> services;
    services.reserve(services_.size());
    for (const auto& [ref, endpoint] : services_) services.push_back(ref);
    write(std::string(kScanRef), services);
    out.end_array();
  }

  const ScanDocument& document_;
  CbomVersion version_;
  const CbomKnowledge& knowledge_;
  const inventory::Registry& registry_;
  std::map<std::string, std::vector<const Asset*>> assets_;  // by endpoint id
  // By bom-ref. Pointers go into the document.
  Rows algorithms_;
  Dependencies parts_;  // of algorithms
  std::map<std::string, const Certificate*> certificates_;
  std::map<std::string, Key> keys_;
  std::map<std::string, const Endpoint*> services_;
  std::unordered_map<std::string, std::vector<const Endpoint*>> found_at_;
  const Endpoint* here_ = nullptr;  // in the first round
  std::map<std::pair<const inventory::TlsSuite*, int>, std::vector<std::string>> suites_;
};

}  // namespace

std::optional<CbomVersion> parse_cbom_version(std::string_view text) {
  if (text == "1.6") return CbomVersion::k1_6;
  if (text == "1.7") return CbomVersion::k1_7;
  return std::nullopt;
}

std::string_view to_string(CbomVersion version) {
  return version == CbomVersion::k1_6 ? "1.6" : "1.7";
}

std::string cbom_media_type(CbomVersion version) {
  return fmt::format("application/vnd.cyclonedx+json; version={}", to_string(version));
}

void write_cbom_json(const ScanDocument& document, const TextSink& sink, CbomVersion version) {
  Bom(document, version).write(sink);
}

std::string cbom_json(const ScanDocument& document, CbomVersion version) {
  std::string out;
  write_cbom_json(document, [&out](std::string_view piece) { out += piece; }, version);
  return out;
}

}  // namespace carnet::evidence
