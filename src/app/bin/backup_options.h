#pragma once
// The command lines of `carnet backup` and `carnet restore`. For bin/main.cc only.

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "app/settings.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::app {

class BackupOptions {
 public:
  void add_backup(CLI::App& command);
  void add_restore(CLI::App& command);
  // Exit codes: 0 done, 1 it was not, 2 usage.
  [[nodiscard]] int run_backup(const CLI::App& command, const Clock& clock, Random& random) const;
  [[nodiscard]] int run_restore(const CLI::App& command, Random& random) const;

 private:
  void add_places(CLI::App& command);
  [[nodiscard]] Result<Settings> settings(const CLI::App& command) const;
  // nullopt without --seal-file.
  [[nodiscard]] Result<std::optional<Secret>> passphrase() const;

  std::string file_, data_, database_, config_, seal_file_;
  bool check_ = false;
};

}  // namespace carnet::app
