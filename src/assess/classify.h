#pragma once
// From one observed endpoint to its assets: per TLS endpoint one asset of key establishment and one
// of authentication per leaf certificate, per SSH endpoint one of key establishment and one of
// authentication per host key. An endpoint that was not reached gives none. Pure functions,
// thread-safe. Rules: docs/methodology.md, "Status of an asset".

#include <string>
#include <string_view>
#include <vector>

#include "inventory/model.h"
#include "inventory/registry.h"

namespace carnet::assess {

// Why an asset needs work; `id` is a row of data/remediation.json.
struct Cause {
  std::string id;
  std::string severity;
  std::string detail;   // fills {detail}: "TLS 1.0 and TLS 1.1"
  bool quantum = true;  // false: broken today, so no quantum deadline applies
};

struct ClassifiedAsset {
  inventory::Asset asset;
  std::vector<Cause> causes;
  std::string software;  // key of RemediationText::actions; "" if unknown
  std::vector<std::string>
      suites;  // TLS: IANA names seen; SSH: registry names of the ciphers on offer
};

// `urgent`: Mosca's inequality holds, which raises the severity of what can be recorded now.
[[nodiscard]] std::vector<ClassifiedAsset> classify(const inventory::Endpoint& endpoint,
                                                    bool urgent);

// The stable id of an asset: the same host, port, exposure and role give the same one in every
// scan.
[[nodiscard]] std::string asset_id(std::string_view host, std::uint16_t port,
                                   inventory::Exposure exposure, std::string_view role);

// Fills in what the registry says of an algorithm with this key size (0: unknown).
void describe(inventory::Vulnerability& vulnerability, const inventory::Algorithm& algorithm,
              int key_bits);

// "TLS 1.0, TLS 1.1 and SSL 3.0".
[[nodiscard]] std::string join_words(const std::vector<std::string>& words);

}  // namespace carnet::assess
