#pragma once
// Fills the template of the overview page from a finished scan. Pure; thread-safe.

#include <vector>

#include "web/pages.h"
#include "web/templates.h"

namespace carnet::web {

// Everything of overview.tpl but the included head, masthead and footer. Shows nothing of the link
// that is meant for its owner alone (label, ids, creator).
void fill_overview(Filler page, const service::OpenLink& link, const service::Overview& overview,
                   const std::vector<DownloadLink>& downloads, Timestamp now);
// The findings half of the page: assets, what was not reached, frameworks.
void fill_findings(Filler page, const inventory::ScanDocument& document);

}  // namespace carnet::web
