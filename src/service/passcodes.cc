#include "service/passcodes.h"

#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/argon2.h"
#include "crypto/hash.h"

namespace carnet::service {
namespace {

constexpr crypto::Argon2Cost kCost{.memory_kib = 19 * 1024, .passes = 2, .lanes = 1};
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
// What a stored row may ask of this server, should it come from another release.
constexpr std::uint32_t kMemoryKibMax = 256 * 1024;  // limit: internal
constexpr std::uint32_t kPassesMax = 16;             // limit: internal

struct Stored {
  crypto::Argon2Cost cost;
  Bytes salt, hash;
};

std::string unpadded(std::span<const std::uint8_t> bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<Bytes> from_unpadded(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  return from_base64(padded);
}

std::string write_stored(const Stored& stored) {
  return fmt::format("$argon2id$v=19$m={},t={},p={}${}${}", stored.cost.memory_kib,
                     stored.cost.passes, stored.cost.lanes, unpadded(stored.salt),
                     unpadded(stored.hash));
}

std::optional<std::uint32_t> parameter(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Stored> read_stored(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '$');
  if (parts.size() != 6 || !parts[0].empty() || parts[1] != "argon2id" || parts[2] != "v=19")
    return std::nullopt;
  const std::vector<std::string_view> costs = split(parts[3], ',');
  if (costs.size() != 3) return std::nullopt;
  const auto memory = parameter(costs[0], "m=");
  const auto passes = parameter(costs[1], "t=");
  const auto lanes = parameter(costs[2], "p=");
  auto salt = from_unpadded(parts[4]);
  auto hash = from_unpadded(parts[5]);
  if (!memory || !passes || !lanes || !salt || !hash || *memory > kMemoryKibMax ||
      *passes > kPassesMax || hash->size() != kHashBytes)
    return std::nullopt;
  return Stored{.cost = {.memory_kib = *memory, .passes = *passes, .lanes = *lanes},
                .salt = std::move(*salt),
                .hash = std::move(*hash)};
}

Secret keyed(const Secret& key, const Secret& passcode) {
  const crypto::Digest256 mac = crypto::hmac_sha256(key, passcode.expose());
  return Secret(std::string(as_text(mac)));
}

}  // namespace

Passcodes::Passcodes(Random& random, const Secret& pepper, int threads)
    : random_(random),
      key_(crypto::derive_key(pepper, "carnet passcode v1")),
      threads_({.threads = threads}) {}

Task<Result<std::string>> Passcodes::hash(Secret passcode) {
  struct Work {
    Secret passcode;
    Stored stored;
    Result<void> outcome;
  };
  const auto work = std::make_shared<Work>();
  work->passcode = keyed(key_, passcode);
  work->stored.cost = kCost;
  work->stored.salt.resize(kSaltBytes);
  random_.fill(work->stored.salt);
  const std::function<void()> compute = [work] {
    auto made = crypto::argon2id(work->passcode, work->stored.salt, work->stored.cost, kHashBytes);
    if (!made) {
      work->outcome = tl::unexpected(std::move(made).error());
      return;
    }
    const auto bytes = as_bytes(made->expose());
    work->stored.hash.assign(bytes.begin(), bytes.end());
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(compute));
  CARNET_CO_TRY_VOID(work->outcome);
  co_return write_stored(work->stored);
}

Task<Result<bool>> Passcodes::verify(Secret passcode, std::string stored) {
  struct Work {
    Secret passcode;
    Stored stored;
    bool equal = false;
    Result<void> outcome;
  };
  auto read = read_stored(stored);
  if (!read) co_return make_internal("stored passcode: not of the form that this program writes");
  const auto work = std::make_shared<Work>();
  work->passcode = keyed(key_, passcode);
  work->stored = std::move(*read);
  const std::function<void()> compute = [work] {
    auto made = crypto::argon2id(work->passcode, work->stored.salt, work->stored.cost, kHashBytes);
    if (!made) {
      work->outcome = tl::unexpected(std::move(made).error());
      return;
    }
    work->equal = crypto::equal_constant_time(as_bytes(made->expose()), work->stored.hash);
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(compute));
  CARNET_CO_TRY_VOID(work->outcome);
  co_return work->equal;
}

}  // namespace carnet::service
