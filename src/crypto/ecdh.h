#pragma once
// One side of an ephemeral key agreement, with the encodings of TLS 1.3 key shares (RFC 8446
// section 4.2.8, RFC 7919, RFC 8734) and of SSH: X25519, X448, the NIST and brainpool curves as
// uncompressed points, and the finite-field groups. All from OpenSSL's EVP, which also draws the
// private keys from its generator, seeded by the system. A key is used by one thread at a time; it
// wipes itself.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/encoding.h"
#include "base/error.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace carnet::crypto {

enum class EcdhGroup {
  kX25519,
  kX448,
  kP256,
  kP384,
  kP521,
  kBrainpoolP256,
  kBrainpoolP384,
  kBrainpoolP512,
  kFfdhe2048,
  kFfdhe3072,
  kFfdhe4096,
  kFfdhe6144,
  kFfdhe8192,
};

// "X25519", "P-256", "ffdhe2048".
[[nodiscard]] std::string_view name_of(EcdhGroup group);
// Bytes of a public share: a point with its leading 04, a Montgomery u-coordinate, or a padded
// group element.
[[nodiscard]] std::size_t share_bytes_of(EcdhGroup group);
// The group of a TLS NamedGroup code point (0x001D and its kin); nullopt for those that are not
// here.
[[nodiscard]] std::optional<EcdhGroup> ecdh_group_of_tls(std::uint16_t code_point);

class EcdhKey {
 public:
  EcdhKey(EcdhKey&& other) noexcept;
  EcdhKey& operator=(EcdhKey&& other) noexcept;
  EcdhKey(const EcdhKey&) = delete;
  EcdhKey& operator=(const EcdhKey&) = delete;
  ~EcdhKey();

  [[nodiscard]] static EcdhKey generate(EcdhGroup group);
  // A known private key: the scalar's bytes as in RFC 7748 (X25519, X448) or big-endian (NIST
  // curves). kValidationFailed if it is not one of the group; finite-field groups are not taken.
  [[nodiscard]] static Result<EcdhKey> from_private(EcdhGroup group, const Secret& scalar);

  [[nodiscard]] EcdhGroup group() const { return group_; }
  // Our public share, share_bytes_of(group()) long.
  [[nodiscard]] Bytes share() const;
  // The shared secret: the u-coordinate, the x-coordinate, or the group element padded to the
  // prime's length (RFC 8446 section 7.4). kValidationFailed for a share of a wrong form, off the
  // curve or of small order (all-zero result).
  [[nodiscard]] Result<Secret> agree(std::span<const std::uint8_t> peer_share) const;

 private:
  struct KeyDeleter {
    void operator()(evp_pkey_st* key) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, KeyDeleter>;
  EcdhKey(EcdhGroup group, Key key) : group_(group), key_(std::move(key)) {}

  EcdhGroup group_;
  Key key_;
};

}  // namespace carnet::crypto
