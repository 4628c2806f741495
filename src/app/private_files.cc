#include "app/private_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "base/encoding.h"

namespace carnet::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSuffixBytes = 6;

// Folders that a run which was killed has left: nobody holds their lock.
void remove_leftovers(const fs::path& folder, std::string_view prefix) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 2 * kSuffixBytes) continue;
    const Descriptor found(
        ::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (found.get() >= 0 && ::flock(found.get(), LOCK_EX | LOCK_NB) == 0)
      fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = other.release();
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

tl::unexpected<Error> cannot(std::string_view what, std::string_view path,
                             std::string_view reason) {
  return make_error(ErrorCode::kUnavailable, fmt::format("Cannot {} {}: {}.", what, path, reason));
}

tl::unexpected<Error> cannot(std::string_view what, std::string_view path) {
  return cannot(what, path, std::strerror(errno));
}

Result<std::string> read_bytes(int fd, const std::string& path, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0) return cannot("read", path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> write_all(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_path(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) return cannot("write", path);
  return {};
}

std::string folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return cannot("create", path);
  auto written = write_all(file.get(), path, bytes);
  if (written && ::fsync(file.get()) != 0) written = cannot("write", path);
  if (!written) ::unlink(path.c_str());
  return written;
}

Result<StagingFolder> StagingFolder::create(const std::string& place, std::string_view what,
                                            Random& random) {
  std::error_code ignored;
  const std::string parent = folder_of(place);
  if (!fs::is_directory(parent, ignored))
    return cannot("create", place, "its parent directory does not exist");
  const std::string prefix = fmt::format("{}.{}-", place, what);
  remove_leftovers(parent, fs::path(prefix).filename().string());
  std::array<std::uint8_t, kSuffixBytes> suffix{};
  random.fill(suffix);
  const std::string path = prefix + to_hex(suffix);
  if (::mkdir(path.c_str(), 0700) != 0) return cannot("create", path);
  Descriptor lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  StagingFolder made(place, path, std::move(lock));
  if (made.lock_.get() < 0 || ::flock(made.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return cannot("lock", path);
  return made;
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept
    : place_(std::move(other.place_)),
      path_(std::move(other.path_)),
      lock_(std::move(other.lock_)) {
  other.path_.clear();
}

StagingFolder::~StagingFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<void> StagingFolder::move_into_place() {
  CARNET_TRY_VOID(sync_path(path_));
  if (::rename(path_.c_str(), place_.c_str()) != 0) return cannot("create", place_);
  path_.clear();
  return sync_path(folder_of(place_));
}

}  // namespace carnet::app
