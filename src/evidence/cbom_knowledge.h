#pragma once
// What CycloneDX wants to know of an algorithm beyond the registry: data/cbom_algorithms.json.
// Private to evidence/. Immutable once parsed; any number of threads may read it.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "inventory/registry.h"

namespace carnet::evidence {

struct CbomAlgorithm {
  std::string name;       // the registry's, or its own for what is only a part of others
  std::string primitive;  // CycloneDX: "kem", "signature", "combiner" …
  std::string family;     // CycloneDX 1.7: "ML-KEM"; "" if it has no word for it
  std::string curve;      // CycloneDX 1.7: "nist/P-256"; "" if none
  std::string parameter_set, mode, padding;
  std::vector<std::string> functions;
  std::vector<std::string>
      parts;  // of a combiner, and the hash of a signature or MAC: names in this table
  // For rows that the registry does not have.
  int classical_security_bits = 0;
  int nist_category = 0;
  const inventory::Algorithm* registry = nullptr;
};

class CbomKnowledge {
 public:
  // kInternal with the row at fault.
  [[nodiscard]] static Result<CbomKnowledge> parse(std::string_view json,
                                                   const inventory::Registry& registry);

  // By a name or alias of the registry or of this table; nullptr for what is in neither.
  [[nodiscard]] const CbomAlgorithm* find(std::string_view name) const;
  // The words of a TLS cipher suite as names in this table; "" if they name no algorithm.
  [[nodiscard]] std::string_view suite_mac(std::string_view word) const;
  [[nodiscard]] std::string_view suite_key_exchange(std::string_view word) const;
  [[nodiscard]] std::string_view suite_authentication(std::string_view word) const;
  [[nodiscard]] const std::map<std::string, CbomAlgorithm, std::less<>>& rows() const {
    return rows_;
  }

 private:
  using Words = std::map<std::string, std::string, std::less<>>;
  const inventory::Registry* registry_ = nullptr;
  std::map<std::string, CbomAlgorithm, std::less<>> rows_;
  Words aliases_;  // lower case
  Words suite_macs_, suite_key_exchanges_, suite_authentications_;
};

// The built-in table over the built-in registry: data of the program, the same for everyone, parsed
// on first use and never freed.
[[nodiscard]] const CbomKnowledge& builtin_cbom_knowledge();

}  // namespace carnet::evidence
