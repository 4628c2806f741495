#include "service/signing_keys.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/argon2.h"
#include "crypto/hash.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;
using evidence::KeyAlgorithm;
using evidence::KeySet;
using evidence::KeyUse;
using evidence::PublicKey;

constexpr std::string_view kFormat = "carnet-signing-keys";
constexpr int kVersion = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kFileBytesMax = std::size_t{4} * 1024 * 1024;  // limit: internal
// What a file may ask of us; ours asks for less.
constexpr std::int64_t kArgonMemoryKibMax = 1024 * 1024;  // limit: internal
constexpr std::int64_t kArgonPassesMax = 64;              // limit: internal
constexpr std::int64_t kArgonLanesMax = 64;               // limit: internal

tl::unexpected<Error> damaged(std::string_view what) {
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("This is not a whole signing key file: {}.", what));
}

std::string_view text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  const bj::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view{} : std::string_view(text->data(), text->size());
}

std::int64_t number_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

// The file taken apart; nothing in it is authenticated yet.
struct ParsedFile {
  KeySeal::Kind kind = KeySeal::Kind::kKeyFile;
  bj::object seal;  // how the sealing key is made
  KeySet published;
  std::string public_text;  // what the seal authenticates of it
  Bytes sealed;
};

Result<ParsedFile> parse_file(std::string_view file) {
  if (file.size() > kFileBytesMax) return damaged("it is too large");
  auto value = json::parse(file);
  if (!value || !value->is_object()) return damaged("it is not a JSON object");
  const bj::object& object = value->get_object();
  if (text_of(object, "format") != kFormat) return damaged("its format is another");
  if (number_of(object, "version") != kVersion)
    return damaged("its version is one that this release does not know");
  const bj::value* seal = object.if_contains("seal");
  const bj::value* published = object.if_contains("public");
  const auto sealed = from_base64(text_of(object, "sealed"));
  if (seal == nullptr || !seal->is_object() || published == nullptr || !sealed)
    return damaged("a part is missing");
  ParsedFile out;
  out.seal = seal->get_object();
  const std::string_view kind = text_of(out.seal, "kind");
  if (kind != "passphrase" && kind != "key-file") return damaged("its seal is of another kind");
  out.kind = kind == "passphrase" ? KeySeal::Kind::kPassphrase : KeySeal::Kind::kKeyFile;
  out.public_text = json::write_canonical(*published);
  CARNET_TRY(set, evidence::read_key_set(out.public_text));
  out.published = std::move(set);
  out.sealed = *sealed;
  return out;
}

std::string context_of(const bj::object& seal, std::string_view public_text) {
  return fmt::format("{} {}\n{}\n{}", kFormat, kVersion, json::write_canonical(seal), public_text);
}

Result<Secret> sealing_key(const KeySeal& seal, const bj::object& how) {
  if (seal.kind == KeySeal::Kind::kKeyFile)
    return crypto::derive_key(seal.secret, "carnet signing key file");
  const auto salt = from_base64(text_of(how, "salt"));
  const std::int64_t memory = number_of(how, "memoryKiB");
  const std::int64_t passes = number_of(how, "passes");
  const std::int64_t lanes = number_of(how, "lanes");
  if (!salt || salt->size() < kSaltBytes || memory <= 0 || memory > kArgonMemoryKibMax ||
      passes <= 0 || passes > kArgonPassesMax || lanes <= 0 || lanes > kArgonLanesMax)
    return damaged("the costs of its passphrase are out of range");
  return crypto::argon2id(seal.secret, *salt,
                          {.memory_kib = static_cast<std::uint32_t>(memory),
                           .passes = static_cast<std::uint32_t>(passes),
                           .lanes = static_cast<std::uint32_t>(lanes)});
}

Result<void> check_secret(const KeySeal& seal) {
  const std::size_t size = seal.secret.expose().size();
  if (seal.kind == KeySeal::Kind::kPassphrase && size < kPassphraseCharsMin)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("A passphrase has at least {} characters.", kPassphraseCharsMin));
  if (seal.kind == KeySeal::Kind::kKeyFile && size < kKeyFileSecretBytesMin)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("The file that opens the signing keys has at least {} bytes.",
                                  kKeyFileSecretBytesMin));
  return {};
}

struct Seeds {
  Secret passport_ed25519, passport_mldsa, log_ed25519, log_mldsa;
};

