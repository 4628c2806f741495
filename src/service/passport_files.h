#pragma once
// Files on their way into the store and out of it: packed with zlib where that saves something.
// Private to service/. Pure functions; packing a large file takes a while.

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "evidence/bundle.h"
#include "store/passports.h"

namespace carnet::service {

[[nodiscard]] store::PassportFileRow pack_file(std::string name, std::string media_type,
                                               std::string bytes);
// The same for a file that is written in pieces and never stands in memory whole. One thread.
class FilePacker {
 public:
  FilePacker(std::string name, std::string media_type);
  FilePacker(const FilePacker&) = delete;
  FilePacker& operator=(const FilePacker&) = delete;
  ~FilePacker();
  void add(std::string_view piece);
  [[nodiscard]] store::PassportFileRow finish();  // once

 private:
  struct Stream;
  std::string name_, media_type_;
  std::string plain_;  // what is not in the stream yet
  std::unique_ptr<Stream> stream_;
};
// The bytes as they were; kInternal if the store does not hold them whole.
// The string has `room` bytes behind them: a large one is not to be moved to grow.
[[nodiscard]] Result<std::string> unpack_file(const store::PassportFileRow& row,
                                              std::size_t room = 0);
// The same as an entry of a bundle, which a large file enters piece by piece.
[[nodiscard]] Result<evidence::BundleEntry> bundle_entry(store::PassportFileRow row);

}  // namespace carnet::service
