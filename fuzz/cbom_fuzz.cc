// Any JSON as an inventory of another tool; any text as the name of an algorithm.
#include <cstddef>
#include <cstdint>

#include "inventory/cbom.h"
#include "json_files_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = carnet::fuzz::text_of(data, size);
  const auto named = carnet::inventory::algorithm_by_loose_name(text);
  CARNET_CHECK(named.bits >= 0);
  const auto value = carnet::json::parse(text);
  if (!value || !value->is_object()) return 0;
  const carnet::inventory::CbomSinks sinks{
      .entry =
          [](const carnet::inventory::FileEntry& entry, std::size_t) {
            CARNET_CHECK(!entry.kind.empty() && entry.bits >= 0);
            carnet::fuzz::check_text(entry.label);
          },
      .fault = [](std::size_t, const std::string& detail) { CARNET_CHECK(!detail.empty()); }};
  carnet::inventory::read_cbom(value->get_object(), sinks);
  return 0;
}
