#include "probe/tls_flight.h"

#include <algorithm>

#include "probe/byte_reader.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kMessageBytesMax = 128 * 1024;
constexpr std::size_t kCertificatesMax = 32;
constexpr std::size_t kExtensionsMax = 64;
constexpr std::size_t kGroupsMax = 256;
constexpr int kMessagesMax = 32;
constexpr std::size_t kHeaderBytes = 4;

enum MessageType : std::uint8_t {
  kNewSessionTicket = 4,
  kEncryptedExtensions = 8,
  kCertificateMessage = 11,
  kCertificateRequest = 13,
  kCertificateVerifyMessage = 15,
  kFinishedMessage = 20,
  kKeyUpdate = 24,
};

enum Extension : std::uint16_t { kStatusRequest = 5, kSupportedGroups = 10, kAlpn = 16 };

// Calls `each(type, value)` for every extension of a list; false if the list is malformed, holds
// one twice, or `each` says so.
template <class Each>
bool for_each_extension(std::span<const std::uint8_t> list, const Each& each) {
  ByteReader in(list);
  std::vector<std::uint16_t> seen;
  while (!in.empty()) {
    const auto type = in.u16();
    const auto value = in.vector(2);
    if (!type || !value || seen.size() == kExtensionsMax) return false;
    if (std::find(seen.begin(), seen.end(), *type) != seen.end()) return false;
    seen.push_back(*type);
    if (!each(*type, ByteReader(*value))) return false;
  }
  return true;
}

bool read_alpn(ByteReader value, std::string& out) {
  const auto list = value.vector(2);
  if (!list || !value.empty()) return false;
  ByteReader names(*list);
  const auto name = names.vector(1);
  if (!name || name->empty() || !names.empty()) return false;
  out = std::string(as_text(*name));
  return true;
}

bool read_groups(ByteReader value, std::vector<std::uint16_t>& out) {
  const auto list = value.vector(2);
  if (!list || !value.empty() || list->size() % 2 != 0 || list->size() / 2 > kGroupsMax) {
    return false;
  }
  ByteReader groups(*list);
  while (const auto group = groups.u16()) out.push_back(*group);
  return true;
}

}  // namespace

bool MessageBuffer::add(std::span<const std::uint8_t> piece) {
  if (at_ > 0) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  if (taken_ > kMessagesMax) return false;
  pending_.insert(pending_.end(), piece.begin(), piece.end());
  const auto size = next_size();
  return !size || *size <= kHeaderBytes + kMessageBytesMax;
}

std::optional<std::size_t> MessageBuffer::next_size() const {
  if (pending_.size() - at_ < kHeaderBytes) return std::nullopt;
  const std::uint8_t* head = pending_.data() + at_;
  return kHeaderBytes + (static_cast<std::size_t>(head[1]) << 16 |
                         static_cast<std::size_t>(head[2]) << 8 | head[3]);
}

std::optional<HandshakeMessage> MessageBuffer::next() {
  const auto size = next_size();
  if (!size || pending_.size() - at_ < *size || taken_ > kMessagesMax) return std::nullopt;
  const auto begin = pending_.begin() + static_cast<std::ptrdiff_t>(at_);
  HandshakeMessage out{*begin, Bytes(begin, begin + static_cast<std::ptrdiff_t>(*size))};
  at_ += *size;
  ++taken_;
  return out;
}

bool FlightReader::fail(std::string why) {
  failure_ = std::move(why);
  return false;
}

bool FlightReader::take(const HandshakeMessage& message) {
  const auto unexpected = [&] {
    return fail("unexpected handshake message " + std::to_string(message.type));
  };
  switch (step_) {
    case Step::kEncryptedExtensions:
      if (message.type != kEncryptedExtensions) return unexpected();
      if (!take_extensions(message.body())) return fail("malformed EncryptedExtensions");
      step_ = Step::kCertificate;
      return true;
    case Step::kCertificate:
      if (message.type == kCertificateRequest && !facts_.client_certificate_requested) {
        return take_request(message.body()) || fail("malformed CertificateRequest");
      }
      if (message.type != kCertificateMessage) return unexpected();
      if (!take_certificate(message.body())) return fail("malformed Certificate");
      step_ = Step::kCertificateVerify;
      return true;
    case Step::kCertificateVerify:
      if (message.type != kCertificateVerifyMessage) return unexpected();
      if (!take_verify(message.body())) return fail("malformed CertificateVerify");
      step_ = Step::kFinished;
      return true;
    case Step::kFinished:
      if (message.type != kFinishedMessage) return unexpected();
      facts_.finished.assign(message.body().begin(), message.body().end());
      step_ = Step::kDone;
      return true;
    case Step::kDone:
      return take_post_handshake(message) || unexpected();
  }
}

bool FlightReader::take_extensions(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto list = in.vector(2);
  if (!list || !in.empty()) return false;
  return for_each_extension(*list, [this](std::uint16_t type, ByteReader value) {
    if (type == kAlpn) return read_alpn(value, facts_.alpn);
    if (type == kSupportedGroups) return read_groups(value, facts_.groups);
    return true;
  });
}

bool FlightReader::take_request(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto context = in.vector(1);
  const auto extensions = in.vector(2);
  if (!context || !extensions || !in.empty()) return false;
  facts_.client_certificate_requested = true;
  facts_.certificate_request_context.assign(context->begin(), context->end());
  return for_each_extension(*extensions, [](std::uint16_t, ByteReader) { return true; });
}

bool FlightReader::take_certificate(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto context = in.vector(1);
  const auto list = in.vector(3);
  // Only a client's certificate has a context, and a server must have one (section 4.4.2).
  if (!context || !context->empty() || !list || list->empty() || !in.empty()) return false;
  ByteReader entries(*list);
  while (!entries.empty()) {
    const auto der = entries.vector(3);
    const auto extensions = entries.vector(2);
    if (!der || der->empty() || !extensions) return false;
    if (facts_.chain.size() == kCertificatesMax) return false;
    if (!take_entry_extensions(*extensions)) return false;
    facts_.chain.emplace_back(der->begin(), der->end());
  }
  return true;
}

bool FlightReader::take_entry_extensions(std::span<const std::uint8_t> list) {
  return for_each_extension(list, [this](std::uint16_t type, ByteReader value) {
    if (type != kStatusRequest) return true;
    constexpr std::uint8_t kOcsp = 1;
    const auto kind = value.u8();
    const auto response = value.vector(3);
    if (!kind || *kind != kOcsp || !response || response->empty()) return false;
    if (facts_.chain.empty()) facts_.ocsp_stapled = true;  // the leaf's
    return true;
  });
}

bool FlightReader::take_verify(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  facts_.signature_scheme = in.u16();
  const auto signature = in.vector(2);
  if (!facts_.signature_scheme || !signature || !in.empty()) return false;
  facts_.signature.assign(signature->begin(), signature->end());
  return true;
}

bool FlightReader::take_post_handshake(const HandshakeMessage& message) {
  if (message.type == kNewSessionTicket) {
    ++facts_.session_tickets;
    return true;
  }
  return message.type == kKeyUpdate && message.body().size() == 1;
}

}  // namespace carnet::probe
