// PEM (RFC 7468, and the older RFC 1421 headers): any number of blocks among any other text.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "inventory/file_internal.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kSsh2Begin = "---- BEGIN SSH2 PUBLIC KEY ----";
constexpr std::string_view kSsh2End = "---- END SSH2 PUBLIC KEY ----";
constexpr std::size_t kLabelMax = 64;  // limit: internal

constexpr std::array<std::int16_t, 256> make_digits() {
  std::array<std::int16_t, 256> out{};
  for (auto& digit : out) digit = -1;
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int16_t>(i);
  }
  return out;
}
constexpr auto kDigits = make_digits();

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

// Base64 with white space anywhere; nullopt and the offset of the fault in `at`.
std::optional<Bytes> decode(std::string_view text, std::size_t& at) {
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_blank(c)) continue;
    if (c == '=') {
      if (++padding > 2) return std::nullopt;
      continue;
    }
    const int digit = kDigits[static_cast<unsigned char>(c)];
    if (digit < 0 || padding > 0) return std::nullopt;
    group = group << 6U | static_cast<std::uint32_t>(digit);
    if (++digits % 4 == 0) {
      out.push_back(static_cast<std::uint8_t>(group >> 16U));
      out.push_back(static_cast<std::uint8_t>(group >> 8U));
      out.push_back(static_cast<std::uint8_t>(group));
      group = 0;
    }
  }
  const int left = digits % 4;
  if (left == 1 || (padding > 0 && (left + padding) % 4 != 0)) return std::nullopt;
  if (left == 2) out.push_back(static_cast<std::uint8_t>(group >> 4U));
  if (left == 3) {
    out.push_back(static_cast<std::uint8_t>(group >> 10U));
    out.push_back(static_cast<std::uint8_t>(group >> 2U));
  }
  return out;
}

struct Block {
  std::string_view label;
  std::string_view body;  // between the lines
  Place place;            // of the BEGIN line
};

// Walks through the text line by line, so that each block knows its line.
class BlockFinder {
 public:
  explicit BlockFinder(std::string_view text) : text_(text) {}

