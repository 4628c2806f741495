#include "probe/recognise.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "probe/replay.h"
#include "probe/starttls.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kGreetingLookMax = 2048;
constexpr std::size_t kTextShownMax = 60;  // limit: internal

Greeting is(std::vector<Protocol> candidates) {
  return {Greeting::Kind::kProtocols, std::move(candidates), {}};
}

// Protocol::HandshakeV10 or an ERR_Packet: length, sequence 0, then 10 or 255.
bool looks_like_mysql(std::span<const std::uint8_t> data) {
  constexpr std::size_t kLengthMax = 8192;  // limit: internal
  if (data.size() < 5) return false;
  const std::size_t length = data[0] | (data[1] << 8U) | (data[2] << 16U);
  return data[3] == 0 && (data[4] == 10 || data[4] == 0xFF) && length > 4 && length <= kLengthMax;
}

bool could_become_mysql(std::span<const std::uint8_t> data) {
  return data.size() < 5 && std::find(data.begin(), data.end(), std::uint8_t{0}) != data.end();
}

std::vector<Protocol> protocols_of_code(std::string_view code, std::string_view line) {
  const std::string lower = to_lower_ascii(line);
  const auto says = [&lower](std::string_view word) {
    return lower.find(word) != std::string::npos;
  };
  if (code == "200" || code == "201") return {Protocol::kNntp};
  if (code == "220" || code == "120") {
    if (says("lmtp")) return {Protocol::kLmtp};
    if (says("ftp")) return {Protocol::kFtp, Protocol::kSmtp};
    return {Protocol::kSmtp, Protocol::kLmtp, Protocol::kFtp};
  }
  if (code == "400" || code == "502") return {Protocol::kNntp};
  if (code == "421" || code == "554") {
    if (says("ftp")) return {Protocol::kFtp};
    return {Protocol::kSmtp};
  }
  return {};
}

std::vector<Protocol> protocols_of_line(std::string_view line) {
  if (line.starts_with("* OK") || line.starts_with("* PREAUTH") || line.starts_with("* BYE")) {
    return {Protocol::kImap};
  }
  if (line.starts_with("+OK") || line.starts_with("-ERR")) return {Protocol::kPop3};
  if (line.starts_with("\"IMPLEMENTATION\"") || line.starts_with("\"SIEVE\"") ||
      line.starts_with("BYE ")) {
    return {Protocol::kSieve};
  }
  const bool code = line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3,
                                                    [](char c) { return c >= '0' && c <= '9'; });
  if (code && (line.size() == 3 || line[3] == ' ' || line[3] == '-')) {
    return protocols_of_code(line.substr(0, 3), line);
  }
  return {};
}

}  // namespace

std::optional<Greeting> classify_greeting(std::span<const std::uint8_t> data, bool complete) {
  if (data.empty()) {
    if (complete) return Greeting{};
    return std::nullopt;
  }
  if (looks_like_mysql(data)) return is({Protocol::kMysql});
  if (!complete && could_become_mysql(data)) return std::nullopt;
  const std::string_view text = as_text(data.first(std::min(data.size(), kGreetingLookMax)));
  const std::string_view first = text.substr(0, text.find('\n'));
  const bool whole_line = first.size() < text.size();
  // RFC 4253 section 4.2 lets lines of text stand before the identification.
  if (text.starts_with("SSH-") || text.find("\nSSH-") != std::string_view::npos) {
    return Greeting{Greeting::Kind::kSsh, {}, {}};
  }
  if (whole_line || complete) {
    std::string_view line = first;
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto candidates = protocols_of_line(line);
    if (!candidates.empty()) return is(std::move(candidates));
  }
  if (!complete && text.size() < kGreetingLookMax) return std::nullopt;
  return Greeting{Greeting::Kind::kUnknown, {}, printable_cut(first, kTextShownMax)};
}

std::vector<Protocol> protocols_of_answer(std::span<const std::uint8_t> data) {
  constexpr std::uint8_t kBerSequence = 0x30;
  if (!data.empty() && data.front() == '<') return {Protocol::kXmppClient, Protocol::kXmppServer};
  if (!data.empty() && data.front() == kBerSequence) return {Protocol::kLdap};
  const auto greeting = classify_greeting(data, true);
  if (greeting && greeting->kind == Greeting::Kind::kProtocols) return greeting->candidates;
  return {Protocol::kPostgresql, Protocol::kLdap, Protocol::kXmppClient, Protocol::kXmppServer};
}

Task<Greeting> listen_first(Wire& wire, std::chrono::milliseconds wait,
                            std::shared_ptr<Bytes> heard_later) {
  auto channel = co_await wire.open();
  if (!channel) co_return Greeting{Greeting::Kind::kClosed, {}, {}};
  const SteadyTime until = std::min(wire.services().clock.steady_now() + wait, channel->deadline);
  Bytes heard;
  std::array<std::uint8_t, kGreetingLookMax> buffer{};
  while (true) {
    const auto got = co_await channel->connection->read_some(buffer, until);
    const bool ended = !got || *got == 0;
    if (!ended) heard.insert(heard.end(), buffer.begin(), buffer.begin() + *got);
    const auto greeting = classify_greeting(heard, ended);
    if (!greeting) continue;
    const bool time_is_up = wire.services().clock.steady_now() >= until;
    const bool closed = ended && !time_is_up;
    if (closed && heard.empty()) co_return Greeting{Greeting::Kind::kClosed, {}, {}};
    auto whole = replaying(std::move(channel->connection), std::move(heard));
    channel->connection = remembering(std::move(whole), std::move(heard_later));
    wire.put_back(std::move(*channel));
    co_return *greeting;
  }
}

}  // namespace carnet::probe