// One after another: all have the same length, and JSON would leave copies of them behind.
Secret pack(const Seeds& seeds) {
  std::string out;
  out.reserve(4 * crypto::kMlDsaSeedBytes);
  for (const Secret* seed :
       {&seeds.passport_ed25519, &seeds.passport_mldsa, &seeds.log_ed25519, &seeds.log_mldsa})
    out += seed->expose();
  return Secret(std::move(out));
}

Result<Seeds> unpack(const Secret& packed) {
  constexpr std::size_t kSeed = crypto::kEd25519SeedBytes;
  static_assert(crypto::kMlDsaSeedBytes == kSeed);
  const std::string_view bytes = packed.expose();
  if (bytes.size() != 4 * kSeed) return damaged("its sealed part has another length");
  const auto part = [&](std::size_t index) {
    return Secret(std::string(bytes.substr(index * kSeed, kSeed)));
  };
  return Seeds{.passport_ed25519 = part(0),
               .passport_mldsa = part(1),
               .log_ed25519 = part(2),
               .log_mldsa = part(3)};
}

Result<SigningPair> pair_of(const Secret& ed25519, const Secret& mldsa, const KeySet& published) {
  SigningPair pair;
  CARNET_TRY(classical, crypto::ed25519_from_seed(ed25519));
  CARNET_TRY(post_quantum, crypto::mldsa_from_seed(crypto::MlDsa::k65, mldsa));
  pair.ed25519 = std::move(classical);
  pair.mldsa = std::move(post_quantum);
  const PublicKey* one = published.find(pair.ed25519_keyid());
  const PublicKey* two = published.find(pair.mldsa_keyid());
  if (one == nullptr || two == nullptr || one->not_after || two->not_after)
    return damaged("its private keys are not those it publishes");
  pair.not_before = std::max(one->not_before, two->not_before);
  return pair;
}

SigningPair generate(Timestamp now, Random& random) {
  SigningPair pair;
  pair.ed25519 = crypto::ed25519_generate(random);
  pair.mldsa = crypto::mldsa_generate(crypto::MlDsa::k65, random);
  pair.not_before = now;
  return pair;
}

void publish(KeySet& set, const SigningPair& pair, KeyUse use) {
  const auto& raw = pair.ed25519.public_key;
  set.keys.push_back(evidence::public_key(KeyAlgorithm::kEd25519, use,
                                          Bytes(raw.begin(), raw.end()), pair.not_before));
  set.keys.push_back(
      evidence::public_key(KeyAlgorithm::kMlDsa65, use, pair.mldsa.public_key, pair.not_before));
}

Result<std::string> write_file(const KeySeal& seal, bj::object how, const KeySet& published,
                               const Seeds& seeds, Random& random) {
  CARNET_TRY(key, sealing_key(seal, how));
  CARNET_TRY(public_value, json::parse(evidence::key_set_json(published)));
  const std::string context = context_of(how, json::write_canonical(public_value));
  const Secret packed = pack(seeds);
  bj::object file;
  file["format"] = kFormat;
  file["version"] = kVersion;
  file["seal"] = std::move(how);
  file["public"] = std::move(public_value);
  file["sealed"] = to_base64(as_bytes(crypto::seal(key, packed.expose(), context, random)));
  return json::write_pretty(file);
}

bj::object new_seal(KeySeal::Kind kind, Random& random) {
  bj::object how;
  if (kind == KeySeal::Kind::kKeyFile) {
    how["kind"] = "key-file";
    return how;
  }
  std::array<std::uint8_t, kSaltBytes> salt{};
  random.fill(salt);
  const crypto::Argon2Cost cost;
  how["kind"] = "passphrase";
  how["kdf"] = "argon2id";
  how["memoryKiB"] = std::int64_t{cost.memory_kib};
  how["passes"] = std::int64_t{cost.passes};
  how["lanes"] = std::int64_t{cost.lanes};
  how["salt"] = to_base64(salt);
  return how;
}

Result<Seeds> unseal_seeds(const ParsedFile& parsed, const KeySeal& seal) {
  if (parsed.kind != seal.kind)
    return make_error(ErrorCode::kForbidden,
                      parsed.kind == KeySeal::Kind::kPassphrase
                          ? "The signing keys are sealed with a passphrase; name the file that "
                            "holds it with --passphrase-file."
                          : "The signing keys are sealed by a key file; name it with --key-file.");
  CARNET_TRY_VOID(check_secret(seal));
  CARNET_TRY(key, sealing_key(seal, parsed.seal));
  auto plain =
      crypto::unseal(key, as_text(parsed.sealed), context_of(parsed.seal, parsed.public_text));
  if (!plain)
    return make_error(ErrorCode::kForbidden,
                      seal.kind == KeySeal::Kind::kPassphrase
                          ? "The passphrase is wrong, or the signing key file was changed."
                          : "The key file is not the one that sealed the signing keys, or their "
                            "file was changed.");
  return unpack(Secret(std::move(*plain)));
}

}  // namespace

