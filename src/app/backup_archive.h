#pragma once
// The container of a backup: a tar archive (POSIX ustar, plain files only) packed with gzip, in a
// sealed_file.h. Without a passphrase `tar xzf` opens it. Parts are written and read in order, one
// thread each.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/sealed_file.h"
#include "base/clock.h"
#include "base/error.h"

struct z_stream_s;

namespace carnet::app {

class ArchiveWriter {
 public:
  // `modified` is the time of every part.
  ArchiveWriter(std::unique_ptr<SealedFileWriter> file, Timestamp modified);
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;
  ~ArchiveWriter();
  // `name` has at most 99 bytes.
  [[nodiscard]] Result<void> add(std::string_view name, std::string_view bytes);
  // Ends the archive and gives the file its name.
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] std::uint64_t bytes_written() const { return file_->bytes_written(); }

 private:
  [[nodiscard]] Result<void> pack(std::string_view bytes, bool last);

  std::unique_ptr<SealedFileWriter> file_;
  std::unique_ptr<z_stream_s> stream_;
  Timestamp modified_;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(std::unique_ptr<SealedFileReader> file);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;
  ~ArchiveReader();

  struct Part {
    std::string name;
    std::uint64_t size = 0;
  };
  // The next part, nullopt at the end of the archive; the one before must have been read to its
  // end. kValidationFailed for what is no whole archive of this form.
  [[nodiscard]] Result<std::optional<Part>> next();
  // The next bytes of the part, "" at its end; valid until the next call.
  [[nodiscard]] Result<std::string_view> read();

 private:
  [[nodiscard]] Result<std::string_view> unpack(std::size_t most);
  [[nodiscard]] Result<std::string> take(std::size_t size);
  [[nodiscard]] Result<void> expect_end();

  std::unique_ptr<SealedFileReader> file_;
  std::unique_ptr<z_stream_s> stream_;
  std::string packed_, plain_;
  std::size_t plain_used_ = 0;
  bool packed_ended_ = false;  // gzip's end was reached
  std::uint64_t left_ = 0;     // of the part
  std::uint64_t padding_ = 0;
};

}  // namespace carnet::app
