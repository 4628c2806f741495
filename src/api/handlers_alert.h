#pragma once
// Handlers of alerts (handlers.h says what holds for all).

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> list_alerts(Site&, Call&);
Task<Answer> get_alert(Site&, Call&);
Task<Answer> patch_alert(Site&, Call&);

}  // namespace carnet::api