  // nullopt at the end. Faults of the framing go to the sink.
  std::optional<Block> next(FileSink& sink) {
    while (auto line = next_line()) {
      const std::string_view head = trim_ascii(*line);
      if (head == kSsh2Begin) {
        return body_until("SSH2 PUBLIC KEY", kSsh2End, sink);
      }
      const std::size_t begin = head.find(kBegin);
      if (begin != 0 || !head.ends_with(kDashes)) continue;
      const std::string_view label =
          head.substr(kBegin.size(), head.size() - std::min(head.size(), kBegin.size() + 5));
      if (label.empty() || label.size() > kLabelMax) continue;
      const std::string end = fmt::format("{}{}{}", kEnd, label, kDashes);
      if (auto block = body_until(label, end, sink)) return block;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string_view> next_line() {
    if (at_ >= text_.size()) return std::nullopt;
    line_begin_ = at_;
    ++line_;
    const std::size_t stop = std::min(text_.find('\n', at_), text_.size());
    const std::string_view out = text_.substr(at_, stop - at_);
    at_ = stop + 1;
    return out;
  }

  std::optional<Block> body_until(std::string_view label, std::string_view end, FileSink& sink) {
    const Place place{line_, static_cast<std::int64_t>(line_begin_)};
    const std::size_t begin = at_;
    while (true) {
      const std::size_t resume_at = at_;
      const int resume_line = line_;
      const auto line = next_line();
      if (!line) {
        sink.error(place, "unfinished_block",
                   fmt::format("The block {} has no end line.", clean_text(label)));
        return std::nullopt;
      }
      const std::string_view trimmed = trim_ascii(*line);
      if (trimmed == end) {
        return Block{label, text_.substr(begin, line_begin_ - begin), place};
      }
      if (trimmed.starts_with(kBegin) || trimmed.starts_with(kEnd)) {
        sink.error(place, "unfinished_block",
                   fmt::format("The block {} is not ended before another line begins or ends one.",
                               clean_text(label)));
        at_ = resume_at;  // the next block is read from its own first line
        line_ = resume_line;
        if (trimmed.starts_with(kEnd)) (void)next_line();
        return std::nullopt;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 0;
};

// RFC 1421 section 4.6, RFC 4716 section 3.3: "Name: value" lines (with continuations), then the
// data.
std::string_view without_headers(std::string_view body, bool& encrypted,
                                 std::string_view& comment) {
  while (true) {
    const std::size_t stop = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, stop);
    if (line.find(": ") == std::string_view::npos) break;
    if (line.starts_with("Proc-Type:") && line.find("ENCRYPTED") != std::string_view::npos) {
      encrypted = true;
    }
    if (line.starts_with("Comment:")) comment = trim_ascii(line.substr(8));
    std::size_t next = stop;
    while (next > 0 && trim_ascii(body.substr(0, next)).ends_with('\\') && next < body.size()) {
      next = std::min(body.find('\n', next + 1), body.size());
    }
    body.remove_prefix(std::min(next + 1, body.size()));
  }
  return body;
}

void encrypted_block(const Block& block, FileSink& sink) {
  FileEntry entry;
  entry.kind = "encrypted-private-key";
  entry.format = "PEM, encrypted";
  entry.line = block.place.line;
  entry.offset = block.place.offset;
  if (block.label == "RSA PRIVATE KEY") entry.algorithm = "RSA";
  if (block.label == "DSA PRIVATE KEY") entry.algorithm = "DSA";
  if (block.label == "EC PRIVATE KEY") entry.algorithm = "EC";
  sink.entry(std::move(entry));
}

// OpenSSL's TRUSTED CERTIFICATE has its own data behind the certificate.
void trusted_certificate(ByteView bytes, Place place, FileSink& sink) {
  DerReader reader(bytes);
  const auto value = reader.next();
  sink.certificate(value ? value->whole : bytes, "PEM", place, "");
}

void read_block(const Block& block, ByteView bytes, std::string_view comment, FileSink& sink) {
  const std::string_view label = block.label;
  const Place place = block.place;
  if (label == "CERTIFICATE" || label == "X509 CERTIFICATE") {
    sink.certificate(bytes, "PEM", place, "");
  } else if (label == "TRUSTED CERTIFICATE") {
    trusted_certificate(bytes, place, sink);
  } else if (label == "CERTIFICATE REQUEST" || label == "NEW CERTIFICATE REQUEST") {
    read_request(bytes, place, sink);
  } else if (label == "X509 CRL") {
    read_revocation_list(bytes, place, sink);
  } else if (label == "PKCS7" || label == "CMS" || label == "PKCS #7 SIGNED DATA") {
    read_pkcs7(bytes, place, sink);
  } else if (label == "PUBLIC KEY") {
    read_public_key(bytes, place, sink);
  } else if (label == "RSA PUBLIC KEY") {
    read_rsa_public(bytes, place, sink);
  } else if (label == "PRIVATE KEY" || label == "ANY PRIVATE KEY") {
    read_pkcs8(bytes, place, "", sink);
  } else if (label == "ENCRYPTED PRIVATE KEY") {
    read_encrypted_pkcs8(bytes, place, "", sink);
  } else if (label == "RSA PRIVATE KEY") {
    read_rsa_private(bytes, place, sink);
  } else if (label == "EC PRIVATE KEY") {
    read_ec_private(bytes, place, sink);
  } else if (label == "DSA PRIVATE KEY") {
    read_dsa_private(bytes, place, sink);
  } else if (label == "OPENSSH PRIVATE KEY") {
    read_openssh_private(bytes, place, sink);
  } else if (label == "SSH2 PUBLIC KEY") {
    read_ssh_blob_entry(bytes, place, comment, sink);
  } else if (label == "PKCS12") {
    read_pkcs12(bytes, place, sink);
  } else if (!label.ends_with("PARAMETERS")) {  // parameters of a key that stands beside them
    sink.error(place, "unknown_block",
               fmt::format("A block {} is nothing that Carnet reads.", clean_text(label)));
  }
}

}  // namespace

bool looks_like_pem(std::string_view text) {
  return text.find(kBegin) != std::string_view::npos ||
         text.find(kSsh2Begin) != std::string_view::npos;
}

void read_pem(std::string_view text, FileSink& sink) {
  BlockFinder finder(text);
  while (!sink.full()) {
    const auto block = finder.next(sink);
    if (!block) break;
    bool encrypted = false;
    std::string_view comment;
    const std::string_view body = without_headers(block->body, encrypted, comment);
    if (encrypted) {
      encrypted_block(*block, sink);
      continue;
    }
    std::size_t fault = 0;
    auto bytes = decode(body, fault);
    if (!bytes) {
      const auto before = body.substr(0, std::min(fault, body.size()));
      const auto skipped = static_cast<std::size_t>(body.data() - text.data());
      const auto lines = std::count(
          text.begin(), text.begin() + static_cast<std::ptrdiff_t>(skipped + before.size()), '\n');
      sink.error({static_cast<int>(lines) + 1, static_cast<std::int64_t>(skipped + before.size())},
                 "bad_base64",
                 fmt::format("The block {} that begins in line {} is not base64.",
                             clean_text(block->label), block->place.line));
      continue;
    }
    const WipedBytes kept(std::move(*bytes));
    read_block(*block, kept.view(), comment, sink);
  }
}

}  // namespace carnet::inventory
