#include "app/signing_key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include <fmt/format.h>

#include "app/private_files.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace carnet::app {
namespace {

using service::KeySeal;

constexpr std::size_t kFileBytesMax = std::size_t{4} * 1024 * 1024;  // limit: internal
constexpr std::size_t kSealBytes = 32;
constexpr unsigned kOthersAndGroup = 077;
constexpr unsigned kOthers = 07;

// The whole of a regular file that nobody in `forbidden` may read.
Result<Secret> read_private(const std::string& path, unsigned forbidden) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return cannot("read", path);
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return cannot("read", path);
  if (!S_ISREG(facts.st_mode)) return cannot("read", path, "it is not a regular file");
  if ((facts.st_mode & forbidden) != 0)
    return make_error(ErrorCode::kForbidden,
                      fmt::format("{} has the mode {:04o}, so others can read it; make it private "
                                  "with: chmod 600 {}",
                                  path, facts.st_mode & 07777U, path));
  if (facts.st_size < 0 || static_cast<std::size_t>(facts.st_size) > kFileBytesMax)
    return cannot("read", path, "it is too large");
  CARNET_TRY(bytes, read_bytes(file.get(), path, static_cast<std::size_t>(facts.st_size)));
  return Secret(std::move(bytes));
}

// Beside it and then in its place, so that there is always one whole file.
Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());  // left by an attempt that was killed
  CARNET_TRY_VOID(write_new_file(fresh, bytes));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot("replace", path);
  return sync_path(folder_of(path));
}

// One line from the terminal without showing it.
Result<Secret> ask(std::string_view prompt) {
  if (::isatty(STDIN_FILENO) != 1)
    return make_error(ErrorCode::kUnavailable,
                      "The signing keys are sealed with a passphrase and there is no terminal to "
                      "ask for it; name a file that holds it with --passphrase-file.");
  fmt::print(stderr, "{}: ", prompt);
  std::fflush(stderr);
  termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::string line;
  std::getline(std::cin, line);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fmt::print(stderr, "\n");
  return Secret(std::move(line));
}

Result<KeySeal> passphrase_of(const SigningKeyPlaces& places) {
  KeySeal seal{.kind = KeySeal::Kind::kPassphrase, .secret = {}};
  if (places.passphrase_file.empty()) {
    CARNET_TRY(typed, ask("Passphrase of the signing keys"));
    seal.secret = std::move(typed);
    return seal;
  }
  CARNET_TRY(text, read_private(places.passphrase_file, kOthers));
  seal.secret = Secret(std::string(trim_ascii(text.expose())));
  return seal;
}

Result<KeySeal> seal_of_file(const SigningKeyPlaces& places) {
  CARNET_TRY(text, read_private(places.seal_path(), kOthers));
  return KeySeal{.kind = KeySeal::Kind::kKeyFile,
                 .secret = Secret(std::string(trim_ascii(text.expose())))};
}

Result<KeySeal> seal_for(const SigningKeyPlaces& places, std::string_view file) {
  CARNET_TRY(kind, service::seal_kind_of(file));
  if (kind == KeySeal::Kind::kPassphrase) return passphrase_of(places);
  return seal_of_file(places);
}

Result<KeySeal> new_passphrase(const SigningKeyPlaces& places) {
  if (!places.passphrase_file.empty()) return passphrase_of(places);
  CARNET_TRY(one, ask("New passphrase of the signing keys"));
  CARNET_TRY(two, ask("The same again"));
  if (!crypto::equal_constant_time(one.expose(), two.expose()))
    return make_error(ErrorCode::kValidationFailed, "The two passphrases differ.");
  return KeySeal{.kind = KeySeal::Kind::kPassphrase, .secret = std::move(one)};
}

// The seal file, made if it is not there.
Result<KeySeal> new_seal_file(const SigningKeyPlaces& places, Random& random) {
  const std::string path = places.seal_path();
  if (::access(path.c_str(), F_OK) != 0) {
    std::array<std::uint8_t, kSealBytes> bytes{};
    random.fill(bytes);
    const Secret text(to_hex(bytes) + "\n");
    ::explicit_bzero(bytes.data(), bytes.size());
    CARNET_TRY_VOID(write_new_file(path, text.expose()));
  }
  return seal_of_file(places);
}

// Errors of the texts, told with the file's name.
template <class T>
Result<T> told_of(const SigningKeyPlaces& places, Result<T> result) {
  if (!result)
    result.error().public_detail =
        fmt::format("{}: {}", places.keys_path(), result.error().public_detail);
  return result;
}

}  // namespace

bool has_signing_keys(const SigningKeyPlaces& places) {
  return ::access(places.keys_path().c_str(), F_OK) == 0;
}

Result<service::SigningKeysNow> make_signing_keys(const SigningKeyPlaces& places,
                                                  bool ask_passphrase, const Clock& clock,
                                                  Random& random) {
  if (has_signing_keys(places))
    return make_error(
        ErrorCode::kConflict,
        fmt::format("There are signing keys in {}; new ones beside them are made with: "
                    "carnet keys rotate",
                    places.keys_path()));
  const bool passphrase = ask_passphrase || !places.passphrase_file.empty();
  auto seal = passphrase ? new_passphrase(places) : new_seal_file(places, random);
  if (!seal) return tl::unexpected(std::move(seal).error());
  CARNET_TRY(file, service::new_key_file(*seal, clock.now(), random));
  CARNET_TRY_VOID(write_new_file(places.keys_path(), file));
  return told_of(places, service::open_key_file(file, *seal));
}

Result<service::SigningKeysNow> load_signing_keys(const SigningKeyPlaces& places) {
  CARNET_TRY(file, read_private(places.keys_path(), kOthersAndGroup));
  CARNET_TRY(seal, told_of(places, seal_for(places, file.expose())));
  return told_of(places, service::open_key_file(file.expose(), seal));
}

Result<evidence::KeySet> list_signing_keys(const SigningKeyPlaces& places) {
  CARNET_TRY(file, read_private(places.keys_path(), kOthersAndGroup));
  return told_of(places, service::published_of(file.expose()));
}

Result<service::SigningKeysNow> rotate_signing_keys(const SigningKeyPlaces& places,
                                                    const service::Rotation& rotation,
                                                    Random& random) {
  CARNET_TRY(file, read_private(places.keys_path(), kOthersAndGroup));
  CARNET_TRY(seal, told_of(places, seal_for(places, file.expose())));
  CARNET_TRY(fresh,
             told_of(places, service::rotate_key_file(file.expose(), seal, rotation, random)));
  CARNET_TRY(opened, told_of(places, service::open_key_file(fresh, seal)));
  CARNET_TRY_VOID(replace_file(places.keys_path(), fresh));
  return opened;
}

}  // namespace carnet::app
