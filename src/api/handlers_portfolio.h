#pragma once
// Handlers of how long scans are kept, of agreements between tenants, and of what a parent sees of
// its children (handlers.h says what holds for all).

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> get_retention(Site&, Call&);

Task<Answer> invite_child(Site&, Call&);
Task<Answer> list_children(Site&, Call&);
Task<Answer> end_child(Site&, Call&);
Task<Answer> preview_parent(Site&, Call&);
Task<Answer> accept_parent(Site&, Call&);
Task<Answer> list_parents(Site&, Call&);
Task<Answer> end_parent(Site&, Call&);

Task<Answer> get_portfolio(Site&, Call&);
Task<Answer> get_portfolio_child(Site&, Call&);
Task<Answer> list_portfolio_scans(Site&, Call&);

}  // namespace carnet::api
