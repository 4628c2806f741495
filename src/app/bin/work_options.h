#pragma once
// The options of `carnet remediation` and `carnet drift`. Used once by main().

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/drift_command.h"
#include "app/remediation_command.h"

namespace carnet::app {

struct RemediationOptions {
  TenantConnection connection;
  RemediationList wanted;
  RemediationChange change;
  std::string later, file;
  std::vector<std::string> items;
  bool dry_run = false;

  void add_to(CLI::App& remediation);
  [[nodiscard]] int run(const CLI::App& remediation) const;
};

struct DriftOptions {
  TenantConnection connection;
  DriftFilter filter;
  std::string scan_id, against;
  int summary_days = 30;

  void add_to(CLI::App& drift);
  [[nodiscard]] int run(const CLI::App& drift) const;
};

}  // namespace carnet::app
