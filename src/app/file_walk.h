#pragma once
// Walks a folder for files that hold certificates or keys. Regular files alone are opened; a
// symbolic link is never followed, so nothing outside the folder is read and no loop exists.
// Bounds: depth, files, size of one file (docs/limits.md). Blocking; used by the command line only.

#include <cstdint>
#include <functional>
#include <string>

#include "base/encoding.h"
#include "base/error.h"

namespace carnet::app {

struct WalkLimits {
  int depth_max = 32;
  int files_max = 100'000;
  std::uint64_t file_bytes_max = 32ULL * 1024 * 1024;
};

struct WalkCount {
  int files = 0;          // read
  int too_large = 0;      // skipped
  int links = 0;          // symbolic links, not followed
  bool too_many = false;  // files_max was reached, the rest was not looked at
  bool too_deep = false;  // a folder below depth_max was not entered
};

// `on_file` gets the path below `root` and the bytes, which are wiped afterwards; `on_fault` what
// could not be read and why. In the order of names, so that two walks give one result. An error if
// `root` is no folder that can be read.
[[nodiscard]] Result<WalkCount> walk_files(
    const std::string& root, const WalkLimits& limits,
    const std::function<void(const std::string& path, const Bytes& bytes)>& on_file,
    const std::function<void(const std::string& path, const std::string& reason)>& on_fault);

// A whole regular file (or standard input for "-"); the error says what is wrong with it.
[[nodiscard]] Result<Bytes> read_whole_file(const std::string& path, std::uint64_t bytes_max);

}  // namespace carnet::app
