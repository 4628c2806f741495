#include "inventory/file_reader.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "inventory/file_internal.h"
#include "inventory/x509.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {

WipedBytes::~WipedBytes() {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::string fingerprint_of(ByteView public_part) {
  std::string text = to_base64(crypto::sha256(public_part));
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

void FileSink::error(Place place, std::string code, std::string detail) {
  auto& errors = out_.file.errors;
  if (errors.size() >= kFileErrorsMax) return;
  if (errors.size() + 1 == kFileErrorsMax) {
    code = "too_many_errors";
    detail = "More entries could not be read; they are not listed.";
  }
  errors.push_back({.line = place.line,
                    .offset = place.offset,
                    .code = std::move(code),
                    .detail = std::move(detail)});
}

void FileSink::entry(FileEntry entry) {
  if (!full()) return out_.file.entries.push_back(std::move(entry));
  const auto& errors = out_.file.errors;
  if (errors.empty() || errors.back().code != "too_many_entries") {
    error({entry.line, entry.offset}, "too_many_entries",
          fmt::format("The file has more than {} entries; from here on they were not read.",
                      kFileEntriesMax));
  }
}

void FileSink::certificate(ByteView bytes, std::string_view format, Place place,
                           std::string_view label) {
  auto parsed = parse_certificate(bytes);
  if (!parsed) return error(place, "bad_certificate", parsed.error().public_detail);
  auto& certificates = out_.file.certificates;
  FileEntry found;
  found.kind = "certificate";
  found.format = format;
  found.line = place.line;
  found.offset = place.offset;
  found.label = label.empty() ? parsed->subject : clean_text(label);
  found.algorithm = parsed->key_algorithm;
  found.bits = parsed->key_bits;
  found.curve = parsed->curve;
  found.signature_algorithm = parsed->signature_algorithm;
  if (const auto hash = from_hex(parsed->spki_sha256)) {
    std::string text = to_base64(*hash);
    while (text.ends_with('=')) text.pop_back();
    found.fingerprint = "SHA256:" + text;
  }
  if (!full()) {
    found.certificate = static_cast<int>(certificates.size());
    parsed->chain = found.certificate;  // each stands for itself: a file's order means nothing
    certificates.push_back(std::move(*parsed));
  }
  entry(std::move(found));
}

namespace {

constexpr std::size_t kSniffBytes = 4096;  // limit: internal

bool looks_like_text(std::string_view bytes) {
  for (const char c : bytes.substr(0, kSniffBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0 || (byte < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f')) {
      return false;
    }
  }
  return true;
}

// A certificate or key pasted without its PEM lines.
std::optional<Bytes> bare_base64(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    packed += c;
  }
  if (packed.size() < 64 || !packed.starts_with("MI")) return std::nullopt;
  return from_base64(packed);
}

bool read_binary(ByteView bytes, FileSink& sink) {
  if (looks_like_jks(bytes)) {
    read_jks(bytes, sink);
    return true;
  }
  if (as_text(bytes).starts_with(std::string_view("openssh-key-v1\0", 15))) {
    sink.format("OpenSSH");
    read_openssh_private(bytes, {}, sink);
    return true;
  }
  // Values one after the other, as `cat *.der` makes them.
  DerReader reader(bytes);
  std::int64_t offset = 0;
  bool known = false;
  while (!reader.empty() && !sink.full()) {
    const auto value = reader.next();
    if (!value || value->tag != der::kSequence || !read_der(value->whole, {0, offset}, sink)) {
      if (known) {
        sink.error({0, offset}, "unrecognised", "From here on the file is nothing known.");
      }
      break;
    }
    known = true;
    offset += static_cast<std::int64_t>(value->whole.size());
  }
  if (known) sink.format("DER");
  return known;
}

bool read_text(std::string_view text, FileSink& sink) {
  if (looks_like_pem(text)) {
    sink.format("PEM");
    read_pem(text, sink);
    return true;
  }
  const std::string_view trimmed = trim_ascii(text);
  if (trimmed.starts_with('{') || trimmed.starts_with('[')) return read_json_file(text, sink);
  if (const auto bytes = bare_base64(text)) {
    const WipedBytes kept(*bytes);
    return read_binary(kept.view(), sink);
  }
  return read_ssh_lines(text, sink) || read_endpoint_list(text, sink);
}

// What a file is whose first bytes say it, but whose rest cannot be read.
std::string refusal(std::string_view text) {
  if (text.empty()) return "The file is empty.";
  if (text.find("-----BEGIN PGP") != std::string_view::npos) {
    return "This is an OpenPGP file, which Carnet does not read.";
  }
  if (text.starts_with('\x30')) {
    return "This begins like a certificate or key in DER, but it is cut short or is nothing known.";
  }
  return "This is none of the kinds that Carnet reads: PEM, DER, PKCS #7, PKCS #12, JKS, OpenSSH, "
         "known_hosts, JWKS, CycloneDX or a list of endpoints.";
}

}  // namespace

Result<FileReading> read_file(const FileInput& input) {
  if (input.bytes.size() > kFileBytesMax) {
    return make_error(ErrorCode::kPayloadTooLarge,
                      fmt::format("The file is larger than {} MiB.", kFileBytesMax >> 20U));
  }
  FileReading out;
  out.file.name = clean_text(input.name);
  out.file.bytes = static_cast<std::int64_t>(input.bytes.size());
  FileSink sink(out, input.passphrase);
  std::string_view text = as_text(input.bytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  const bool known = looks_like_text(text) || looks_like_pem(text.substr(0, kSniffBytes))
                         ? read_text(text, sink)
                         : read_binary(input.bytes, sink);
  if (known) return out;
  return make_error(ErrorCode::kValidationFailed, refusal(text));
}

std::optional<Endpoint> file_endpoint(const FileReading& reading) {
  const bool list_only =
      reading.file.format == "CSV" && reading.file.entries.empty() && reading.file.errors.empty();
  if (list_only) return std::nullopt;
  Endpoint out;
  out.host = reading.file.name;
  out.protocol = "file";
  out.reached = true;
  out.file = reading.file;
  out.jwks = reading.jwks;
  return out;
}

}  // namespace carnet::inventory
