#pragma once
// The options of `carnet alert`. Used once by main().

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "app/alert_command.h"

namespace carnet::app {

struct AlertOptions {
  TenantConnection connection;
  AlertFilter filter;
  std::string alert_id;
  std::optional<std::string> note;

  void add_to(CLI::App& alert);
  [[nodiscard]] int run(const CLI::App& alert) const;
};

}  // namespace carnet::app
