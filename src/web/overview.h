#pragma once
// Fills the template of the page behind a link from a finished scan. Pure; thread-safe.

#include <vector>

#include "web/pages.h"
#include "web/templates.h"

namespace carnet::web {

// Everything of overview.tpl but the included head, masthead and footer. Shows nothing of the link
// that is meant for its owner alone (label, ids, creator).
void fill_overview(Filler page, const Room& room);

// Its parts. assets.cc: the assets that the visitor asked for, with the form to ask by.
void fill_assets(Filler page, const Room& room);
// backlog.cc: what to do first, and the whole list; its state for passport links only.
void fill_backlog(Filler page, const Room& room);
// findings.cc: what was not reached, frameworks.
void fill_findings(Filler page, const inventory::ScanDocument& document);

}  // namespace carnet::web
