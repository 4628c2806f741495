// Preloaded into `carnet serve` by faults_test.py: lets chosen writes to files under FAULT_FOLDER
// fail, as a broken or full disk would.
//
// FAULT_FIRST   number of the first call that fails, counted from 1 over write, pwrite, ftruncate,
// fsync
//               and fdatasync
// FAULT_CALLS   how many calls fail from there on
// FAULT_WHILE   instead of both: a file; all calls fail while it exists
// FAULT_ERRNO   what they fail with
// FAULT_SHORT   1: a failing write of more than one byte puts down its first half and says so, as a
// disk
//               that fills up does

#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::atomic<long> calls{0};

bool is_ours(int fd) {
  const char* folder = std::getenv("FAULT_FOLDER");
  if (folder == nullptr) return false;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  char path[4096];
  const ssize_t length = readlink(link.c_str(), path, sizeof path - 1);
  return length > 0 && std::string(path, static_cast<std::size_t>(length)).rfind(folder, 0) == 0;
}

bool is_chosen() {
  if (const char* flag = std::getenv("FAULT_WHILE")) return access(flag, F_OK) == 0;
  const long number = ++calls;
  const long first = std::atol(std::getenv("FAULT_FIRST"));
  return number >= first && number < first + std::atol(std::getenv("FAULT_CALLS"));
}

bool fails(int fd) {
  const int kept = errno;
  const bool failing = is_ours(fd) && is_chosen();
  errno = failing ? std::atoi(std::getenv("FAULT_ERRNO")) : kept;
  return failing;
}

// How much of a failing write is written all the same.
std::size_t half(std::size_t count) {
  const char* is_short = std::getenv("FAULT_SHORT");
  return is_short != nullptr && *is_short == '1' && count > 1 ? count / 2 : 0;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using Write = ssize_t(int, const void*, std::size_t);
using WriteAt = ssize_t(int, const void*, std::size_t, off_t);
using Truncate = int(int, off_t);
using Sync = int(int);

ssize_t write_at(const char* name, int fd, const void* bytes, std::size_t count, off_t at) {
  if (!fails(fd)) return real<WriteAt>(name)(fd, bytes, count, at);
  return half(count) > 0 ? real<WriteAt>(name)(fd, bytes, half(count), at) : -1;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, std::size_t count) {
  if (!fails(fd)) return real<Write>("write")(fd, bytes, count);
  return half(count) > 0 ? real<Write>("write")(fd, bytes, half(count)) : -1;
}
ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t at) {
  return write_at("pwrite", fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void* bytes, std::size_t count, off_t at) {
  return write_at("pwrite64", fd, bytes, count, at);
}
int ftruncate(int fd, off_t size) noexcept {
  return fails(fd) ? -1 : real<Truncate>("ftruncate")(fd, size);
}
int ftruncate64(int fd, off_t size) noexcept {
  return fails(fd) ? -1 : real<Truncate>("ftruncate64")(fd, size);
}
int fsync(int fd) { return fails(fd) ? -1 : real<Sync>("fsync")(fd); }
int fdatasync(int fd) { return fails(fd) ? -1 : real<Sync>("fdatasync")(fd); }

}  // extern "C"
