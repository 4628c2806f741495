#pragma once
// Files that only their owner may read, written whole and waited for until they are on disk, and
// folders that are prepared beside their place. For shell commands and start-up; blocks.

#include <cerrno>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace carnet::app {

// An open file, closed with the object.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// "Cannot WHAT PATH: REASON."; without a reason it is that of errno.
[[nodiscard]] tl::unexpected<Error> cannot(std::string_view what, std::string_view path,
                                           std::string_view reason);
[[nodiscard]] tl::unexpected<Error> cannot(std::string_view what, std::string_view path);

// From where the file stands, at most `size` bytes; fewer if it ends before.
[[nodiscard]] Result<std::string> read_bytes(int fd, const std::string& path, std::size_t size);
[[nodiscard]] Result<void> write_all(int fd, const std::string& path, std::string_view bytes);
// Waits until a file's or a folder's contents are on disk.
[[nodiscard]] Result<void> sync_path(const std::string& path);
// The folder that a path stands in: "a/b" → "a", "b" → ".".
[[nodiscard]] std::string folder_of(const std::string& path);
// Writes a new file of mode 0600 and waits until it is on disk; nothing is left of one that failed.
[[nodiscard]] Result<void> write_new_file(const std::string& path, std::string_view bytes);

// A new folder of mode 0700 beside its final place, removed with the object unless it was moved
// there. Nobody else takes it for a leftover: it is locked (flock) until then.
class StagingFolder {
 public:
  // "PLACE.WHAT-HEX". Leftovers of runs that were killed are removed. kUnavailable if the folder
  // of `place` does not exist or cannot be written.
  [[nodiscard]] static Result<StagingFolder> create(const std::string& place, std::string_view what,
                                                    Random& random);
  StagingFolder(StagingFolder&& other) noexcept;
  StagingFolder& operator=(StagingFolder&&) = delete;
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  ~StagingFolder();
  [[nodiscard]] const std::string& path() const { return path_; }
  // Moves it to its place, which is not there or an empty folder, and waits until that is on disk.
  [[nodiscard]] Result<void> move_into_place();

 private:
  StagingFolder(std::string place, std::string path, Descriptor lock)
      : place_(std::move(place)), path_(std::move(path)), lock_(std::move(lock)) {}
  std::string place_, path_;
  Descriptor lock_;
};

}  // namespace carnet::app
