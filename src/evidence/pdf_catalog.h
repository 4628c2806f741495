#pragma once
// What cairo leaves out of a PDF's catalog: that the file is tagged, its language, and that a
// viewer should show the title and not the file's name. Private to evidence/. Pure function.

#include <string>

#include "base/error.h"

namespace carnet::evidence {

// Adds an incremental update (ISO 32000-1 section 7.5.6) with a new catalog, and an /ID that comes
// from the contents. kInternal if `pdf` does not look like what cairo writes.
[[nodiscard]] Result<std::string> complete_catalog(std::string pdf);

}  // namespace carnet::evidence
