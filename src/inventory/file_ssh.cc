// OpenSSH's files: private keys, public keys, authorized_keys, known_hosts.
#include <fmt/format.h>

#include "base/text.h"
#include "inventory/file_internal.h"
#include "inventory/ssh_key.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kLineBytesMax = 64 * 1024;  // limit: internal
constexpr std::uint32_t kKeysInFileMax = 16;      // limit: internal; OpenSSH writes one

void take(const SshKeyFacts& facts, FileEntry& entry) {
  entry.algorithm = facts.algorithm;
  entry.bits = facts.bits;
  entry.curve = facts.curve;
  entry.fingerprint = facts.fingerprint;
}

std::string_view next_word(std::string_view& rest) {
  rest = trim_ascii(rest);
  bool quoted = false;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    if (rest[at] == '"' && (at == 0 || rest[at - 1] != '\\')) quoted = !quoted;
    if (!quoted && (rest[at] == ' ' || rest[at] == '\t')) break;
  }
  const std::string_view out = rest.substr(0, at);
  rest.remove_prefix(at);
  return out;
}

// The key if `word` is base64 of a blob that bears the type's name.
std::optional<Bytes> blob_of(std::string_view type, std::string_view word) {
  if (word.size() < 16 || type.empty()) return std::nullopt;
  auto bytes = from_base64(word);
  if (!bytes) return std::nullopt;
  ByteView rest = *bytes;
  const auto name = take_ssh_string(rest);
  if (!name || as_text(*name) != type) return std::nullopt;
  return bytes;
}

bool is_key_type(std::string_view word) {
  return word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-") ||
         word.starts_with("rsa-sha2-") || word.starts_with("mldsa-");
}

struct Line {
  std::string_view before;  // hosts or options; "" for a bare key
  std::string_view marker;  // "@revoked", "@cert-authority"
  std::string_view type;
  std::string_view key;
  std::string_view comment;
};

std::optional<Line> split_line(std::string_view text) {
  Line out;
  std::string_view rest = text;
  std::string_view word = next_word(rest);
  if (word.starts_with('@')) {
    out.marker = word;
    word = next_word(rest);
  }
  if (!is_key_type(word)) {
    out.before = word;
    word = next_word(rest);
  }
  if (!is_key_type(word)) return std::nullopt;
  out.type = word;
  out.key = next_word(rest);
  out.comment = trim_ascii(rest);
  return out;
}

// Options of authorized_keys (sshd(8)) are words without dots or with '='; hosts are names,
// patterns, addresses or hashes.
bool are_options(std::string_view before) {
  constexpr std::array<std::string_view, 13> kWords = {"restrict",
                                                       "cert-authority",
                                                       "no-pty",
                                                       "no-agent-forwarding",
                                                       "no-X11-forwarding",
                                                       "no-user-rc",
                                                       "no-port-forwarding",
                                                       "pty",
                                                       "agent-forwarding",
                                                       "X11-forwarding",
                                                       "user-rc",
                                                       "port-forwarding",
                                                       "verify-required"};
  if (before.find("=\"") != std::string_view::npos) return true;
  const std::string_view first = before.substr(0, before.find(','));
  return std::find(kWords.begin(), kWords.end(), first) != kWords.end();
}

void add_line(const Line& line, ByteView blob, Place place, FileSink& sink) {
  const auto facts = read_ssh_key(blob);
  if (!facts) return sink.error(place, "bad_ssh_key", "The key of this line cannot be read.");
  const bool host = !line.before.empty() && !are_options(line.before);
  FileEntry entry;
  entry.kind = host ? "known-host" : "public-key";
  entry.format = host ? "known_hosts" : "OpenSSH";
  entry.line = place.line;
  entry.offset = place.offset;
  if (host) {
    // HMAC-SHA-1 of the host's name under a salt: that is all there is to know.
    entry.label = line.before.starts_with("|1|") ? "(hashed host)" : clean_text(line.before);
    if (!line.marker.empty()) entry.label += fmt::format(" {}", clean_text(line.marker));
  } else {
    entry.label = clean_text(line.comment);
  }
  take(*facts, entry);
  sink.format(host ? "known_hosts" : "OpenSSH");
  sink.entry(std::move(entry));
}

