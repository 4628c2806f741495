#pragma once
// Handlers of scans at their time (handlers.h says what holds for all).

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> create_schedule(Site&, Call&);
Task<Answer> list_schedules(Site&, Call&);
Task<Answer> get_schedule(Site&, Call&);
Task<Answer> patch_schedule(Site&, Call&);
Task<Answer> delete_schedule(Site&, Call&);
Task<Answer> run_schedule(Site&, Call&);
Task<Answer> list_schedule_runs(Site&, Call&);

}  // namespace carnet::api
