#pragma once
// The options of `carnet tenant` and `carnet audit`.

#include <functional>

#include <CLI/CLI.hpp>

#include "app/governance_command.h"
#include "app/retention_command.h"

namespace carnet::app {

struct TenantOptions {
  TenantConnection connection;
  TenantRemovalCommand removal;
  RetentionCommand retention;
  std::string file;
  void add_to(CLI::App& tenant);
  [[nodiscard]] int run(const CLI::App& tenant) const;

 private:
  void add_retention_to(CLI::App& tenant);
};

struct AuditOptions {
  TenantConnection connection;
  AuditCommand wanted;
  void add_to(CLI::App& audit);
  // With another way to say where the service is and with which key.
  void add_to(CLI::App& audit, const std::function<void(CLI::App&)>& add_connection);
  [[nodiscard]] int run(const CLI::App& audit) const;
};

}  // namespace carnet::app
