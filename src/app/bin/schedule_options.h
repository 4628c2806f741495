#pragma once
// The options of `carnet schedule`. Used once by main().

#include <string>

#include <CLI/CLI.hpp>

#include "app/schedule_command.h"

namespace carnet::app {

struct ScheduleOptions {
  TenantConnection connection;
  ScheduleChange change;
  std::string id;
  int limit = 25;

  void add_to(CLI::App& schedule);
  [[nodiscard]] int run(const CLI::App& schedule) const;

 private:
  void add_change(CLI::App& command);
};

}  // namespace carnet::app
