#pragma once
// The options of `carnet share` and `carnet plan`. Used once by main().

#include <string>

#include <CLI/CLI.hpp>

#include "app/plan_command.h"
#include "app/share_command.h"
#include "base/random.h"

namespace carnet::app {

// --url, --key-file, --key and --json.
void add_tenant_connection(CLI::App& command, TenantConnection& connection);

struct ShareOptions {
  ShareConnection connection;
  ShareCreate create;
  std::string scan_id, share_id;
  int limit = 25;

  void add_to(CLI::App& share);
  [[nodiscard]] int run(const CLI::App& share, Random& random) const;
};

struct PlanOptions {
  TenantConnection connection;
  PlanCommand wanted;

  void add_to(CLI::App& plan);
  [[nodiscard]] int run() const;
};

}  // namespace carnet::app
