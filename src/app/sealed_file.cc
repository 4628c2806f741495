#include "app/sealed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/argon2.h"
#include "crypto/hash.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kMagic = "carnet-sealed 1\n";
constexpr std::size_t kFrameBytes = std::size_t{1024} * 1024;
constexpr std::size_t kSealedFrameBytesMax = kFrameBytes + 64;  // limit: internal
constexpr std::size_t kHeadBytesMax = 1024;                     // limit: internal
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kLengthBytes = 4;
// What a file may ask of us; ours asks for less.
constexpr std::int64_t kMemoryKibMax = 1024 * 1024;  // limit: internal
constexpr std::int64_t kPassesMax = 64;              // limit: internal
constexpr std::int64_t kLanesMax = 64;               // limit: internal

std::string context_of(std::string_view head, std::uint64_t number, bool last) {
  return fmt::format("{}frame {}{}", head, number, last ? " last" : "");
}

std::int64_t number_of(const bj::object& object, const char* name) {
  const bj::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

tl::unexpected<Error> damaged(const std::string& path, std::string_view what) {
  return make_error(ErrorCode::kValidationFailed, fmt::format("{} is damaged: {}.", path, what));
}

tl::unexpected<Error> exists(const std::string& path) {
  return make_error(ErrorCode::kConflict,
                    fmt::format("{} exists; nothing was changed. Choose another name.", path));
}

Result<Secret> key_from(const Secret& passphrase, std::string_view how) {
  const auto value = json::parse(how);
  if (!value || !value->is_object()) return make_error(ErrorCode::kValidationFailed, "");
  const bj::object& object = value->get_object();
  const bj::value* text = object.if_contains("salt");
  const auto salt = text != nullptr && text->is_string()
                        ? from_base64(std::string_view(text->get_string()))
                        : std::nullopt;
  const std::int64_t memory = number_of(object, "memoryKiB");
  const std::int64_t passes = number_of(object, "passes");
  const std::int64_t lanes = number_of(object, "lanes");
  if (!salt || salt->size() < kSaltBytes || memory <= 0 || memory > kMemoryKibMax || passes <= 0 ||
      passes > kPassesMax || lanes <= 0 || lanes > kLanesMax)
    return make_error(ErrorCode::kValidationFailed, "");
  return crypto::argon2id(passphrase, *salt,
                          {.memory_kib = static_cast<std::uint32_t>(memory),
                           .passes = static_cast<std::uint32_t>(passes),
                           .lanes = static_cast<std::uint32_t>(lanes)});
}

}  // namespace

Result<std::unique_ptr<SealedFileWriter>> SealedFileWriter::create(
    const std::string& path, const std::optional<Secret>& passphrase, Random& random) {
  if (passphrase && passphrase->expose().size() < kSealPassphraseCharsMin)
    return make_error(
        ErrorCode::kValidationFailed,
        fmt::format("A passphrase has at least {} characters.", kSealPassphraseCharsMin));
  std::unique_ptr<SealedFileWriter> writer(new SealedFileWriter(path, random));
  CARNET_TRY_VOID(writer->open());
  if (passphrase) CARNET_TRY_VOID(writer->write_head(*passphrase));
  return writer;
}

