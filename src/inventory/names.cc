#include "inventory/names.h"

namespace carnet::inventory {

std::string_view to_string(Support state) {
  switch (state) {
    case Support::kPreferred:
      return "preferred";
    case Support::kSupported:
      return "supported";
    case Support::kUnsupported:
      return "unsupported";
    case Support::kNotTested:
      return "not-tested";
    case Support::kNotProven:
      return "not-proven";
  }
  return "not-tested";
}

std::string_view to_string(AssetStatus status) {
  switch (status) {
    case AssetStatus::kBroken:
      return "broken";
    case AssetStatus::kAtRisk:
      return "at-risk";
    case AssetStatus::kSafe:
      return "safe";
    case AssetStatus::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Exposure exposure) {
  switch (exposure) {
    case Exposure::kKeyEstablishment:
      return "key-establishment";
    case Exposure::kAuthentication:
      return "authentication";
  }
  return "key-establishment";
}

}  // namespace carnet::inventory