// Whether a line could be one at all: decides if the file is of this kind.
bool is_ssh_line(std::string_view text) {
  const auto line = split_line(text);
  return line && blob_of(line->type, line->key).has_value();
}

template <class Each>
void for_lines(std::string_view text, Each each) {
  int number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t stop = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim_ascii(text.substr(at, stop - at));
    ++number;
    if (!line.empty() && !line.starts_with('#')) {
      if (!each(line, Place{number, static_cast<std::int64_t>(at)})) return;
    }
    at = stop + 1;
  }
}

}  // namespace

void read_ssh_blob_entry(ByteView blob, Place place, std::string_view comment, FileSink& sink) {
  const auto facts = read_ssh_key(blob);
  if (!facts) return sink.error(place, "bad_ssh_key", "This is not an SSH public key.");
  FileEntry entry;
  entry.kind = "public-key";
  entry.format = "SSH2";
  entry.line = place.line;
  entry.offset = place.offset;
  if (comment.size() >= 2 && comment.starts_with('"') && comment.ends_with('"')) {
    comment = comment.substr(1, comment.size() - 2);
  }
  entry.label = clean_text(comment);
  take(*facts, entry);
  sink.entry(std::move(entry));
}

// "openssh-key-v1" NUL, cipher, kdf, kdf options, count, public keys, private part (OpenSSH's
// PROTOCOL.key). The public keys are in the clear even if the rest is encrypted; the private part
// is not looked at.
void read_openssh_private(ByteView bytes, Place place, FileSink& sink) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  if (!as_text(bytes).starts_with(kMagic)) {
    return sink.error(place, "bad_private_key", "This is not an OpenSSH private key.");
  }
  ByteView rest = bytes.subspan(kMagic.size());
  const auto cipher = take_ssh_string(rest);
  const auto derivation = take_ssh_string(rest);
  const auto options = take_ssh_string(rest);
  if (!cipher || !derivation || !options || rest.size() < 4) {
    return sink.error(place, "bad_private_key", "The OpenSSH private key is cut short.");
  }
  const std::uint32_t count = static_cast<std::uint32_t>(rest[0]) << 24U |
                              static_cast<std::uint32_t>(rest[1]) << 16U |
                              static_cast<std::uint32_t>(rest[2]) << 8U | rest[3];
  rest = rest.subspan(4);
  if (count == 0 || count > kKeysInFileMax) {
    return sink.error(place, "bad_private_key",
                      "The OpenSSH private key holds no key or too many.");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto blob = take_ssh_string(rest);
    const auto facts = blob ? read_ssh_key(*blob) : std::nullopt;
    if (!facts) {
      return sink.error(place, "bad_private_key", "The OpenSSH private key cannot be read.");
    }
    FileEntry entry;
    entry.kind = as_text(*cipher) == "none" ? "private-key" : "encrypted-private-key";
    entry.format = "OpenSSH";
    entry.line = place.line;
    entry.offset = place.offset;
    take(*facts, entry);
    sink.entry(std::move(entry));
  }
}

bool read_ssh_lines(std::string_view text, FileSink& sink) {
  bool found = false;
  for_lines(text, [&](std::string_view line, Place) {
    found = line.size() <= kLineBytesMax && is_ssh_line(line);
    return !found;
  });
  if (!found) return false;
  for_lines(text, [&](std::string_view raw, Place place) {
    if (raw.size() > kLineBytesMax) {
      sink.error(place, "line_too_long", "The line is too long.");
      return true;
    }
    const auto line = split_line(raw);
    const auto blob = line ? blob_of(line->type, line->key) : std::nullopt;
    if (!blob) {
      sink.error(place, "bad_ssh_key", "The line is no SSH public key.");
    } else {
      add_line(*line, *blob, place, sink);
    }
    return !sink.full();
  });
  sink.format("OpenSSH");  // only bad lines
  return true;
}

}  // namespace carnet::inventory
