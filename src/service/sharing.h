#pragma once
// Share links: what an operator does with them, and what a visitor gets (design: sharing.md). Owns
// a bounded cache of overviews of finished scans, which never change; a link's own row is read on
// every visit, so that revoking works at once. Thread-safe.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task.h"
#include "inventory/model.h"
#include "service/artifacts.h"
#include "service/cache.h"
#include "service/context.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::service {

struct NewShare {
  int expires_hours = 168;         // 1–720
  std::string label;               // ≤ 255 characters
  std::string scope = "passport";  // report | bundle | passport
  std::string recipient;           // ≤ 255 characters
};

struct CreatedShare {
  store::ShareRow row;
  Secret token;  // shown once
};

// "active" | "paused" | "expired" | "exhausted" | "revoked"
[[nodiscard]] std::string_view share_state(const store::ShareRow& row, Timestamp now);

// A genuine, usable link. `share.tenant_name` is what visitors are shown: the branding name if the
// tenant set one.
struct OpenLink {
  store::ShareRow share;
};

// What a visitor sees of a scan; immutable, shared by all visitors.
struct Overview {
  inventory::ScanDocument document;
  std::string result_sha256;
};

class Sharing {
 public:
  Sharing(store::Database& db, const Clock& clock, Random& random, const Secret& pepper);

  // kNotFound: no such scan in this tenant; kScanNotFinished: it has not ended in success;
  // kValidationFailed.
  [[nodiscard]] Task<Result<CreatedShare>> create(const Actor& actor, ScanId scan,
                                                  NewShare request);
  [[nodiscard]] Task<Result<std::vector<store::ShareRow>>> list(TenantId tenant,
                                                                std::optional<ScanId> scan,
                                                                store::Page page);
  [[nodiscard]] Task<Result<store::ShareRow>> find(TenantId tenant, ShareId id);
  // Idempotent: a link that was revoked before is given back as it is.
  [[nodiscard]] Task<Result<store::ShareRow>> revoke(const Actor& actor, ShareId id);
  // kConflict: it was revoked. `expires_hours` counts from now.
  [[nodiscard]] Task<Result<store::ShareRow>> patch(const Actor& actor, ShareId id,
                                                    std::optional<std::string> label,
                                                    std::optional<std::string> recipient,
                                                    std::optional<int> expires_hours,
                                                    std::optional<bool> paused);
  [[nodiscard]] Task<Result<std::vector<store::ViewRow>>> views(TenantId tenant, ShareId id,
                                                                store::Page page);

  // For a visitor. kNotFound, one and the same, for a token that is malformed, unknown or has a
  // wrong secret (the same work is done for all three); kShareLinkExpired, kShareLinkRevoked,
  // kShareLinkPaused … for a genuine one. One indexed read.
  [[nodiscard]] Result<OpenLink> resolve(std::string_view token);
  [[nodiscard]] Task<Result<std::shared_ptr<const Overview>>> overview(const OpenLink& link);
  // kShareScope if the scope does not cover the format. Logs the download in the link's views.
  [[nodiscard]] Task<Result<Artifact>> download(const OpenLink& link, ArtifactFormat format,
                                                std::string_view visitor_address,
                                                std::string_view user_agent);
  // The formats that this link's scope covers and that exist.
  [[nodiscard]] static std::vector<ArtifactFormat> formats_of_scope(std::string_view scope);
  // Whether the scope covers the format, existing yet or not.
  [[nodiscard]] static bool scope_covers(std::string_view scope, ArtifactFormat format);

  // Without a look at scope or log: for sizes and ETags of what an overview offers. The same bytes
  // every time.
  [[nodiscard]] Task<Result<std::shared_ptr<const Artifact>>> artifact(ScanId scan,
                                                                       ArtifactFormat format);

  // Of each cache: entries, and bytes of stored result or artifact. What is larger than the whole
  // is made anew each time.
  static constexpr std::size_t kOverviewCacheMax = 256;
  static constexpr std::size_t kOverviewCacheBytesMax = 16 * 1024 * 1024;

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Secret& pepper_;
  Secret visitor_key_;
  BoundedCache<Overview> overviews_;  // by scan id
  BoundedCache<Artifact> artifacts_;  // by scan id and format
};

}  // namespace carnet::service
