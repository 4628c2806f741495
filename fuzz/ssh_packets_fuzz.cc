// Any bytes as an SSH server's side of a connection: banner, packets, KEXINIT, group, reply and
// host key blob; and what is made of them.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "probe/ssh_findings.h"
#include "probe/ssh_kex.h"
#include "probe/ssh_parser.h"

namespace {

struct Seen {
  std::optional<std::string> banner;
  std::vector<carnet::Bytes> packets;
  bool failed = false;
};

Seen read(std::span<const std::uint8_t> bytes, std::size_t chunk) {
  carnet::probe::SshReader reader;
  Seen out;
  for (std::size_t at = 0; at < bytes.size() && !reader.failed(); at += chunk) {
    reader.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
    while (auto packet = reader.next_packet()) out.packets.push_back(std::move(*packet));
  }
  out.banner = reader.banner();
  out.failed = reader.failed();
  return out;
}

void use_host_key(std::span<const std::uint8_t> blob) {
  const auto key = carnet::probe::parse_host_key(blob);
  if (!key) return;
  CARNET_CHECK(key->bits >= 0 && !key->plain.empty());
  carnet::inventory::SshObservation ssh;
  carnet::probe::judge_ssh_certificate(*key, carnet::Timestamp{}, ssh);
  // The key inside a certificate is a key of its own, and no certificate.
  if (!key->certificate) return;
  const auto inside = carnet::probe::parse_host_key(key->plain);
  CARNET_CHECK(inside && !inside->certificate && inside->bits == key->bits);
}

void use_kex_init(std::span<const std::uint8_t> packet) {
  const auto init = carnet::probe::parse_kex_init(packet);
  if (!init) return;
  carnet::inventory::SshObservation ssh;
  carnet::probe::judge_ssh_lists(*init, ssh);
  CARNET_CHECK(ssh.post_quantum_kex.size() <= ssh.kex.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const Seen whole = read(bytes, size == 0 ? 1 : size);
  const Seen pieces = read(bytes, size == 0 ? 1 : data[size - 1] % 7 + 1);
  CARNET_CHECK(whole.banner == pieces.banner && whole.failed == pieces.failed);
  CARNET_CHECK(whole.packets == pieces.packets);
  for (const auto& packet : whole.packets) {
    CARNET_CHECK(!packet.empty());
    use_kex_init(packet);
    [[maybe_unused]] const auto reason = carnet::probe::parse_disconnect(packet);
    const auto group = carnet::probe::parse_gex_group(packet);
    CARNET_CHECK(!group || *group > 0);
    if (const auto blob = carnet::probe::parse_kex_reply(packet)) use_host_key(*blob);
    const auto late = carnet::probe::parse_kex_reply(packet, carnet::probe::kSshKexGexReply);
    if (late) use_host_key(*late);
  }
  use_host_key(bytes);
  return 0;
}
