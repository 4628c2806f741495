#pragma once
// What `carnet scan` looks at besides the targets on its command line: the files of --from and the
// folders of --path. A list of endpoints becomes targets; everything else is read here and becomes
// observed endpoints. Blocking; used by the command line only.

#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "inventory/model.h"

namespace carnet::app {

struct ListedTarget {
  std::string text;   // as a target on the command line
  std::string kind;   // "" = as --kinds says
  std::string where;  // "list.csv:12", for messages
};

struct ScanInputs {
  std::vector<ListedTarget> targets;
  std::vector<inventory::Endpoint> files;
  std::vector<std::string> notes;     // for the report: what was not looked at
  std::vector<std::string> warnings;  // for standard error
};

struct ScanInputsRequest {
  std::vector<std::string> from_files;
  std::vector<std::string> folders;
  const Secret* passphrase = nullptr;
};

// kValidationFailed with a sentence for a file or folder that cannot be read at all.
[[nodiscard]] Result<ScanInputs> read_scan_inputs(const ScanInputsRequest& request);

// From `file` (its first line), else the environment's CARNET_PASSPHRASE, else, if `ask`, from the
// terminal without showing it; empty if none was given.
[[nodiscard]] Result<Secret> find_passphrase(const std::string& file, bool ask);

}  // namespace carnet::app
