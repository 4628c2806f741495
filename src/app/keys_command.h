#pragma once
// `carnet keys`: makes, shows and rotates the signing keys of a data directory. Exit codes: 0 done,
// 1 it could not be done (the reason is printed), 2 usage.

#include <string>

#include "app/signing_key_files.h"

namespace carnet::app {

struct KeysCommand {
  SigningKeyPlaces places;
  bool ask_passphrase = false;  // keys init --passphrase
  int overlap_hours = 24;       // keys rotate
};

[[nodiscard]] int run_keys_init(const KeysCommand& command, const Clock& clock, Random& random);
[[nodiscard]] int run_keys_list(const KeysCommand& command, const Clock& clock);
[[nodiscard]] int run_keys_rotate(const KeysCommand& command, const Clock& clock, Random& random);

}  // namespace carnet::app
