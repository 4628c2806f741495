#include "service/share_session.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace carnet::service {
namespace {

constexpr std::size_t kEndBytes = 8;
constexpr std::size_t kHeadBytes = kEndBytes + 16;  // the end and a number used once
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kSessionChars = 75;

}  // namespace

ShareSessions::ShareSessions(const Secret& pepper)
    : key_(crypto::derive_key(pepper, "carnet share session v1")) {}

std::string ShareSessions::mac(const Subject& subject, std::string_view head) const {
  std::string text = subject.share.str();
  text += '\n';
  text += std::to_string(subject.revision);
  text += '\n';
  text += head;
  return std::string(as_text(crypto::hmac_sha256(key_, text)));
}

std::string ShareSessions::issue(const Subject& subject, Timestamp until, Random& random) const {
  std::array<std::uint8_t, kHeadBytes> head{};
  random.fill(head);
  const auto end = static_cast<std::uint64_t>(to_millis(until));
  for (std::size_t i = 0; i < kEndBytes; ++i)
    head[i] = static_cast<std::uint8_t>(end >> (8 * (kEndBytes - 1 - i)));
  std::string whole(as_text(head));
  whole += mac(subject, as_text(head));
  return to_base64url(as_bytes(whole));
}

std::optional<Timestamp> ShareSessions::check(std::string_view presented, const Subject& subject,
                                              Timestamp now) const {
  std::size_t looked_at = 0;
  for (const std::string_view text : split(presented, '.')) {
    if (++looked_at > kTogetherMax + 1) break;  // a header's and a cookie's
    if (text.size() != kSessionChars) continue;
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->size() != kHeadBytes + kMacBytes) continue;
    const std::string_view whole = as_text(*bytes);
    const std::string expected = mac(subject, whole.substr(0, kHeadBytes));
    if (!crypto::equal_constant_time(whole.substr(kHeadBytes), expected)) continue;
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < kEndBytes; ++i) end = (end << 8U) | (*bytes)[i];
    const Timestamp until = from_millis(static_cast<std::int64_t>(end));
    if (now < until) return until;
  }
  return std::nullopt;
}

std::string join_sessions(std::string_view fresh, std::string_view presented) {
  std::string out(fresh);
  std::size_t count = 1;
  for (const std::string_view text : split(presented, '.')) {
    if (count == ShareSessions::kTogetherMax) break;
    if (text.size() != kSessionChars || !from_base64url(text)) continue;
    out += '.';
    out += text;
    ++count;
  }
  return out;
}

}  // namespace carnet::service
