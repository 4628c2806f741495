#include "probe/ssh_kex.h"

#include <array>

#include "base/check.h"
#include "crypto/ecdh.h"

namespace carnet::probe {
namespace {

constexpr std::array<std::string_view, 20> kUsable{
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
    "mlkem768-sha256",
    "mlkem1024-sha384",
    "mlkem512-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
};

constexpr std::array<std::string_view, 21> kOffered{
    "mlkem768x25519-sha256",
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem1024-sha384",
    "mlkem768-sha256",
    "mlkem512-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "curve448-sha512",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
};

void append_random(Bytes& out, std::size_t count, Random& random) {
  const std::size_t before = out.size();
  out.resize(before + count);
  random.fill(std::span(out).subspan(before));
}

// A polynomial vector of zeros passes FIPS 203's modulus check (section 7.2); the seed is 32 bytes.
void append_mlkem_key(Bytes& out, std::size_t rank, Random& random) {
  out.resize(out.size() + 384 * rank, 0);
  append_random(out, 32, random);
}

void append_point(Bytes& out, crypto::EcdhGroup group) {
  const Bytes share = crypto::EcdhKey::generate(group).share();
  out.insert(out.end(), share.begin(), share.end());
}

// A positive number of `bytes` bytes below 2^(8 bytes - 1), so that no zero is put before it.
Bytes dh_value(std::size_t bytes, Random& random) {
  Bytes out;
  append_random(out, bytes, random);
  out[0] = static_cast<std::uint8_t>((out[0] & 0x3FU) | 0x40U);
  return out;
}

std::size_t dh_group_bytes(std::string_view kex) {
  if (kex.starts_with("diffie-hellman-group1-")) return 128;
  if (kex.starts_with("diffie-hellman-group14-")) return 256;
  if (kex.starts_with("diffie-hellman-group16-")) return 512;
  if (kex.starts_with("diffie-hellman-group18-")) return 1024;
  return 0;
}

// The post-quantum part goes first, the classical one behind it (draft-ietf-sshm-mlkem-hybrid-kex,
// draft-ietf-sshm-ntruprime-ssh).
Bytes share_of(std::string_view kex, Random& random) {
  constexpr std::size_t kSntrup761KeyBytes = 1158;
  constexpr std::size_t kX25519Bytes = 32;  // any 32 bytes are a share
  if (const std::size_t bytes = dh_group_bytes(kex)) return dh_value(bytes, random);
  Bytes out;
  if (kex.starts_with("mlkem512")) append_mlkem_key(out, 2, random);
  if (kex.starts_with("mlkem768")) append_mlkem_key(out, 3, random);
  if (kex.starts_with("mlkem1024")) append_mlkem_key(out, 4, random);
  if (kex.starts_with("sntrup761")) out.resize(kSntrup761KeyBytes, 0);
  if (kex.find("25519") != std::string_view::npos) append_random(out, kX25519Bytes, random);
  if (kex.find("nistp256") != std::string_view::npos) append_point(out, crypto::EcdhGroup::kP256);
  if (kex.find("nistp384") != std::string_view::npos) append_point(out, crypto::EcdhGroup::kP384);
  if (kex.find("nistp521") != std::string_view::npos) append_point(out, crypto::EcdhGroup::kP521);
  CARNET_CHECK(!out.empty());
  return out;
}

void put_number(Bytes& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

}  // namespace

std::string_view ssh_identification() { return "SSH-2.0-Carnet_" CARNET_VERSION "\r\n"; }

std::span<const std::string_view> usable_ssh_kex() { return kUsable; }
std::span<const std::string_view> offered_ssh_kex() { return kOffered; }

bool is_group_exchange(std::string_view kex) {
  return kex.starts_with("diffie-hellman-group-exchange-");
}

Bytes ssh_kex_init(std::string_view kex, std::string_view host_key, const SshKexInit& server,
                   Random& random) {
  const auto first_of = [](const std::vector<std::string>& list) {
    return list.empty() ? std::string("none") : list.front();
  };
  Bytes out{kSshKexInit};
  append_random(out, 16, random);
  put_ssh_string(out, as_bytes(kex));
  put_ssh_string(out, as_bytes(host_key));
  put_ssh_string(out, as_bytes(first_of(server.ciphers_to_server)));
  put_ssh_string(out, as_bytes(first_of(server.ciphers_to_client)));
  put_ssh_string(out, as_bytes(first_of(server.macs_to_server)));
  put_ssh_string(out, as_bytes(first_of(server.macs_to_client)));
  put_ssh_string(out, as_bytes(first_of(server.compression_to_server)));
  put_ssh_string(out, as_bytes(first_of(server.compression_to_client)));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, {});  // languages
  out.insert(out.end(), 5, 0);                          // no guessed packet, reserved
  return out;
}

Bytes ssh_kex_share(std::string_view kex, Random& random) {
  Bytes out{kSshKexEcdhInit};
  put_ssh_string(out, share_of(kex, random));
  return out;
}

Bytes ssh_gex_request() {
  Bytes out{kSshKexGexRequest};
  for (const std::uint32_t bits : {1024U, 2048U, 8192U}) put_number(out, bits);
  return out;
}

Bytes ssh_gex_init(int prime_bits, Random& random) {
  CARNET_CHECK(prime_bits >= 16);
  Bytes out{kSshKexGexInit};
  // A whole byte shorter than the prime, hence below it.
  put_ssh_string(out, dh_value(static_cast<std::size_t>(prime_bits - 1) / 8, random));
  return out;
}

}  // namespace carnet::probe
