#pragma once
// What Carnet knows, as the interface shows it: GET /pqc/standards, /pqc/algorithms and
// /pqc/scenarios. Pure functions of the built-in data, thread-safe. Callers add "status"
// themselves.

#include <boost/json/fwd.hpp>

#include "base/clock.h"

namespace carnet::assess {

// {"methodVersion", "deadlines": [{id, authority, title, date, text, exposure, draft, published,
// source}],
//  "frameworks": [{id, name, published, source, requirements: [{id, text, date, source}]}],
//  "count"}
[[nodiscard]] boost::json::object standards_json();

// {"algorithms": [{name, aliases, kind, class, status, oids, tlsGroups, …, source}], "count"}
[[nodiscard]] boost::json::object algorithms_json();

// {"scenarios": [{id, name, description, endpointCount, mosca, sample: true}], "count"}
[[nodiscard]] boost::json::object scenarios_json(Timestamp now);

}  // namespace carnet::assess
