#pragma once
// Strong ids: opaque strings such as "scan_01jdf…", a prefix and a UUIDv7 in lower-case Crockford
// base32 (26 characters). Kinds do not convert into each other. Ids sort by creation time. Value
// types.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace carnet {

// 26 characters of Crockford base32 of a UUIDv7 (RFC 9562) for this instant.
[[nodiscard]] std::string new_uuid7_base32(Timestamp now, Random& random);
[[nodiscard]] bool is_uuid7_base32(std::string_view text);

template <class Tag>
class Id {
 public:
  Id() = default;
  // Makes a new id; throws nothing.
  [[nodiscard]] static Id generate(Timestamp now, Random& random) {
    return Id(std::string(Tag::kPrefix) + new_uuid7_base32(now, random));
  }
  // Reads an id from outside; nullopt unless it has this kind's prefix and form.
  [[nodiscard]] static std::optional<Id> parse(std::string_view text) {
    if (!text.starts_with(Tag::kPrefix) || !is_uuid7_base32(text.substr(Tag::kPrefix.size())))
      return std::nullopt;
    return Id(std::string(text));
  }
  // For values that our own database gives back.
  [[nodiscard]] static Id trusted(std::string text) { return Id(std::move(text)); }

  [[nodiscard]] const std::string& str() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  explicit Id(std::string value) : value_(std::move(value)) {}
  std::string value_;
};

struct TenantTag {
  static constexpr std::string_view kPrefix = "ten_";
};
struct KeyTag {
  static constexpr std::string_view kPrefix = "key_";
};
struct ScanTag {
  static constexpr std::string_view kPrefix = "scan_";
};
struct ShareTag {
  static constexpr std::string_view kPrefix = "share_";
};
struct ViewTag {
  static constexpr std::string_view kPrefix = "view_";
};
struct AuditTag {
  static constexpr std::string_view kPrefix = "aud_";
};
struct ScheduleTag {
  static constexpr std::string_view kPrefix = "sched_";
};
struct ScheduleRunTag {
  static constexpr std::string_view kPrefix = "run_";
};
struct AlertTag {
  static constexpr std::string_view kPrefix = "alert_";
};
struct WebhookTag {
  static constexpr std::string_view kPrefix = "hook_";
};
struct DeliveryTag {
  static constexpr std::string_view kPrefix = "dlv_";
};
struct PartnerLinkTag {
  static constexpr std::string_view kPrefix = "link_";
};

using TenantId = Id<TenantTag>;
using KeyId = Id<KeyTag>;
using ScanId = Id<ScanTag>;
using ShareId = Id<ShareTag>;
using ViewId = Id<ViewTag>;
using AuditId = Id<AuditTag>;
using ScheduleId = Id<ScheduleTag>;
using ScheduleRunId = Id<ScheduleRunTag>;
using AlertId = Id<AlertTag>;
using WebhookId = Id<WebhookTag>;
using DeliveryId = Id<DeliveryTag>;
using PartnerLinkId = Id<PartnerLinkTag>;

}  // namespace carnet