std::string SigningPair::ed25519_keyid() const { return evidence::keyid_of(ed25519.public_key); }
std::string SigningPair::mldsa_keyid() const { return evidence::keyid_of(mldsa.public_key); }

SigningKeysNow SigningKeys::current() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void SigningKeys::replace(SigningKeysNow next) {
  const std::lock_guard lock(mutex_);
  now_ = std::move(next);
}

Result<evidence::HybridSignature> LogSigner::sign(std::string_view message) const {
  const SigningKeysNow keys = keys_.current();
  if (!keys) return make_error(ErrorCode::kPersistenceOff, "This server has no signing keys.");
  const SigningPair& pair = keys->log;
  evidence::HybridSignature out;
  out.ed25519_key = pair.ed25519.public_key;
  out.mldsa65_key = pair.mldsa.public_key;
  CARNET_TRY(classical, crypto::ed25519_sign(pair.ed25519, as_bytes(message)));
  CARNET_TRY(post_quantum, crypto::mldsa_sign(crypto::MlDsa::k65, pair.mldsa.private_key,
                                              {.message = as_bytes(message)}, random_));
  out.ed25519 = classical;
  out.mldsa65 = std::move(post_quantum);
  return out;
}

Result<std::string> new_key_file(const KeySeal& seal, Timestamp now, Random& random) {
  CARNET_TRY_VOID(check_secret(seal));
  const SigningPair passport = generate(now, random);
  const SigningPair log = generate(now, random);
  KeySet published;
  publish(published, passport, KeyUse::kPassport);
  publish(published, log, KeyUse::kLog);
  const Seeds seeds{.passport_ed25519 = passport.ed25519.seed.clone(),
                    .passport_mldsa = passport.mldsa.seed.clone(),
                    .log_ed25519 = log.ed25519.seed.clone(),
                    .log_mldsa = log.mldsa.seed.clone()};
  return write_file(seal, new_seal(seal.kind, random), published, seeds, random);
}

Result<SigningKeysNow> open_key_file(std::string_view file, const KeySeal& seal) {
  CARNET_TRY(parsed, parse_file(file));
  CARNET_TRY(seeds, unseal_seeds(parsed, seal));
  auto snapshot = std::make_shared<SigningKeySnapshot>();
  CARNET_TRY(passport, pair_of(seeds.passport_ed25519, seeds.passport_mldsa, parsed.published));
  CARNET_TRY(log, pair_of(seeds.log_ed25519, seeds.log_mldsa, parsed.published));
  snapshot->passport = std::move(passport);
  snapshot->log = std::move(log);
  snapshot->published_json = evidence::key_set_json(parsed.published);
  snapshot->published = std::move(parsed.published);
  return SigningKeysNow(std::move(snapshot));
}

Result<KeySeal::Kind> seal_kind_of(std::string_view file) {
  CARNET_TRY(parsed, parse_file(file));
  return parsed.kind;
}

Result<KeySet> published_of(std::string_view file) {
  CARNET_TRY(parsed, parse_file(file));
  return std::move(parsed.published);
}

Result<std::string> rotate_key_file(std::string_view file, const KeySeal& seal,
                                    const Rotation& rotation, Random& random) {
  CARNET_TRY(parsed, parse_file(file));
  CARNET_TRY(seeds, unseal_seeds(parsed, seal));
  for (PublicKey& key : parsed.published.keys) {
    if (key.use != KeyUse::kPassport || key.not_after) continue;
    if (rotation.now < key.not_before)
      return make_error(ErrorCode::kConflict,
                        "The clock stands before the beginning of the keys in use; set it right "
                        "before they are rotated.");
    key.not_after = rotation.now + rotation.overlap;
  }
  const SigningPair fresh = generate(rotation.now, random);
  publish(parsed.published, fresh, KeyUse::kPassport);
  if (parsed.published.keys.size() > evidence::kKeySetKeysMax)
    return make_error(ErrorCode::kConflict,
                      "The key set is full; begin a new data directory for new keys.");
  seeds.passport_ed25519 = fresh.ed25519.seed.clone();
  seeds.passport_mldsa = fresh.mldsa.seed.clone();
  return write_file(seal, parsed.seal, parsed.published, seeds, random);
}

}  // namespace carnet::service
