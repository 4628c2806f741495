#pragma once
// Fills the template of the /docs page from the route table and the problem table. Pure;
// thread-safe.

#include <vector>

#include "web/pages.h"
#include "web/templates.h"

namespace carnet::web {

// Routes keep their order within a group; a problem's anchor is `problem-<code>`, an operation's
// `op-<operation id>`.
void fill_docs(Filler page, const std::vector<DocsRoute>& routes,
               const std::vector<DocsProblem>& problems);

}  // namespace carnet::web
