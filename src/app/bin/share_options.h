#pragma once
// The options of `carnet share`. Used once by main().

#include <string>

#include <CLI/CLI.hpp>

#include "app/share_command.h"
#include "base/random.h"

namespace carnet::app {

struct ShareOptions {
  ShareConnection connection;
  ShareCreate create;
  std::string scan_id, share_id;
  int limit = 25;

  void add_to(CLI::App& share);
  [[nodiscard]] int run(const CLI::App& share, Random& random) const;

 private:
  void add_connection(CLI::App& command);
};

}  // namespace carnet::app
