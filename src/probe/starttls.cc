#include "probe/starttls.h"

#include <algorithm>

#include "probe/starttls_dialogues.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kDialogueBytesMax = 64 * 1024;
constexpr int kUnitsMax = 512;
constexpr std::size_t kGreetingBytesMax = 200;
constexpr std::size_t kAnswerTextMax = 120;  // limit: internal

}  // namespace

std::string printable_cut(std::string_view text, std::size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out;
}

void StarttlsDialogue::feed(std::span<const std::uint8_t> data) {
  if (state_ == State::kReady) {
    early_bytes_ += data.size();
    return;
  }
  if (state_ != State::kTalking) return;
  buffer_.insert(buffer_.end(), data.begin(), data.end());
  std::size_t at = 0;
  while (state_ == State::kTalking) {
    const auto rest = std::span<const std::uint8_t>(buffer_).subspan(at);
    const std::size_t used = consume(rest);
    if (used == 0) {
      if (state_ == State::kTalking && rest.size() > kUnitBytesMax) {
        fail("the server's answer has a line over 8 KiB");
      }
      break;
    }
    at += used;
    taken_ += used;
    if (state_ != State::kTalking) break;
    if (++units_ > kUnitsMax || taken_ > kDialogueBytesMax) {
      fail("the server talks on without an end");
    }
  }
  if (state_ == State::kReady) early_bytes_ += buffer_.size() - at;
  if (state_ != State::kTalking) at = buffer_.size();
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
}

Bytes StarttlsDialogue::take_output() { return std::exchange(output_, {}); }

void StarttlsDialogue::send(std::string_view text) { send(as_bytes(text)); }

void StarttlsDialogue::send(std::span<const std::uint8_t> data) {
  output_.insert(output_.end(), data.begin(), data.end());
}

void StarttlsDialogue::greet(std::string_view line) {
  if (greeting_.empty()) greeting_ = printable_cut(line, kGreetingBytesMax);
}

void StarttlsDialogue::not_offered(std::string detail, std::string_view farewell) {
  recognise();
  send(farewell);
  settle(State::kNotOffered, std::move(detail));
}

void StarttlsDialogue::refused(std::string_view answer, std::string_view farewell) {
  recognise();
  send(farewell);
  settle(State::kRefused, "the server answers \"" + printable_cut(answer, kAnswerTextMax) + "\"");
}

void StarttlsDialogue::fail(std::string detail) { settle(State::kFailed, std::move(detail)); }

void StarttlsDialogue::settle(State state, std::string detail) {
  state_ = state;
  detail_ = std::move(detail);
}

std::size_t LineDialogue::consume(std::span<const std::uint8_t> buffer) {
  if (skip_ > 0) return buffer.size() < skip_ ? 0 : std::exchange(skip_, 0);
  // One byte more than a line may have: the same verdict however the bytes arrive.
  const auto window = buffer.first(std::min(buffer.size(), kUnitBytesMax + 1));
  const auto begin = window.begin() + static_cast<std::ptrdiff_t>(searched_);
  const auto end = std::find(begin, window.end(), std::uint8_t{'\n'});
  searched_ = window.size();
  if (end == window.end()) return 0;
  searched_ = 0;
  const auto length = static_cast<std::size_t>(end - window.begin());
  std::string_view line = as_text(window.first(length));
  if (line.ends_with('\r')) line.remove_suffix(1);
  take_line(line);
  return length + 1;
}

std::unique_ptr<StarttlsDialogue> make_starttls_dialogue(Protocol protocol,
                                                         std::string_view domain) {
  switch (protocol) {
    case Protocol::kSmtp:
      return make_smtp_dialogue(false);
    case Protocol::kLmtp:
      return make_smtp_dialogue(true);
    case Protocol::kImap:
      return make_imap_dialogue();
    case Protocol::kPop3:
      return make_pop3_dialogue();
    case Protocol::kSieve:
      return make_sieve_dialogue();
    case Protocol::kFtp:
      return make_ftp_dialogue();
    case Protocol::kNntp:
      return make_nntp_dialogue();
    case Protocol::kXmppClient:
      return make_xmpp_dialogue(domain, false);
    case Protocol::kXmppServer:
      return make_xmpp_dialogue(domain, true);
    case Protocol::kLdap:
      return make_ldap_dialogue();
    case Protocol::kPostgresql:
      return make_postgresql_dialogue();
    case Protocol::kMysql:
      return make_mysql_dialogue();
  }
  return nullptr;
}

}  // namespace carnet::probe
