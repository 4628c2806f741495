#include "app/file_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace carnet::app {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string reason_of(int error) { return std::strerror(error); }

Result<Bytes> read_descriptor(int fd, std::uint64_t bytes_max) {
  Bytes out;
  std::array<std::uint8_t, 65536> block{};
  while (true) {
    const ssize_t got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return make_error(ErrorCode::kUnavailable, reason_of(errno));
    if (got == 0) break;
    if (out.size() + static_cast<std::size_t>(got) > bytes_max) {
      return make_error(ErrorCode::kPayloadTooLarge,
                        fmt::format("it is larger than {} MiB", bytes_max >> 20U));
    }
    out.insert(out.end(), block.begin(), block.begin() + got);
  }
  OPENSSL_cleanse(block.data(), block.size());
  return out;
}

class Walk {
 public:
  Walk(const WalkLimits& limits,
       const std::function<void(const std::string&, const Bytes&)>& on_file,
       const std::function<void(const std::string&, const std::string&)>& on_fault)
      : limits_(limits), on_file_(on_file), on_fault_(on_fault) {}

  void folder(Descriptor fd, const std::string& path, int depth) {
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(fd.get()), &::closedir);
    if (!list) return on_fault_(path, reason_of(errno));
    fd.release();  // closedir closes it
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(list.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    const int here = ::dirfd(list.get());
    for (const std::string& name : names) {
      if (count.too_many) return;
      one(here, name, path.empty() ? name : path + "/" + name, depth);
    }
  }

  WalkCount count;

 private:
  void one(int folder_fd, const std::string& name, const std::string& path, int depth) {
    struct stat about{};
    if (::fstatat(folder_fd, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
      return on_fault_(path, reason_of(errno));
    }
    if (S_ISLNK(about.st_mode)) {
      ++count.links;
    } else if (S_ISDIR(about.st_mode)) {
      if (depth == limits_.depth_max) {
        count.too_deep = true;
        return;
      }
      Descriptor next(
          ::openat(folder_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (next.get() < 0) return on_fault_(path, reason_of(errno));
      folder(Descriptor(next.release()), path, depth + 1);
    } else if (S_ISREG(about.st_mode)) {
      file(folder_fd, name, path, static_cast<std::uint64_t>(about.st_size));
    }
  }

  void file(int folder_fd, const std::string& name, const std::string& path, std::uint64_t size) {
    if (size == 0) return;
    if (size > limits_.file_bytes_max) {
      ++count.too_large;
      return;
    }
    if (count.files == limits_.files_max) {
      count.too_many = true;
      return;
    }
    ++count.files;
    // Between the look and the opening the name may have become something else.
    const Descriptor fd(::openat(folder_fd, name.c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat about{};
    if (fd.get() < 0 || ::fstat(fd.get(), &about) != 0) return on_fault_(path, reason_of(errno));
    if (!S_ISREG(about.st_mode)) return;
    auto bytes = read_descriptor(fd.get(), limits_.file_bytes_max);
    if (!bytes) return on_fault_(path, bytes.error().public_detail);
    on_file_(path, *bytes);
    OPENSSL_cleanse(bytes->data(), bytes->size());
  }

  const WalkLimits& limits_;
  const std::function<void(const std::string&, const Bytes&)>& on_file_;
  const std::function<void(const std::string&, const std::string&)>& on_fault_;
};

}  // namespace

Result<WalkCount> walk_files(
    const std::string& root, const WalkLimits& limits,
    const std::function<void(const std::string&, const Bytes&)>& on_file,
    const std::function<void(const std::string&, const std::string&)>& on_fault) {
  // The folder itself may be named by a link: whoever typed it meant what it leads to.
  Descriptor fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) {
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("cannot read the folder {}: {}", root, reason_of(errno)));
  }
  Walk walk(limits, on_file, on_fault);
  walk.folder(Descriptor(fd.release()), "", 0);
  return walk.count;
}

Result<Bytes> read_whole_file(const std::string& path, std::uint64_t bytes_max) {
  if (path == "-") return read_descriptor(STDIN_FILENO, bytes_max);
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  if (fd.get() < 0) {
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("cannot read {}: {}", path, reason_of(errno)));
  }
  auto bytes = read_descriptor(fd.get(), bytes_max);
  if (bytes) return bytes;
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("cannot read {}: {}", path, bytes.error().public_detail));
}

}  // namespace carnet::app
