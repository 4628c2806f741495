#pragma once
// A file that is there whole or not at all, of mode 0600, and sealed with a passphrase where one is
// given. Written and read in order; both classes block and belong to one thread.
//
// The sealed form is a line "carnet-sealed 1", a line of JSON with the salt and the costs of
// Argon2id (RFC 9106), and frames: four bytes of length (big-endian) and AES-256-GCM over up to
// 1 MiB (hash.h). Each frame authenticates the two lines, its number and whether it is the last, so
// that none can be changed, moved, left out or cut off.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/private_files.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::app {

inline constexpr std::size_t kSealPassphraseCharsMin = 12;

class SealedFileWriter {
 public:
  // kConflict if the file is there. Until commit() it has no name (where the file system allows
  // that), so that nothing is left of a process that was killed.
  [[nodiscard]] static Result<std::unique_ptr<SealedFileWriter>> create(
      const std::string& path, const std::optional<Secret>& passphrase, Random& random);
  SealedFileWriter(const SealedFileWriter&) = delete;
  SealedFileWriter& operator=(const SealedFileWriter&) = delete;
  ~SealedFileWriter();

  [[nodiscard]] Result<void> add(std::string_view bytes);
  // Waits until it is on disk and gives it its name; kConflict if that was taken meanwhile.
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] std::uint64_t bytes_written() const { return written_; }

 private:
  SealedFileWriter(std::string path, Random& random) : path_(std::move(path)), random_(random) {}
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> write_head(const Secret& passphrase);
  [[nodiscard]] Result<void> write_frame(bool last);
  [[nodiscard]] Result<void> write(std::string_view bytes);

  std::string path_;
  Random& random_;
  Descriptor file_;
  std::string temporary_;  // its name until commit(); "" if it has none
  std::optional<Secret> key_;
  std::string head_;
  std::string frame_;
  std::uint64_t frames_ = 0;
  std::uint64_t written_ = 0;
};

class SealedFileReader {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SealedFileReader>> open(const std::string& path);
  [[nodiscard]] bool sealed() const { return sealed_; }
  // Before read() where it is sealed. kForbidden, at the first read, if it is the wrong one.
  [[nodiscard]] Result<void> unseal(const Secret& passphrase);
  // The next bytes, "" at the end; valid until the next call. kValidationFailed if it was cut off
  // or changed.
  [[nodiscard]] Result<std::string_view> read();

 private:
  explicit SealedFileReader(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Result<void> read_head();
  // Up to `size` bytes; fewer at the end of the file only.
  [[nodiscard]] Result<std::string> take(std::size_t size);
  [[nodiscard]] Result<std::string_view> read_frame();

  std::string path_;
  Descriptor file_;
  bool sealed_ = false;
  bool ended_ = false;
  std::string head_, how_;
  std::optional<Secret> key_;
  std::string begun_;  // read while looking for the head
  std::string piece_;
  std::uint64_t frames_ = 0;
};

}  // namespace carnet::app
