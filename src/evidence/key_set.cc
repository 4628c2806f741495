#include "evidence/key_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "crypto/mldsa.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

constexpr std::string_view kSchema = "urn:carnet:schema:keys:1";

// AlgorithmIdentifier and the head of the BIT STRING, in DER: RFC 8410 section 4 (id-Ed25519) and
// RFC 9881 section 4 (id-ml-dsa-65, 2.16.840.1.101.3.4.3.18). The raw key follows.
constexpr std::string_view kEd25519SpkiHead = "302a300506032b6570032100";
constexpr std::string_view kMlDsa65SpkiHead = "308207b2300b0609608648016503040312038207a100";

std::string_view spki_head(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEd25519:
      return kEd25519SpkiHead;
    case KeyAlgorithm::kMlDsa65:
      return kMlDsa65SpkiHead;
  }
}

std::size_t raw_size(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEd25519:
      return crypto::Ed25519PublicKey{}.size();
    case KeyAlgorithm::kMlDsa65:
      return crypto::sizes_of(crypto::MlDsa::k65).public_key;
  }
}

tl::unexpected<Error> bad(std::string detail) {
  return make_error(ErrorCode::kValidationFailed, "The key set is no use: " + detail);
}

std::string_view text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  const bj::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view{} : std::string_view(text->data(), text->size());
}

template <class Word>
std::optional<Word> word_of(std::string_view text, std::initializer_list<Word> words) {
  for (const Word word : words)
    if (to_string(word) == text) return word;
  return std::nullopt;
}

Result<void> read_validity(const bj::object& object, PublicKey& key) {
  const auto begin = parse_rfc3339(text_of(object, "notBefore"));
  if (!begin) return bad("the key " + key.keyid + " has no notBefore that is a time.");
  key.not_before = *begin;
  const bj::value* end = object.if_contains("notAfter");
  if (end == nullptr || end->is_null()) return {};
  key.not_after = parse_rfc3339(text_of(object, "notAfter"));
  if (!key.not_after) return bad("the notAfter of the key " + key.keyid + " is not a time.");
  if (*key.not_after < key.not_before)
    return bad("the key " + key.keyid + " ends before it begins.");
  return {};
}

// nullopt: of a kind that this release does not know.
Result<std::optional<PublicKey>> read_key(const bj::object& object) {
  const auto algorithm =
      word_of(text_of(object, "algorithm"), {KeyAlgorithm::kEd25519, KeyAlgorithm::kMlDsa65});
  const auto use = word_of(text_of(object, "use"), {KeyUse::kPassport, KeyUse::kLog});
  if (!algorithm || !use) return std::optional<PublicKey>{};
  PublicKey key;
  key.algorithm = *algorithm;
  key.use = *use;
  key.keyid = text_of(object, "keyid");
  const auto raw = from_base64(text_of(object, "publicKey"));
  if (!raw || raw->size() != raw_size(*algorithm))
    return bad(fmt::format("publicKey of the key {} is not base64 of the {} bytes of {}.",
                           key.keyid, raw_size(*algorithm), to_string(*algorithm)));
  key.public_key = *raw;
  if (keyid_of(key.public_key) != key.keyid)
    return bad(fmt::format("the key id {} is not the SHA-256 of its key.", key.keyid));
  if (object.contains("spki") && from_base64(text_of(object, "spki")) != spki_of(key))
    return bad(fmt::format("publicKey and spki of {} are two different keys.", key.keyid));
  CARNET_TRY_VOID(read_validity(object, key));
  return std::optional<PublicKey>(std::move(key));
}

bj::object key_json(const PublicKey& key) {
  bj::object json;
  json["keyid"] = key.keyid;
  json["use"] = to_string(key.use);
  json["algorithm"] = to_string(key.algorithm);
  json["publicKey"] = to_base64(key.public_key);
  json["spki"] = to_base64(spki_of(key));
  json["notBefore"] = to_rfc3339(key.not_before);
  json["notAfter"] = key.not_after ? bj::value(to_rfc3339(*key.not_after)) : bj::value(nullptr);
  return json;
}

}  // namespace

std::string_view to_string(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEd25519:
      return "Ed25519";
    case KeyAlgorithm::kMlDsa65:
      return "ML-DSA-65";
  }
}

std::string_view to_string(KeyUse use) {
  switch (use) {
    case KeyUse::kPassport:
      return "passport";
    case KeyUse::kLog:
      return "log";
  }
}

std::string keyid_of(std::span<const std::uint8_t> public_key) {
  return to_hex(crypto::sha256(public_key));
}

PublicKey public_key(KeyAlgorithm algorithm, KeyUse use, Bytes raw, Timestamp not_before) {
  return {.keyid = keyid_of(raw),
          .algorithm = algorithm,
          .use = use,
          .public_key = std::move(raw),
          .not_before = not_before,
          .not_after = {}};
}

Bytes spki_of(const PublicKey& key) {
  Bytes out = from_hex(spki_head(key.algorithm)).value_or(Bytes{});
  out.insert(out.end(), key.public_key.begin(), key.public_key.end());
  return out;
}

const PublicKey* KeySet::find(std::string_view keyid) const {
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const PublicKey& key) { return key.keyid == keyid; });
  return found == keys.end() ? nullptr : &*found;
}

std::string key_set_json(const KeySet& set) {
  bj::array keys;
  for (const PublicKey& key : set.keys) keys.push_back(key_json(key));
  bj::object json;
  json["schema"] = kSchema;
  json["keys"] = std::move(keys);
  return json::write_pretty(json);
}

Result<KeySet> read_key_set(std::string_view text) {
  if (text.size() > kKeySetBytesMax)
    return bad(fmt::format("it has more than {} bytes.", kKeySetBytesMax));
  const auto value = json::parse(text);
  if (!value) return bad("it is not JSON. " + value.error().public_detail);
  const bj::object* object = value->if_object();
  if (object == nullptr || text_of(*object, "schema") != kSchema)
    return bad(fmt::format("it is not a document of the schema {}.", kSchema));
  const bj::value* member = object->if_contains("keys");
  const bj::array* keys = member == nullptr ? nullptr : member->if_array();
  if (keys == nullptr) return bad("it has no list of keys.");
  if (keys->size() > kKeySetKeysMax)
    return bad(fmt::format("it has more than {} keys.", kKeySetKeysMax));
  KeySet set;
  for (const bj::value& entry : *keys) {
    if (!entry.is_object()) return bad("an entry of keys is not an object.");
    CARNET_TRY(key, read_key(entry.get_object()));
    if (!key) continue;
    if (set.find(key->keyid) != nullptr) return bad("it has the key " + key->keyid + " twice.");
    set.keys.push_back(std::move(*key));
  }
  return set;
}

}  // namespace carnet::evidence
