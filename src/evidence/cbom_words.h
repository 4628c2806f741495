#pragma once
// Names, references and small JSON of a CBOM. Private to evidence/. Pure functions.

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/cbom.h"
#include "inventory/model.h"

namespace carnet::evidence {

// CycloneDX asks for a UUID; one that is computed from the scan is a version 8 (RFC 9562).
[[nodiscard]] std::string serial_number(const inventory::ScanDocument& document,
                                        CbomVersion version);
// A name as part of a bom-ref: what would need escaping in a link to it is turned into a dash.
[[nodiscard]] std::string slug(std::string_view name);
[[nodiscard]] std::string short_hash(const std::string& identity);
[[nodiscard]] boost::json::array array_of(const std::vector<std::string>& texts);
// A list of one, said outright: `= {x}` may copy x instead.
[[nodiscard]] boost::json::array list_of(boost::json::value only);
[[nodiscard]] boost::json::object property(std::string_view name, std::string_view value);
// "[2001:db8::1]:443"; of a file, its name.
[[nodiscard]] std::string place_of(const inventory::Endpoint& endpoint);
[[nodiscard]] bool is_there(inventory::Support state);
// Where it is, if that can be written as a URI.
[[nodiscard]] std::string uri_of(const inventory::Endpoint& endpoint, const std::string& place);

}  // namespace carnet::evidence
