#pragma once
// An observed endpoint as JSON, both ways, in the shape of docs/api.md "Reading one": the scan
// result, the sample scenarios and the store's text all use it. Pure functions, thread-safe.
// Reading is strict about types and bounds and lenient about members it does not know, so that a
// newer writer does not make an older reader fail.

#include <boost/json/fwd.hpp>
#include <cstddef>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::inventory {

// No observation of one endpoint has more entries than this in any list; a longer one is refused.
inline constexpr std::size_t kEndpointListMax = 4096;  // limit: internal

[[nodiscard]] boost::json::object endpoint_to_json(const Endpoint& endpoint);
// One entry of its certificates[].
[[nodiscard]] boost::json::object certificate_to_json(const Certificate& certificate);
// kInternal naming the member at fault: what is read here was written by Carnet.
[[nodiscard]] Result<Endpoint> endpoint_from_json(const boost::json::object& json);

}  // namespace carnet::inventory
