#pragma once
// What the readers of file_*.cc share. Not for other folders.

#include <string>
#include <string_view>

#include "base/encoding.h"
#include "inventory/der.h"
#include "inventory/file_reader.h"
#include "inventory/spki.h"

namespace carnet::inventory {

// Of all keys and stores in one file together: some seconds of work.
inline constexpr int kDerivationRoundsMax = 5'000'000;

// Where an entry stands in the file.
struct Place {
  int line = 0;
  std::int64_t offset = 0;
};

// Collects what is found, within the bounds of file_reader.h. What comes after the bound is counted
// by one error.
class FileSink {
 public:
  FileSink(FileReading& out, const Secret* passphrase) : out_(out), passphrase_(passphrase) {}

  void error(Place place, std::string code, std::string detail);
  void entry(FileEntry entry);
  // Reads one DER certificate; an error if it is none.
  void certificate(ByteView bytes, std::string_view format, Place place, std::string_view label);
  void finding(Finding finding) { out_.file.findings.push_back(std::move(finding)); }
  void format(std::string_view name) {
    if (out_.file.format.empty()) out_.file.format = name;
  }
  [[nodiscard]] bool full() const { return out_.file.entries.size() >= kFileEntriesMax; }
  [[nodiscard]] std::size_t entries() const { return out_.file.entries.size(); }
  [[nodiscard]] FileReading& out() { return out_; }
  [[nodiscard]] const Secret* passphrase() const { return passphrase_; }
  // Takes `rounds` of key derivation from what one file may cost; false if so many are not left.
  [[nodiscard]] bool spend(int rounds) {
    if (rounds > rounds_left_) return false;
    rounds_left_ -= rounds;
    return true;
  }

 private:
  FileReading& out_;
  const Secret* passphrase_;
  int rounds_left_ = kDerivationRoundsMax;
};

// Bytes that are wiped when they go.
class WipedBytes {
 public:
  WipedBytes() = default;
  explicit WipedBytes(Bytes bytes) : bytes_(std::move(bytes)) {}
  WipedBytes(WipedBytes&& other) noexcept = default;
  WipedBytes& operator=(WipedBytes&&) = delete;
  ~WipedBytes();
  [[nodiscard]] ByteView view() const { return bytes_; }

 private:
  Bytes bytes_;
};

// "SHA256:" and base64 without padding, as OpenSSH prints them; over a SubjectPublicKeyInfo or an
// SSH key blob.
[[nodiscard]] std::string fingerprint_of(ByteView public_part);

// ---- file_der.cc: one DER value, whatever it is
// False if it is nothing known.
bool read_der(ByteView bytes, Place place, FileSink& sink);
void read_request(ByteView bytes, Place place, FileSink& sink);
void read_revocation_list(ByteView bytes, Place place, FileSink& sink);
void read_public_key(ByteView bytes, Place place, FileSink& sink);
void read_pkcs7(ByteView bytes, Place place, FileSink& sink);

// ---- file_keys.cc
void read_pkcs8(ByteView bytes, Place place, std::string_view label, FileSink& sink);
void read_encrypted_pkcs8(ByteView bytes, Place place, std::string_view label, FileSink& sink);
// RSAPrivateKey, ECPrivateKey and DSA's of their own PEM labels.
void read_rsa_private(ByteView bytes, Place place, FileSink& sink);
void read_ec_private(ByteView bytes, Place place, FileSink& sink);
void read_dsa_private(ByteView bytes, Place place, FileSink& sink);
void read_rsa_public(ByteView bytes, Place place, FileSink& sink);
// True if deriving a key as `algorithm` says stays within what is left for this file, from which it
// is taken.
[[nodiscard]] bool may_derive(const AlgorithmId& algorithm, FileSink& sink);

// ---- file_pkcs12.cc, file_jks.cc
void read_pkcs12(ByteView bytes, Place place, FileSink& sink);
[[nodiscard]] bool looks_like_pkcs12(ByteView bytes);
[[nodiscard]] bool looks_like_jks(ByteView bytes);
void read_jks(ByteView bytes, FileSink& sink);

// ---- file_pem.cc
[[nodiscard]] bool looks_like_pem(std::string_view text);
void read_pem(std::string_view text, FileSink& sink);

// ---- file_ssh.cc
void read_openssh_private(ByteView bytes, Place place, FileSink& sink);
void read_ssh_blob_entry(ByteView blob, Place place, std::string_view comment, FileSink& sink);
// authorized_keys, known_hosts, *.pub; false if no line is one.
[[nodiscard]] bool read_ssh_lines(std::string_view text, FileSink& sink);

// ---- file_list.cc
// False if no line can be an endpoint.
[[nodiscard]] bool read_endpoint_list(std::string_view text, FileSink& sink);

// ---- file_json.cc: a key set or a CycloneDX inventory; false if it is neither
[[nodiscard]] bool read_json_file(std::string_view text, FileSink& sink);

// Byte offsets of the elements of the array that is member `member` of the outermost object.
[[nodiscard]] std::vector<std::int64_t> element_offsets(std::string_view text,
                                                        std::string_view member);

}  // namespace carnet::inventory
