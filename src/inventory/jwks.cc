#include "inventory/jwks.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "inventory/der.h"
#include "inventory/registry.h"
#include "inventory/x509.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

constexpr std::size_t kChainMax = 10;
constexpr std::array<std::string_view, 8> kPrivateMembers = {"d",  "p",  "q",   "dp",
                                                             "dq", "qi", "oth", "priv"};

std::string_view raw(const bj::object& key, std::string_view member) {
  const bj::value* value = key.if_contains(member);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view{};
}

std::string shown(const bj::object& key, std::string_view member) {
  return clean_text(raw(key, member));
}

// Base64url, with the padding that some servers leave on.
std::optional<Bytes> decoded(const bj::object& key, std::string_view member) {
  std::string_view text = raw(key, member);
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  return from_base64url(text);
}

std::string describe(const JwksKey& key, std::size_t index) {
  return key.kid.empty() ? fmt::format("Key {}", index + 1)
                         : fmt::format("The key \"{}\"", key.kid);
}

// RFC 7638 section 3.2: the required members, in order, without white space.
std::string thumbprint(const bj::object& key, std::initializer_list<std::string_view> members) {
  std::string text = "{";
  for (const std::string_view member : members) {
    const std::string_view value = raw(key, member);
    if (value.empty()) return {};
    if (text.size() > 1) text += ',';
    json::append_string(text, member);
    text += ':';
    json::append_string(text, value);
  }
  text += '}';
  return to_base64url(crypto::sha256(text));
}

class KeyReader {
 public:
  KeyReader(JwksObservation& out, const std::function<void(std::size_t, std::string)>& fault)
      : out_(out), fault_(fault) {}

  void read(const bj::object& key, std::size_t index) {
    index_ = index;
    JwksKey found;
    found.kid = shown(key, "kid");
    found.kty = shown(key, "kty");
    found.alg = shown(key, "alg");
    found.crv = shown(key, "crv");
    found.use = shown(key, "use");
    who_ = describe(found, index);
    if (found.kty.empty()) return fault_(index, who_ + " has no \"kty\", so it cannot be told.");
    if (found.kty == "RSA") {
      rsa(key, found);
    } else if (found.kty == "EC" || found.kty == "OKP") {
      curve(key, found);
    } else if (found.kty == "AKP") {
      post_quantum(key, found);
    } else if (found.kty == "oct") {
      found.algorithm = "oct";
      finding("symmetric_key_published", "critical",
              who_ + " is a symmetric secret (\"oct\"): everyone who can read the set has it.");
    } else {
      fault_(index, fmt::format("{} is of the unknown type {}.", who_, found.kty));
    }
    private_members(key);
    certificates(key, found);
    out_.keys.push_back(std::move(found));
  }

 private:
  void finding(std::string_view code, std::string_view severity, std::string detail) {
    out_.findings.push_back({.code = std::string(code),
                             .severity = std::string(severity),
                             .detail = std::move(detail)});
  }

  void name(std::string_view jose, JwksKey& found) {
    const Algorithm* row = find_by_jose(jose);
    if (row == nullptr) return;
    found.algorithm = row->name;
    if (found.bits == 0) found.bits = row->key_bits;
  }

  void rsa(const bj::object& key, JwksKey& found) {
    const auto modulus = decoded(key, "n");
    name("RSA", found);
    // An unsigned number: its first byte may have its top bit set.
    if (modulus) {
      Bytes number{0};
      number.insert(number.end(), modulus->begin(), modulus->end());
      found.bits = integer_bits(number);
    }
    found.thumbprint = thumbprint(key, {"e", "kty", "n"});
    if (found.bits == 0) fault_(index_, who_ + " has no readable modulus \"n\".");
    const auto exponent = decoded(key, "e");
    if (exponent && exponent->size() == 1 && (*exponent)[0] <= 1) {
      finding("rsa_exponent_too_small", "critical", who_ + " has an exponent below 2.");
    }
  }

