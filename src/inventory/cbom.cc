#include "inventory/cbom.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <unordered_map>

#include "base/text.h"
#include "inventory/registry.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

constexpr std::size_t kComponentsMax = 20000;
constexpr int kDepthMax = 16;            // limit: internal
constexpr int kReferenceHopsMax = 4;     // limit: internal
constexpr std::size_t kSuitesMax = 500;  // limit: internal

const bj::object* object_of(const bj::object& from, std::string_view key) {
  const bj::value* value = from.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

const bj::array* array_of(const bj::object& from, std::string_view key) {
  const bj::value* value = from.if_contains(key);
  return value != nullptr ? value->if_array() : nullptr;
}

std::string text_of(const bj::object& from, std::string_view key) {
  const bj::value* value = from.if_contains(key);
  if (value == nullptr) return {};
  if (value->is_string()) return clean_text(std::string_view(value->get_string()));
  if (value->is_int64()) return std::to_string(value->get_int64());
  return {};
}

// The first of several members that is there: forms differ in their names.
std::string first_text(const bj::object& from, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    std::string text = text_of(from, key);
    if (!text.empty()) return text;
  }
  return {};
}

int int_of(const bj::object& from, std::string_view key) {
  const bj::value* value = from.if_contains(key);
  if (value == nullptr || !value->is_int64()) return 0;
  const std::int64_t number = value->get_int64();
  return number >= 0 && number <= 1'000'000 ? static_cast<int>(number) : 0;
}

class BomReader {
 public:
  explicit BomReader(const CbomSinks& sinks) : sinks_(sinks) {}

  void read(const bj::object& bom) {
    const bj::array* components = array_of(bom, "components");
    if (components == nullptr) return;
    index_references(*components, 0);
    for (std::size_t i = 0; i < components->size(); ++i) {
      index_ = i;
      component((*components)[i], 0);
    }
  }

 private:
  void index_references(const bj::array& components, int depth) {
    if (depth > kDepthMax) return;
    for (const bj::value& value : components) {
      const bj::object* one = value.if_object();
      if (one == nullptr || references_.size() > kComponentsMax) continue;
      const std::string ref = text_of(*one, "bom-ref");
      if (!ref.empty()) references_.emplace(ref, one);
      if (const bj::array* inner = array_of(*one, "components"))
        index_references(*inner, depth + 1);
    }
  }

  void component(const bj::value& value, int depth) {
    if (seen_++ == kComponentsMax) {
      sinks_.fault(index_, fmt::format("The inventory has more than {} components; the rest was "
                                       "not read.",
                                       kComponentsMax));
    }
    if (seen_ > kComponentsMax || depth > kDepthMax) return;
    const bj::object* one = value.if_object();
    if (one == nullptr) return sinks_.fault(index_, "A component is no JSON object.");
    if (const bj::object* crypto = object_of(*one, "cryptoProperties")) {
      asset(*one, *crypto);
    } else if (text_of(*one, "type") == "cryptographic-asset") {
      sinks_.fault(index_, fmt::format("The cryptographic asset \"{}\" has no cryptoProperties.",
                                       text_of(*one, "name")));
    }
    if (const bj::array* inner = array_of(*one, "components")) {
      for (const bj::value& next : *inner) component(next, depth + 1);
    }
  }

  void asset(const bj::object& one, const bj::object& crypto) {
    const std::string type = text_of(crypto, "assetType");
    FileEntry entry;
    entry.format = "CycloneDX";
    entry.label = text_of(one, "name");
    if (type == "algorithm") {
      entry.kind = "algorithm";
      put(algorithm(one, crypto), entry);
    } else if (type == "certificate") {
      entry.kind = "certificate";
      certificate(crypto, entry);
    } else if (type == "protocol") {
      return protocol(one, crypto);
    } else if (type == "related-crypto-material" || type == "relatedCryptoMaterial" ||
               type == "key") {
      if (!material(one, crypto, entry)) return;
    } else {
      return sinks_.fault(index_, fmt::format("The component \"{}\" is of the unknown kind \"{}\".",
                                              entry.label, type));
    }
    sinks_.entry(std::move(entry), index_);
  }

  static void put(const NamedAlgorithm& named, FileEntry& entry) {
    entry.algorithm = named.algorithm;
    entry.bits = named.bits;
    if (const Algorithm* row = find_by_name(named.algorithm)) entry.curve = row->curve;
  }

  // The identifier says it best, then the whole name, then the parts.
  static NamedAlgorithm algorithm(const bj::object& one, const bj::object& crypto) {
    const std::string name = text_of(one, "name");
    const std::string oid = first_text(crypto, {"oid"});
    const bj::object* found = object_of(crypto, "algorithmProperties");
    const bj::object empty;
    const bj::object& properties = found != nullptr ? *found : empty;
    const std::string set = text_of(properties, "parameterSetIdentifier");
    const std::string curve = first_text(properties, {"ellipticCurve", "curve"});
    const std::string variant = first_text(properties, {"variant", "algorithmFamily"});
    const std::string mode = text_of(properties, "mode");
    NamedAlgorithm by_parts;
    for (const std::string& family : {name, variant}) {
      if (family.empty()) continue;
      for (const std::string& form :
           {fmt::format("{}-{}", family, curve), fmt::format("{}-{}-{}", family, set, mode),
            fmt::format("{}-{}", family, set), family}) {
        by_parts = algorithm_by_loose_name(form);
        if (!by_parts.algorithm.empty()) break;
      }
      if (!by_parts.algorithm.empty()) break;
    }
    if (const Algorithm* row = oid.empty() ? nullptr : find_by_oid(oid)) {
      // "1.2.840.113549.1.1.1" says RSA, the name says how large.
      const int bits = by_parts.algorithm == row->name ? by_parts.bits : row->key_bits;
      const bool general = row->name == "EC" && !by_parts.algorithm.empty();
      if (!general) return {row->name, bits};
    }
    if (!by_parts.algorithm.empty()) return by_parts;
    if (!curve.empty()) return algorithm_by_loose_name(curve);
    return {fmt::format("unknown ({})", name), 0};
  }

