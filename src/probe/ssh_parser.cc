#include "probe/ssh_parser.h"

#include "base/text.h"
#include "probe/byte_reader.h"
#include "probe/ssh_host_key.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kTotalBytesMax = 256 * 1024;
constexpr std::size_t kPacketBytesMax = 64 * 1024;  // RFC 4253 section 6.1 asks for 35,000
constexpr std::size_t kLineBytesMax = 1024;         // section 4.2 allows 255 for the banner
constexpr int kLinesMax = 64;
constexpr std::size_t kNamesMax = 256;
constexpr std::size_t kNameBytesMax = 64;  // RFC 4251 section 6
constexpr std::size_t kPacketBlock = 8;

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out;
}

std::optional<std::vector<std::string>> name_list(ByteReader& in) {
  const auto text = in.vector(4);
  if (!text) return std::nullopt;
  std::vector<std::string> out;
  if (text->empty()) return out;
  for (const std::string_view name : split(as_text(*text), ',')) {
    if (out.size() == kNamesMax || name.empty() || name.size() > kNameBytesMax) return std::nullopt;
    out.push_back(printable(name));
  }
  return out;
}

}  // namespace

bool SshReader::fail(std::string why) {
  failure_ = std::move(why);
  buffer_.clear();
  return false;
}

bool SshReader::feed(std::span<const std::uint8_t> data) {
  if (failed()) return false;
  if (data.size() > kTotalBytesMax - total_) return fail("answer over 256 KiB");
  total_ += data.size();
  buffer_.insert(buffer_.end(), data.begin(), data.end());
  if (!banner_) take_lines();
  return !failed();
}

void SshReader::take_lines() {
  while (!banner_ && !failed()) {
    const auto end = std::find(buffer_.begin(), buffer_.end(), std::uint8_t{'\n'});
    if (end == buffer_.end()) {
      if (buffer_.size() > kLineBytesMax) fail("not SSH: a line over 1 KiB before the banner");
      return;
    }
    const auto length = static_cast<std::size_t>(end - buffer_.begin());
    if (length > kLineBytesMax) {
      fail("not SSH: a line over 1 KiB before the banner");
      return;
    }
    std::string line(as_text(std::span(buffer_).first(length)));
    buffer_.erase(buffer_.begin(), end + 1);
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("SSH-")) {
      banner_ = printable(line);
    } else if (++lines_ == kLinesMax) {
      fail("not SSH: no banner in 64 lines");
    }
  }
}

std::optional<Bytes> SshReader::next_packet() {
  if (failed() || !banner_) return std::nullopt;
  ByteReader in(buffer_);
  const auto length = in.number(4);
  if (!length) return std::nullopt;
  // Length covers the padding length byte, at least one byte of payload and four of padding.
  if (*length < 6 || *length > kPacketBytesMax || (*length + 4) % kPacketBlock != 0) {
    fail("malformed SSH packet length");
    return std::nullopt;
  }
  const auto body = in.take(*length);
  if (!body) return std::nullopt;
  const std::size_t padding = (*body)[0];
  if (padding < 4 || padding + 2 > body->size()) {
    fail("malformed SSH packet padding");
    return std::nullopt;
  }
  const auto payload = body->subspan(1, body->size() - 1 - padding);
  Bytes out(payload.begin(), payload.end());
  buffer_.erase(buffer_.begin(), buffer_.begin() + 4 + static_cast<std::ptrdiff_t>(*length));
  return out;
}

std::optional<SshKexInit> parse_kex_init(std::span<const std::uint8_t> payload) {
  ByteReader in(payload);
  SshKexInit out;
  if (in.u8() != kSshKexInit || !in.take(16)) return std::nullopt;
  std::vector<std::string> ignored;  // languages
  for (auto* list : {&out.kex, &out.host_keys, &out.ciphers_to_server, &out.ciphers_to_client,
                     &out.macs_to_server, &out.macs_to_client, &out.compression_to_server,
                     &out.compression_to_client, &ignored, &ignored}) {
    auto names = name_list(in);
    if (!names) return std::nullopt;
    *list = std::move(*names);
  }
  const auto follows = in.u8();
  if (!follows || !in.number(4) || !in.empty()) return std::nullopt;
  out.first_packet_follows = *follows != 0;
  return out;
}

std::optional<Bytes> parse_kex_reply(std::span<const std::uint8_t> payload, SshMessage type) {
  ByteReader in(payload);
  if (in.u8() != type) return std::nullopt;
  const auto key = in.vector(4);
  const auto share = in.vector(4);
  const auto signature = in.vector(4);
  if (!key || key->empty() || !share || !signature || !in.empty()) return std::nullopt;
  return Bytes(key->begin(), key->end());
}

std::optional<int> parse_gex_group(std::span<const std::uint8_t> payload) {
  ByteReader in(payload);
  if (in.u8() != kSshKexEcdhReply) return std::nullopt;
  const auto prime = in.vector(4);
  const auto generator = in.vector(4);
  if (!prime || !generator || !in.empty()) return std::nullopt;
  const int bits = mpint_bits(*prime);
  if (bits == 0) return std::nullopt;
  return bits;
}

std::string parse_disconnect(std::span<const std::uint8_t> payload) {
  constexpr std::size_t kReasonBytesMax = 200;
  ByteReader in(payload);
  if (in.u8() != kSshDisconnect || !in.number(4)) return {};
  const auto text = in.vector(4);
  if (!text) return {};
  return printable(as_text(*text).substr(0, kReasonBytesMax));
}

Bytes ssh_packet(std::span<const std::uint8_t> payload) {
  std::size_t padding = kPacketBlock - (payload.size() + 5) % kPacketBlock;
  if (padding < 4) padding += kPacketBlock;
  const std::size_t length = payload.size() + 1 + padding;
  Bytes out;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(length >> shift));
  out.push_back(static_cast<std::uint8_t>(padding));
  out.insert(out.end(), payload.begin(), payload.end());
  out.resize(out.size() + padding, 0);
  return out;
}

void put_ssh_string(Bytes& out, std::span<const std::uint8_t> text) {
  for (const int shift : {24, 16, 8, 0}) {
    out.push_back(static_cast<std::uint8_t>(text.size() >> shift));
  }
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace carnet::probe
