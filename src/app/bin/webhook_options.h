#pragma once
// The options of `carnet webhook`. Used once by main().

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "app/webhook_command.h"

namespace carnet::app {

struct WebhookOptions {
  TenantConnection connection;
  NewWebhook fresh;
  std::string id, state;
  std::optional<std::string> letter;
  int overlap_hours = 24;

  void add_to(CLI::App& webhook);
  [[nodiscard]] int run(const CLI::App& webhook) const;
};

}  // namespace carnet::app
