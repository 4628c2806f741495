#include "probe/http_banner.h"

#include <algorithm>

#include "base/text.h"
#include "probe/tls_handshake.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kBannerCharsMax = 120;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

}  // namespace

std::string server_header(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.")) return {};
  constexpr std::string_view kName = "server:";
  while (true) {
    const std::size_t end = answer.find("\r\n");
    if (end == std::string_view::npos) return {};
    answer.remove_prefix(end + 2);
    const std::string_view line = answer.substr(0, answer.find("\r\n"));
    if (line.empty()) return {};  // the head ends here
    if (line.size() < kName.size() || to_lower_ascii(line.substr(0, kName.size())) != kName) {
      continue;
    }
    const std::string_view value = trim(line.substr(kName.size()));
    std::string out(value.substr(0, kBannerCharsMax));
    std::erase_if(out, [](char c) { return !is_printable(c); });
    return out;
  }
}

Task<std::string> ask_http_server(Wire& wire, std::uint16_t group) {
  ClientOffer offer = tls13_offer(wire, {group});
  offer.hello.alpn = {"http/1.1"};
  std::string host = wire.host();
  if (wire.server_name().empty() && wire.address().is_v4() == false) host = "[" + host + "]";
  AfterProof after;
  after.request = "HEAD / HTTP/1.1\r\nHost: " + host +
                  "\r\nUser-Agent: " + wire.services().limits.user_agent +
                  "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  const auto result = co_await shake_hands(wire, std::move(offer), std::move(after));
  co_return server_header(result.application_data);
}

}  // namespace carnet::probe
