#include "app/keys_command.h"

#include <fmt/format.h>

namespace carnet::app {
namespace {

constexpr int kExitFailed = 1;

int fail(const Error& error) {
  fmt::print(stderr, "carnet keys: {}\n", error.public_detail);
  return kExitFailed;
}

std::string_view state_of(const evidence::PublicKey& key, Timestamp now) {
  if (now < key.not_before) return "not yet valid";
  if (!key.not_after) return "in use";
  return now <= *key.not_after ? "being retired" : "retired";
}

void print_keys(const evidence::KeySet& set, Timestamp now) {
  for (const evidence::PublicKey& key : set.keys)
    fmt::print("{}  {:<9} {:<8} {:<13} {} to {}\n", key.keyid, to_string(key.algorithm),
               to_string(key.use), state_of(key, now), to_rfc3339(key.not_before),
               key.not_after ? to_rfc3339(*key.not_after) : "-");
}

}  // namespace

int run_keys_init(const KeysCommand& command, const Clock& clock, Random& random) {
  const auto made = make_signing_keys(command.places, command.ask_passphrase, clock, random);
  if (!made) return fail(made.error());
  fmt::print("Made signing keys in {}.\n", command.places.keys_path());
  print_keys((*made)->published, clock.now());
  return 0;
}

int run_keys_list(const KeysCommand& command, const Clock& clock) {
  const auto set = list_signing_keys(command.places);
  if (!set) return fail(set.error());
  print_keys(*set, clock.now());
  return 0;
}

int run_keys_rotate(const KeysCommand& command, const Clock& clock, Random& random) {
  const service::Rotation rotation{.now = clock.now(),
                                   .overlap = std::chrono::hours(command.overlap_hours)};
  const auto fresh = rotate_signing_keys(command.places, rotation, random);
  if (!fresh) return fail(fresh.error());
  print_keys((*fresh)->published, clock.now());
  fmt::print(
      "\nA running service takes the new keys when it gets SIGHUP; the old ones count for {} h "
      "more.\n",
      command.overlap_hours);
  return 0;
}

}  // namespace carnet::app
