#pragma once
// Reads CycloneDX inventories that other tools made (1.4 to 1.7): every component with
// `cryptoProperties`, in the form of 1.6 and in IBM's earlier form for 1.4 and 1.5. Pure functions,
// thread-safe. Bounds: 20,000 components, 16 levels.

#include <boost/json/fwd.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "inventory/model.h"

namespace carnet::inventory {

// `index` is that of the outermost component the thing stands in.
struct CbomSinks {
  std::function<void(FileEntry entry, std::size_t index)> entry;
  std::function<void(std::size_t index, std::string detail)> fault;
};

void read_cbom(const boost::json::object& bom, const CbomSinks& sinks);

// A name as people and tools write it ("RSA-2048", "SHA256withRSA", "AES-128-GCM", "secp256r1")
// and what it means here; `algorithm` is "" if that is not known.
struct NamedAlgorithm {
  std::string algorithm;  // registry name
  int bits = 0;           // where the name says it
};
[[nodiscard]] NamedAlgorithm algorithm_by_loose_name(std::string_view name);

}  // namespace carnet::inventory
