#pragma once
// The cryptography bill of materials of a scan: CycloneDX 1.6 and 1.7. Each reached endpoint is a
// service; it depends on the protocols that it speaks, those on algorithms, certificates and keys,
// a certificate on its key and on the algorithm that signed it, a hybrid on its parts. Facts about
// algorithms are those of the registry and of data/cbom_algorithms.json.
//
// Pure functions: the same document gives the same bytes. A component's bom-ref comes from what it
// is (an algorithm's name, a certificate's digest, an endpoint's host and port), so the same
// finding has the same bom-ref in every scan. Thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "evidence/text_sink.h"
#include "inventory/model.h"

namespace carnet::evidence {

enum class CbomVersion { k1_6, k1_7 };
inline constexpr CbomVersion kCbomDefault = CbomVersion::k1_6;
[[nodiscard]] std::optional<CbomVersion> parse_cbom_version(std::string_view text);  // "1.6" "1.7"
[[nodiscard]] std::string_view to_string(CbomVersion version);

// JSON, compact. Media type application/vnd.cyclonedx+json; version=1.6.
[[nodiscard]] std::string cbom_json(const inventory::ScanDocument& document,
                                    CbomVersion version = kCbomDefault);
// The same in pieces, in order; memory holds what there is, not its text.
void write_cbom_json(const inventory::ScanDocument& document, const TextSink& sink,
                     CbomVersion version = kCbomDefault);
[[nodiscard]] std::string cbom_media_type(CbomVersion version);

}  // namespace carnet::evidence
