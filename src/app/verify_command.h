#pragma once
// `carnet verify`: a line for each check. Exit codes: 0 all checks hold, 2 forged, altered, expired
// or signed by nobody who is trusted, 3 it cannot be read (also: a file that is not there).

#include <string>

#include "base/clock.h"

namespace carnet::app {

struct VerifyCommand {
  std::string file;        // "-" = standard input
  std::string passport;    // the passport of a file that carries none
  std::string keys;        // file or URL of the key set that is trusted; "" = ask the issuer
  std::string checkpoint;  // a checkpoint of the log that was kept from before
  bool offline = false;    // ask nobody
  bool json = false;
};

[[nodiscard]] int run_verify_command(const VerifyCommand& command, const Clock& clock);

}  // namespace carnet::app
