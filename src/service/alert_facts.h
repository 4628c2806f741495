#pragma once
// What a scan's document says of each endpoint, as far as alerts go by it. Private to service/.
// Pure functions; what they give points into the document.

#include <map>
#include <string>
#include <vector>

#include "inventory/model.h"
#include "store/alerts.h"

namespace carnet::service {

enum class Hybrid { kYes, kNo, kUnknown };

struct EndpointFacts {
  bool reached = false;
  bool file = false;  // nothing that can be away, or has a certificate in use
  Hybrid hybrid = Hybrid::kUnknown;
  const inventory::Certificate* leaf = nullptr;
  std::vector<const inventory::Asset*> assets;
};

// Of the leaf certificates that the endpoint presents the one that ends first; nullptr without any.
[[nodiscard]] const inventory::Certificate* first_ending_leaf(const inventory::Endpoint& endpoint);

[[nodiscard]] bool is_vulnerable(const inventory::Asset& asset);

// Those of one host and port are one.
using FactsByPlace = std::map<store::watch::Place, EndpointFacts>;
[[nodiscard]] FactsByPlace facts_of(const inventory::ScanDocument& document);

// What is to be kept of an endpoint that was reached. `had_hybrid` holds where the scan could not
// tell.
[[nodiscard]] store::WatchedRow watched_row(const EndpointFacts& facts, bool had_hybrid,
                                            bool urgent);

// "id=assets,…" (WatchedRow::deadlines) of several endpoints, summed by id.
struct DeadlineAssets {
  int assets = 0, endpoints = 0;
};
void add_deadlines(std::string_view text, int endpoints, std::map<std::string, DeadlineAssets>& to);

}  // namespace carnet::service
