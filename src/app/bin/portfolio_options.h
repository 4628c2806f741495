#pragma once
// The options of `carnet portfolio`. Used once by main().

#include <string>

#include <CLI/CLI.hpp>

#include "app/portfolio_command.h"

namespace carnet::app {

struct PortfolioOptions {
  TenantConnection connection;
  PartnerWish wish;
  std::string tenant_id, code, link_id;
  std::string sort = "score";
  int limit = 25;
  bool yes = false, as_parent = false;

  void add_to(CLI::App& portfolio);
  [[nodiscard]] int run(const CLI::App& portfolio) const;
};

}  // namespace carnet::app