SealedFileWriter::~SealedFileWriter() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> SealedFileWriter::open() {
  if (::access(path_.c_str(), F_OK) == 0) return exists(path_);
  file_ = Descriptor(::open(folder_of(path_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (file_.get() >= 0) return {};
  if (errno != EOPNOTSUPP && errno != EISDIR) return cannot("create", path_);
  std::array<std::uint8_t, 6> suffix{};
  random_.fill(suffix);
  const std::string name = fmt::format("{}.partial-{}", path_, to_hex(suffix));
  file_ = Descriptor(::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (file_.get() < 0) return cannot("create", path_);
  temporary_ = name;
  return {};
}

Result<void> SealedFileWriter::write_head(const Secret& passphrase) {
  std::array<std::uint8_t, kSaltBytes> salt{};
  random_.fill(salt);
  const crypto::Argon2Cost cost;
  const std::string how = json::write(bj::object{{"kdf", "argon2id"},
                                                 {"memoryKiB", cost.memory_kib},
                                                 {"passes", cost.passes},
                                                 {"lanes", cost.lanes},
                                                 {"salt", to_base64(salt)},
                                                 {"cipher", "aes-256-gcm"}});
  CARNET_TRY(key, crypto::argon2id(passphrase, salt, cost));
  key_ = std::move(key);
  head_ = fmt::format("{}{}\n", kMagic, how);
  return write(head_);
}

Result<void> SealedFileWriter::write(std::string_view bytes) {
  written_ += bytes.size();
  return write_all(file_.get(), path_, bytes);
}

Result<void> SealedFileWriter::write_frame(bool last) {
  const std::string sealed = crypto::seal(*key_, frame_, context_of(head_, frames_, last), random_);
  ++frames_;
  frame_.clear();
  std::string length(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length[i] = static_cast<char>(sealed.size() >> (8 * (kLengthBytes - 1 - i)));
  CARNET_TRY_VOID(write(length));
  return write(sealed);
}

Result<void> SealedFileWriter::add(std::string_view bytes) {
  if (!key_) return write(bytes);
  while (!bytes.empty()) {
    const std::size_t room = std::min(bytes.size(), kFrameBytes - frame_.size());
    frame_.append(bytes.substr(0, room));
    bytes.remove_prefix(room);
    if (frame_.size() == kFrameBytes) CARNET_TRY_VOID(write_frame(false));
  }
  return {};
}

Result<void> SealedFileWriter::commit() {
  if (key_) CARNET_TRY_VOID(write_frame(true));
  if (::fsync(file_.get()) != 0) return cannot("write", path_);
  const std::string from =
      temporary_.empty() ? fmt::format("/proc/self/fd/{}", file_.get()) : temporary_;
  // linkat() refuses a name that is taken.
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return errno == EEXIST ? exists(path_) : cannot("create", path_);
  return sync_path(folder_of(path_));
}

Result<std::unique_ptr<SealedFileReader>> SealedFileReader::open(const std::string& path) {
  std::unique_ptr<SealedFileReader> reader(new SealedFileReader(path));
  reader->file_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (reader->file_.get() < 0) return cannot("read", path);
  CARNET_TRY_VOID(reader->read_head());
  return reader;
}

Result<std::string> SealedFileReader::take(std::size_t size) {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file_.get(), out.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", path_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return out;
}

Result<void> SealedFileReader::read_head() {
  CARNET_TRY(begin, take(kMagic.size()));
  sealed_ = begin == kMagic;
  if (!sealed_) {
    begun_ = std::move(begin);
    return {};
  }
  while (true) {
    CARNET_TRY(next, take(1));
    if (next.empty() || how_.size() == kHeadBytesMax) return damaged(path_, "it has no whole head");
    if (next == "\n") break;
    how_ += next;
  }
  head_ = fmt::format("{}{}\n", kMagic, how_);
  return {};
}

Result<void> SealedFileReader::unseal(const Secret& passphrase) {
  auto key = key_from(passphrase, how_);
  if (!key && key.error().code == ErrorCode::kValidationFailed)
    return damaged(path_, "its head cannot be read");
  if (!key) return tl::unexpected(std::move(key).error());
  key_ = std::move(*key);
  return {};
}

Result<std::string_view> SealedFileReader::read() {
  if (sealed_) return read_frame();
  if (!begun_.empty()) {
    piece_ = std::move(begun_);
    begun_.clear();
    return std::string_view(piece_);
  }
  CARNET_TRY(next, take(kFrameBytes));
  piece_ = std::move(next);
  return std::string_view(piece_);
}

Result<std::string_view> SealedFileReader::read_frame() {
  CARNET_TRY(length, take(kLengthBytes));
  if (ended_) {
    if (!length.empty()) return damaged(path_, "something stands behind its end");
    return std::string_view{};
  }
  std::size_t size = 0;
  for (const char c : length) size = size << 8U | static_cast<unsigned char>(c);
  if (length.size() != kLengthBytes) return damaged(path_, "it was cut off");
  if (size > kSealedFrameBytesMax) return damaged(path_, "a frame has no possible length");
  CARNET_TRY(sealed, take(size));
  if (sealed.size() != size) return damaged(path_, "it was cut off");
  auto plain = crypto::unseal(*key_, sealed, context_of(head_, frames_, false));
  if (!plain) {
    plain = crypto::unseal(*key_, sealed, context_of(head_, frames_, true));
    ended_ = plain.has_value();
  }
  if (!plain && frames_ == 0)
    return make_error(ErrorCode::kForbidden,
                      fmt::format("The passphrase is not that of {}, or it is damaged.", path_));
  if (!plain) return damaged(path_, fmt::format("frame {} was changed", frames_ + 1));
  ++frames_;
  piece_ = std::move(*plain);
  // An empty last frame is the end, not a piece.
  return piece_.empty() && ended_ ? read_frame() : Result<std::string_view>(piece_);
}

}  // namespace carnet::app
