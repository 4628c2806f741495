#pragma once
// Our side of one TLS 1.3 key exchange: classical, ML-KEM alone, or a hybrid of both, with the
// order of the parts that each hybrid has (draft-ietf-tls-ecdhe-mlkem section 4, draft-ietf-tls-
// mlkem). Real keys: what comes out of agree() is what the server computed, or the handshake fails
// at its Finished. One coroutine's object; secrets wipe themselves.

#include <cstdint>
#include <optional>

#include "base/encoding.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/ecdh.h"
#include "crypto/mlkem.h"

namespace carnet::probe {

// Every group that a KeyShare can be made for, hybrids first, then ML-KEM alone, then classical.
[[nodiscard]] const std::vector<std::uint16_t>& completable_groups();
[[nodiscard]] bool is_completable(std::uint16_t group);
// False for finite-field groups, whose exchange costs both sides many milliseconds.
[[nodiscard]] bool is_cheap(std::uint16_t group);

class KeyShare {
 public:
  // nullopt for a group that is not among completable_groups().
  [[nodiscard]] static std::optional<KeyShare> generate(std::uint16_t group, Random& random);

  [[nodiscard]] std::uint16_t group() const { return group_; }
  // key_exchange of our KeyShareEntry.
  [[nodiscard]] const Bytes& share() const { return share_; }
  // The shared secret for the key schedule. kValidationFailed for a share of a wrong length or
  // form.
  [[nodiscard]] Result<Secret> agree(std::span<const std::uint8_t> server_share) const;

 private:
  explicit KeyShare(std::uint16_t group) : group_(group) {}
  std::uint16_t group_;
  std::optional<crypto::EcdhKey> classical_;
  std::optional<crypto::MlKemKeyPair> kem_;
  Bytes share_;
};

}  // namespace carnet::probe
