#pragma once
// A finished scan as a table for the terminal. Pure function; with `colour`, statuses carry ANSI
// colours.

#include <string>

#include "inventory/model.h"

namespace carnet::app {

[[nodiscard]] std::string scan_table(const inventory::ScanDocument& document, bool colour);

}  // namespace carnet::app
