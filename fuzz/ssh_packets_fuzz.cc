// Any bytes as an SSH server's side of a connection: banner, packets, KEXINIT, reply and host key
// blob.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const Seen whole = read(bytes, size == 0 ? 1 : size);
  const Seen pieces = read(bytes, size == 0 ? 1 : data[size - 1] % 7 + 1);
  CARNET_CHECK(whole.banner == pieces.banner && whole.failed == pieces.failed);
  CARNET_CHECK(whole.packets == pieces.packets);
  for (const auto& packet : whole.packets) {
    CARNET_CHECK(!packet.empty());
    [[maybe_unused]] const auto init = carnet::probe::parse_kex_init(packet);
    [[maybe_unused]] const auto reason = carnet::probe::parse_disconnect(packet);
    if (const auto blob = carnet::probe::parse_kex_reply(packet)) {
      [[maybe_unused]] const auto key = carnet::probe::parse_host_key(*blob);
    }
  }
  [[maybe_unused]] const auto key = carnet::probe::parse_host_key(bytes);
  return 0;
}
