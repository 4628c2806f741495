#pragma once
// The files of the signing keys: DATA/signing.keys (0600), which service/signing_keys.h seals and
// opens, and what opens it: a file with a random secret (DATA/signing.seal unless another is named)
// or a passphrase, from a file or typed. Used at start-up and by shell commands; blocks.

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "service/signing_keys.h"

namespace carnet::app {

struct SigningKeyPlaces {
  std::string data_dir;
  std::string key_file;         // --key-file; "" = DATA/signing.seal
  std::string passphrase_file;  // --passphrase-file; "" = not sealed with a passphrase, or ask
  [[nodiscard]] std::string keys_path() const { return data_dir + "/signing.keys"; }
  [[nodiscard]] std::string seal_path() const {
    return key_file.empty() ? data_dir + "/signing.seal" : key_file;
  }
};

// Whether there is a key file.
[[nodiscard]] bool has_signing_keys(const SigningKeyPlaces& places);
// Makes the key file, and the seal file where that is what opens it and it is not there.
// `ask_passphrase`: seal with a passphrase that is typed twice. kConflict if there is a key file.
[[nodiscard]] Result<service::SigningKeysNow> make_signing_keys(const SigningKeyPlaces& places,
                                                                bool ask_passphrase,
                                                                const Clock& clock, Random& random);
// Reads and opens it. Errors say what to do: not there, readable by others, the wrong secret,
// damaged. A passphrase that no file holds is asked for if there is a terminal.
[[nodiscard]] Result<service::SigningKeysNow> load_signing_keys(const SigningKeyPlaces& places);
// The public part alone; asks for nothing.
[[nodiscard]] Result<evidence::KeySet> list_signing_keys(const SigningKeyPlaces& places);
// Replaces the file as a whole; the old one stays if anything fails.
[[nodiscard]] Result<service::SigningKeysNow> rotate_signing_keys(const SigningKeyPlaces& places,
                                                                  const service::Rotation& rotation,
                                                                  Random& random);

}  // namespace carnet::app
