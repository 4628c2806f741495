#include "store/sqlite_file_guard.h"

#include <sys/stat.h>

#include <chrono>

#include "store/sqlite_error.h"

namespace carnet::store {
namespace {

constexpr std::chrono::nanoseconds kLookInterval = std::chrono::milliseconds(100);

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::unique_ptr<SqliteFileGuard>> SqliteFileGuard::create(const std::string& path) {
  std::array<Identity, 3> files{{{.path = path}, {.path = path + "-wal"}, {.path = path + "-shm"}}};
  for (Identity& file : files) {
    struct stat info{};
    if (::stat(file.path.c_str(), &info) != 0) return tl::unexpected(database_moved());
    file.device = info.st_dev;
    file.inode = info.st_ino;
  }
  return std::make_unique<SqliteFileGuard>(std::move(files));
}

bool SqliteFileGuard::check() {
  bool in_place = true;
  for (const Identity& file : files_) {
    struct stat info{};
    if (::stat(file.path.c_str(), &info) != 0 || info.st_dev != file.device ||
        info.st_ino != file.inode)
      in_place = false;
  }
  in_place_.store(in_place, std::memory_order_relaxed);
  next_look_ns_.store(steady_ns() + kLookInterval.count(), std::memory_order_relaxed);
  return in_place;
}

bool SqliteFileGuard::check_sometimes() {
  if (steady_ns() < next_look_ns_.load(std::memory_order_relaxed))
    return in_place_.load(std::memory_order_relaxed);
  return check();
}

}  // namespace carnet::store
