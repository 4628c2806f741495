#pragma once
// Ready-to-paste server configuration for an item of the backlog (data/configurations.json): what
// to put where, since which version, and which TLS library it takes. Immutable values; thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::assess {

struct Configuration {
  std::string software;  // "nginx"
  std::string since;     // the first version that can do it: "1.11.0"
  std::string needs;     // what else: "OpenSSL 3.5 or newer"; "" for nothing
  std::string where;     // "the server or http block"
  std::string snippet;   // lines to paste; {group} is filled in
  std::string check;     // the command that checks it: "nginx -t"
  std::string source;    // https://…
  std::vector<std::string> causes;
};

// kInternal with the row at fault. At most 200 rows.
[[nodiscard]] Result<std::vector<Configuration>> parse_configurations(std::string_view json);

[[nodiscard]] const std::vector<Configuration>& builtin_configurations();

// Those for the item's cause, filled in for its algorithm; empty where no configuration helps, as
// for a certificate that has to be issued.
[[nodiscard]] std::vector<Configuration> configurations_of(const inventory::BacklogItem& item);

}  // namespace carnet::assess
