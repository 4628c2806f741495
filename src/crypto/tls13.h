#pragma once
// The cryptography of a TLS 1.3 connection (RFC 8446 sections 4.4, 5.2 and 7), for a client that
// carries a handshake to the server's Finished: transcript hash, key schedule without a pre-shared
// key, Finished, and record protection. Messages, extensions and the order of things are the
// caller's. Known answers: RFC 8448. The classes hold state and are used by one thread at a time;
// the functions are thread-safe. Secrets wipe themselves.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/encoding.h"
#include "base/error.h"
#include "base/secret.h"

struct evp_md_ctx_st;
struct evp_cipher_ctx_st;

namespace carnet::crypto {

enum class Tls13Hash { kSha256, kSha384 };

// The values are the code points.
enum class Tls13Suite : std::uint16_t {
  kAes128GcmSha256 = 0x1301,
  kAes256GcmSha384 = 0x1302,
  kChacha20Poly1305Sha256 = 0x1303,
};

// nullopt for a suite that is not one of the three.
[[nodiscard]] std::optional<Tls13Suite> tls13_suite_of(std::uint16_t code_point);
[[nodiscard]] Tls13Hash hash_of(Tls13Suite suite);
[[nodiscard]] std::size_t hash_bytes_of(Tls13Hash hash);

// The running hash of all handshake messages, each with its 4-byte header and without record
// headers.
class Tls13Transcript {
 public:
  explicit Tls13Transcript(Tls13Hash hash);
  void add(std::span<const std::uint8_t> message);
  // The hash of everything so far; adding may go on.
  [[nodiscard]] Bytes digest() const;
  // Replaces what was added, the first ClientHello, by its message_hash: call this before adding a
  // HelloRetryRequest (RFC 8446 section 4.4.1).
  void restart_for_retry();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  void start();
  Tls13Hash hash_;
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

// HKDF-Extract of RFC 5869; neither input may be empty (TLS uses a hash length of zeros instead).
[[nodiscard]] Secret hkdf_extract(Tls13Hash hash, const Secret& salt, const Secret& key_material);

// RFC 8446 section 7.1. `label` goes without its "tls13 " prefix.
struct HkdfLabel {
  std::string_view label;
  std::span<const std::uint8_t> context = {};  // at most 255 bytes
  std::size_t length_bytes = 0;                // at most 255 hashes
};
[[nodiscard]] Secret hkdf_expand_label(Tls13Hash hash, const Secret& secret,
                                       const HkdfLabel& label);
// Derive-Secret, given the transcript hash of its messages.
[[nodiscard]] Secret tls13_derive_secret(Tls13Hash hash, const Secret& secret,
                                         std::string_view label,
                                         std::span<const std::uint8_t> transcript_hash);
// verify_data of a Finished message, from the sender's handshake traffic secret and the hash up to,
// not including, it. Compare with equal_constant_time().
[[nodiscard]] Bytes tls13_finished(Tls13Hash hash, const Secret& traffic_secret,
                                   std::span<const std::uint8_t> transcript_hash);

struct Tls13TrafficSecrets {
  Secret client;
  Secret server;
};

// The ladder of RFC 8446 section 7.1: construct, then handshake(), then application(), each once
// and in this order.
class Tls13KeySchedule {
 public:
  explicit Tls13KeySchedule(Tls13Hash hash);
  // `shared_secret` as the group gives it; for a hybrid the concatenation of its two.
  // `transcript_hash` of ClientHello to ServerHello.
  [[nodiscard]] Tls13TrafficSecrets handshake(const Secret& shared_secret,
                                              std::span<const std::uint8_t> transcript_hash);
  // `transcript_hash` of ClientHello to the server's Finished.
  [[nodiscard]] Tls13TrafficSecrets application(std::span<const std::uint8_t> transcript_hash);

 private:
  void advance(const Secret& key_material);
  Tls13Hash hash_;
  Secret secret_;  // early, then handshake, then master
};

// What a protected record held.
struct Tls13Inner {
  std::uint8_t content_type = 0;
  Bytes content;  // without padding
};

inline constexpr std::size_t kTls13ContentBytesMax = 1 << 14;
inline constexpr std::size_t kTls13RecordHeaderBytes = 5;
// RFC 8446 section 5.2: the inner content, its type, padding and the tag.
inline constexpr std::size_t kTls13CiphertextBytesMax = (1 << 14) + 256;

// One direction of record protection under one traffic secret. The nonce counts records, so every
// record must pass through here once and in order.
class Tls13RecordKeys {
 public:
  Tls13RecordKeys(Tls13Suite suite, const Secret& traffic_secret);

  // A whole record, header included. kValidationFailed for content above kTls13ContentBytesMax, or
  // after 2^24 records, which is where AES-GCM keys are to be renewed (RFC 8446 section 5.5); a
  // prober never comes near.
  [[nodiscard]] Result<Bytes> seal(std::uint8_t content_type,
                                   std::span<const std::uint8_t> content);
  // Takes a whole record, header included. kValidationFailed if it is not a protected record, too
  // long, not authentic, or holds nothing but padding; the count then stays where it is and the
  // connection is at its end.
  [[nodiscard]] Result<Tls13Inner> open(std::span<const std::uint8_t> record);

 private:
  static constexpr std::size_t kNonceBytes = 12;
  struct Deleter {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  [[nodiscard]] std::array<std::uint8_t, kNonceBytes> nonce() const;

  Tls13Suite suite_;
  Secret key_;
  Secret iv_;
  std::uint64_t sequence_ = 0;
  std::unique_ptr<evp_cipher_ctx_st, Deleter> context_;
};

}  // namespace carnet::crypto
