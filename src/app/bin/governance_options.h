#pragma once
// The options of `carnet tenant` and `carnet audit`.

#include <CLI/CLI.hpp>

#include "app/governance_command.h"

namespace carnet::app {

struct TenantOptions {
  TenantConnection connection;
  TenantRemovalCommand removal;
  std::string file;
  void add_to(CLI::App& tenant);
  [[nodiscard]] int run(const CLI::App& tenant) const;
};

struct AuditOptions {
  TenantConnection connection;
  AuditCommand wanted;
  void add_to(CLI::App& audit);
  [[nodiscard]] int run(const CLI::App& audit) const;
};

}  // namespace carnet::app
