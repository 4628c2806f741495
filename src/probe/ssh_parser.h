#pragma once
// Reads what an SSH server sends before encryption starts: identification line, KEXINIT, and the
// reply that carries its host key. Pure: bytes in, in any chunking, packets out; no I/O, so a fuzz
// target drives it directly. One reader per connection. Bounds: 64 lines before the identification
// of 1 KiB each, 64 KiB a packet, 256 KiB in all, 256 names a list of 64 bytes each. RFC 4253
// sections 4.2, 6 and 7.1; RFC 5656 section 4; RFC 4419; OpenSSH's PROTOCOL.certkeys and
// PROTOCOL.u2f.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/encoding.h"

namespace carnet::probe {

enum SshMessage : std::uint8_t {
  kSshDisconnect = 1,
  kSshIgnore = 2,
  kSshUnimplemented = 3,
  kSshDebug = 4,
  kSshExtInfo = 7,
  kSshKexInit = 20,
  kSshNewKeys = 21,
  kSshKexEcdhInit = 30,   // KEXDH_INIT and the hybrids' init share it
  kSshKexEcdhReply = 31,  // likewise; in a group exchange it is GEX_GROUP
  kSshKexGexInit = 32,
  kSshKexGexReply = 33,
  kSshKexGexRequest = 34,
};

class SshReader {
 public:
  // False once the stream cannot be SSH; see failure(). Bytes after that are ignored.
  bool feed(std::span<const std::uint8_t> data);
  [[nodiscard]] bool failed() const { return !failure_.empty(); }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // "SSH-2.0-OpenSSH_9.2", once it is there.
  [[nodiscard]] const std::optional<std::string>& banner() const { return banner_; }
  // The next whole packet's payload (message number first); nullopt if more bytes are needed.
  [[nodiscard]] std::optional<Bytes> next_packet();

 private:
  bool fail(std::string why);
  void take_lines();

  Bytes buffer_;
  std::size_t total_ = 0;
  int lines_ = 0;
  std::optional<std::string> banner_;
  std::string failure_;
};

struct SshKexInit {
  std::vector<std::string> kex, host_keys;
  std::vector<std::string> ciphers_to_server, ciphers_to_client;
  std::vector<std::string> macs_to_server, macs_to_client;
  std::vector<std::string> compression_to_server, compression_to_client;
  bool first_packet_follows = false;
};

struct SshHostKeyBlob {
  std::string type;  // as written inside the blob
  // RSA and DSA modulus, EC field, 255/448 for EdDSA, the public key's bits for ML-DSA and its
  // hybrid; 0 for a type that is not known here.
  int bits = 0;
  // The key's own blob, which fingerprints are made of: the whole input unless it is a certificate.
  Bytes plain;
  bool known = false;  // the type is known and its fields were checked
  struct Certificate {
    bool for_host = false;
    std::uint64_t valid_after = 0, valid_before = 0;  // seconds since 1970
    Bytes signer;                                     // the authority's key blob
  };
  std::optional<Certificate> certificate;
};

// `payload` begins with the message number. nullopt: malformed.
[[nodiscard]] std::optional<SshKexInit> parse_kex_init(std::span<const std::uint8_t> payload);
// The host key blob of KEX_ECDH_REPLY, KEXDH_REPLY or, with kSshKexGexReply, of KEX_DH_GEX_REPLY.
[[nodiscard]] std::optional<Bytes> parse_kex_reply(std::span<const std::uint8_t> payload,
                                                   SshMessage type = kSshKexEcdhReply);
// The size in bits of the prime that KEX_DH_GEX_GROUP brings.
[[nodiscard]] std::optional<int> parse_gex_group(std::span<const std::uint8_t> payload);
// nullopt for a known type whose fields do not fit it.
[[nodiscard]] std::optional<SshHostKeyBlob> parse_host_key(std::span<const std::uint8_t> blob);
// The reason text of DISCONNECT, made printable.
[[nodiscard]] std::string parse_disconnect(std::span<const std::uint8_t> payload);

// Writing: the payload in an unencrypted packet (RFC 4253 section 6).
[[nodiscard]] Bytes ssh_packet(std::span<const std::uint8_t> payload);
void put_ssh_string(Bytes& out, std::span<const std::uint8_t> text);

}  // namespace carnet::probe
