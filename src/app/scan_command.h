#pragma once
// `carnet scan`: the engine without a server. Exit codes: 0 good, 1 a threshold was missed, 2
// usage, 3 nothing could be reached. Progress goes to standard error (a bar on a terminal, plain
// lines otherwise), the result to standard output.

#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "base/random.h"

namespace carnet::app {

struct ScanCommand {
  std::vector<std::string> targets;
  std::vector<std::string> from_files;  // endpoint lists, certificates, keys, key stores, …
  std::vector<std::string> folders;     // walked for such files
  std::string passphrase_file;          // of PKCS #12, JKS and encrypted keys
  bool ask_passphrase = false;
  std::vector<std::string> kinds;
  std::vector<int> ports;
  std::string profile = "standard";
  std::string format = "table";
  std::string cbom_version = "1.6";
  std::string recipient;  // on every page of a PDF
  std::string output;     // "" = standard output
  std::optional<double> fail_under;
  std::vector<std::string> fail_on;
  std::vector<std::string> allow_targets;
  std::optional<double> data_shelf_life_years, migration_time_years, years_to_qday;
  std::string label;
  bool quiet = false;
};

[[nodiscard]] int run_scan_command(const ScanCommand& command, const ProbeSettings& probes,
                                   const Clock& clock, Random& random);

}  // namespace carnet::app