  const bj::object* referenced(const std::string& ref) const {
    const auto found = references_.find(ref);
    return found == references_.end() ? nullptr : found->second;
  }

  // What a reference leads to: an algorithm, or a key that refers to one.
  NamedAlgorithm resolve(const std::string& ref, int hops) const {
    const bj::object* one = ref.empty() || hops > kReferenceHopsMax ? nullptr : referenced(ref);
    const bj::object* crypto = one != nullptr ? object_of(*one, "cryptoProperties") : nullptr;
    if (crypto == nullptr) return algorithm_by_loose_name(ref);
    if (const bj::object* key = object_of(*crypto, "relatedCryptoMaterialProperties")) {
      NamedAlgorithm named = resolve(text_of(*key, "algorithmRef"), hops + 1);
      if (named.algorithm.empty()) named = algorithm_by_loose_name(text_of(*one, "name"));
      const int size = int_of(*key, "size");
      const Algorithm* row = find_by_name(named.algorithm);
      if (size > 0 && row != nullptr && row->shor_qubits_per_key_bit > 0) named.bits = size;
      return named;
    }
    return algorithm(*one, *crypto);
  }

  void certificate(const bj::object& crypto, FileEntry& entry) const {
    const bj::object* properties = object_of(crypto, "certificateProperties");
    if (properties == nullptr) return;
    const std::string subject = text_of(*properties, "subjectName");
    if (!subject.empty()) entry.label = subject;
    const std::string signature =
        first_text(*properties, {"signatureAlgorithmRef", "certificateSignatureAlgorithm"});
    const std::string key = first_text(
        *properties, {"subjectPublicKeyRef", "subjectPublicKeyAlgorithm", "certificateAlgorithm"});
    entry.signature_algorithm = resolve(signature, 0).algorithm;
    put(resolve(key, 0), entry);
  }

  // False: nothing to judge (a nonce, a digest, a token).
  bool material(const bj::object& one, const bj::object& crypto, FileEntry& entry) const {
    const bj::object* properties = object_of(crypto, "relatedCryptoMaterialProperties");
    if (properties == nullptr) {
      sinks_.fault(index_,
                   fmt::format("The component \"{}\" does not say what it is.", entry.label));
      return false;
    }
    const std::string type = first_text(*properties, {"type", "relatedCryptoMaterialType"});
    if (type == "public-key" || type == "publicKey") {
      entry.kind = "public-key";
    } else if (type == "private-key" || type == "privateKey" || type == "key" ||
               type == "keypair") {
      entry.kind = "private-key";
    } else if (type == "secret-key" || type == "secretKey") {
      entry.kind = "secret";
    } else {
      return false;
    }
    const std::string ref = text_of(one, "bom-ref");
    NamedAlgorithm named = resolve(ref, 0);
    if (named.algorithm.empty()) named = algorithm_by_loose_name(entry.label);
    put(named, entry);
    if (entry.bits == 0) entry.bits = int_of(*properties, "size");
    return true;
  }

  // One entry a cipher suite, or one for the protocol where none is told.
  void protocol(const bj::object& one, const bj::object& crypto) const {
    const bj::object* properties = object_of(crypto, "protocolProperties");
    const std::string name = text_of(one, "name");
    const std::string version = properties != nullptr ? text_of(*properties, "version") : "";
    const std::string type = properties != nullptr ? text_of(*properties, "type") : "";
    const std::string label =
        type.empty() ? name
                     : fmt::format("{} ({} {})", name, type, version.empty() ? "?" : version);
    const bj::array* suites =
        properties != nullptr ? array_of(*properties, "cipherSuites") : nullptr;
    if (suites == nullptr && properties != nullptr)
      suites = array_of(*properties, "tlsCipherSuites");
    std::size_t told = 0;
    for (const bj::value& value : suites != nullptr ? *suites : bj::array()) {
      if (told == kSuitesMax) break;
      const bj::object* suite = value.if_object();
      const std::string suite_name = suite != nullptr ? text_of(*suite, "name")
                                     : value.is_string()
                                         ? clean_text(std::string_view(value.get_string()))
                                         : std::string();
      if (suite_name.empty()) continue;
      FileEntry entry;
      entry.kind = "protocol";
      entry.format = "CycloneDX";
      entry.label = label;
      entry.algorithm = suite_name;
      sinks_.entry(std::move(entry), index_);
      ++told;
    }
    if (told > 0) return;
    FileEntry entry;
    entry.kind = "protocol";
    entry.format = "CycloneDX";
    entry.label = label;
    sinks_.entry(std::move(entry), index_);
  }

  const CbomSinks& sinks_;
  std::unordered_map<std::string, const bj::object*> references_;
  std::size_t index_ = 0;
  std::size_t seen_ = 0;
};

}  // namespace

void read_cbom(const bj::object& bom, const CbomSinks& sinks) { BomReader(sinks).read(bom); }

}  // namespace carnet::inventory