  void curve(const bj::object& key, JwksKey& found) {
    name(raw(key, "crv"), found);
    const bool ec = found.kty == "EC";
    found.thumbprint =
        ec ? thumbprint(key, {"crv", "kty", "x", "y"}) : thumbprint(key, {"crv", "kty", "x"});
    if (found.algorithm.empty()) {
      fault_(index_, fmt::format("{} is on the unknown curve \"{}\".", who_, found.crv));
    }
    const auto x = decoded(key, "x");
    const auto field = static_cast<std::size_t>((found.bits + 7) / 8);
    if (!x || (ec && field > 0 && x->size() != field)) {
      finding("malformed_key", "high", who_ + " has no \"x\" of its curve's size.");
    }
  }

  void post_quantum(const bj::object& key, JwksKey& found) {
    name(raw(key, "alg"), found);
    found.thumbprint = thumbprint(key, {"alg", "kty", "pub"});
    const Algorithm* row = find_by_jose(raw(key, "alg"));
    if (row == nullptr) {
      return fault_(index_, fmt::format("{} has the unknown algorithm \"{}\".", who_, found.alg));
    }
    const auto public_key = decoded(key, "pub");
    if (!public_key) return fault_(index_, who_ + " has no readable \"pub\".");
    const auto expected = static_cast<std::size_t>(row->public_key_bytes);
    if (expected > 0 && public_key->size() != expected) {
      finding("key_size_mismatch", "high",
              fmt::format("{} has {} bytes where {} has {}.", who_, public_key->size(), row->name,
                          expected));
    }
  }

  void private_members(const bj::object& key) {
    for (const std::string_view member : kPrivateMembers) {
      if (!key.contains(member)) continue;
      return finding("private_key_published", "critical",
                     who_ + " comes with its private part: everyone who can read the set has it.");
    }
  }

  void certificates(const bj::object& key, JwksKey& found) {
    const bj::value* chain = key.if_contains("x5c");
    if (chain == nullptr) return;
    if (!chain->is_array()) return fault_(index_, who_ + " has an \"x5c\" that is no array.");
    for (const bj::value& entry : chain->get_array()) {
      if (found.certificates.size() == kChainMax) break;
      const auto bytes = entry.is_string() ? from_base64(entry.get_string()) : std::nullopt;
      auto certificate = bytes ? parse_certificate(*bytes)
                               : Result<Certificate>(make_error(ErrorCode::kValidationFailed, ""));
      if (!certificate) {
        fault_(index_, who_ + " has an \"x5c\" entry that is no certificate.");
        continue;
      }
      certificate->position = static_cast<int>(found.certificates.size());
      found.certificates.push_back(std::move(*certificate));
    }
  }

  JwksObservation& out_;
  const std::function<void(std::size_t, std::string)>& fault_;
  std::size_t index_ = 0;
  std::string who_;
};

}  // namespace

bool is_jwks(const bj::value& value) {
  if (!value.is_object()) return false;
  const bj::value* keys = value.get_object().if_contains("keys");
  if (keys != nullptr) return keys->is_array();
  const bj::value* type = value.get_object().if_contains("kty");
  return type != nullptr && type->is_string();
}

JwksObservation read_jwks(const bj::value& value,
                          const std::function<void(std::size_t, std::string)>& fault) {
  JwksObservation out;
  if (!is_jwks(value)) return out;
  const bj::object& set = value.get_object();
  KeyReader reader(out, fault);
  const bj::value* keys = set.if_contains("keys");
  if (keys == nullptr) {
    reader.read(set, 0);
    return out;
  }
  std::size_t index = 0;
  for (const bj::value& key : keys->get_array()) {
    if (index == kJwksKeysMax) {
      fault(index,
            fmt::format("The set has more than {} keys; the rest was not read.", kJwksKeysMax));
      break;
    }
    if (key.is_object()) {
      reader.read(key.get_object(), index);
    } else {
      fault(index, fmt::format("Key {} is no JSON object.", index + 1));
    }
    ++index;
  }
  return out;
}

}  // namespace carnet::inventory
