#pragma once
// Share links: what an operator does with them, and what a visitor gets (design: sharing.md). Owns
// a bounded cache of overviews of finished scans, which never change, the threads that check
// passcodes, and the log of visits that is not written yet; a link's own row is read on every
// visit, so that revoking works at once. Thread-safe. Call flush_visits() every second or so, and
// stop() before the contexts of waiting coroutines are destroyed.

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
#include "service/passcode_tries.h"
#include "service/passcodes.h"
#include "service/share_session.h"
#include "service/visit_log.h"
#include "service/visitors.h"
#include "store/database.h"
#include "store/repositories.h"
#include "store/rows.h"

namespace carnet::service {

class Passports;

struct NewShare {
  int expires_hours = 168;         // 1–720
  std::string label;               // ≤ 255 characters
  std::string scope = "passport";  // report | bundle | passport
  std::string recipient;           // ≤ 255 characters
  std::optional<Secret> passcode;  // 8–128 characters
  std::optional<int> max_views;    // 1–10000
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
  std::string visitor_addresses;           // the tenant's setting (Settings::visitor_addresses)
  std::optional<Timestamp> session_until;  // of the session that the visitor presented, if it holds
  // A passcode or a number of views stands before what the link leads to.
  [[nodiscard]] bool is_protected() const { return share.passcode_hash || share.max_views; }
  [[nodiscard]] bool entered() const { return !is_protected() || session_until; }
};

// What opening a link gives.
struct OpenedLink {
  std::string session;
  Timestamp session_until{};
  std::optional<int> views_left;  // of a link with a number of views
};

struct SharingOptions {
  int open_per_scan_max = 1000;     // links neither revoked nor expired; 0: no limit
  int open_per_tenant_max = 10000;  // likewise
  int passcode_threads = 0;         // 0: one for each core
  Passports* passports = nullptr;   // where the files are that were signed
};

// What a visitor sees of a scan; immutable, shared by all visitors.
struct Overview {
  inventory::ScanDocument document;
  std::string result_sha256;
  // Oldest first, this scan last; for links whose scope is "passport".
  std::vector<store::shares::ScorePoint> history;
};

class Sharing {
 public:
  Sharing(store::Database& db, const Clock& clock, Random& random, const Secret& pepper,
          SharingOptions options = {});

  // kNotFound: no such scan in this tenant; kScanNotFinished: it has not ended in success;
  // kShareLimit: it, or the tenant, has as many open links as it may have; kValidationFailed.
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
  // kShareLinkPaused … for a genuine one, which is noted with the visitor if one is given. A link
  // that is used up still serves those who hold a session. One indexed read. `sessions` is what the
  // visitor presents: sessions separated by dots, or "". All three must outlive the task.
  [[nodiscard]] Task<Result<OpenLink>> resolve(std::string_view token,
                                               std::string_view sessions = {},
                                               const Visitor* visitor = nullptr);
  // Counts one opening and gives a session of 15 minutes: decided, counted and logged in one
  // transaction, or not at all. kValidationFailed (field "passcode") if one is needed and none is
  // given; kSharePasscodeWrong, which is logged; the codes of resolve() if the link's time or views
  // are over. kRateLimited past the tries that
  // passcode_tries.h allows.
  [[nodiscard]] Task<Result<OpenedLink>> open(const OpenLink& link, std::optional<Secret> passcode,
                                              Visitor visitor);
  // kShareSessionNeeded unless the link is open to the visitor.
  [[nodiscard]] static Result<void> check_entered(const OpenLink& link);
  // Somebody looked at the link's page: noted, written later, counted as nothing.
  void note_preview(const OpenLink& link, std::string_view format, const Visitor& visitor);
  // Writes what note_preview() and tries at dead links left. What fails is tried again next time.
  [[nodiscard]] Task<Result<void>> flush_visits() { return visits_.flush(); }

  [[nodiscard]] Task<Result<std::shared_ptr<const Overview>>> overview(const OpenLink& link);
  // The log row of a download, of an artifact ("pdf") or of anything else ("passport"). Call it
  // before the bytes go out: no log row, no download.
  [[nodiscard]] Task<Result<void>> log_download(const OpenLink& link, std::string format,
                                                Visitor visitor);
  // kShareScope, naming the link's scope, as for `what` ("bundle", "the passport").
  [[nodiscard]] static tl::unexpected<Error> outside_scope(const OpenLink& link,
                                                           std::string_view what);
  // The formats that this link's scope covers and that exist.
  [[nodiscard]] static std::vector<ArtifactFormat> formats_of_scope(std::string_view scope);
  // Whether the scope covers the format, existing yet or not.
  [[nodiscard]] static bool scope_covers(std::string_view scope, ArtifactFormat format);

  // Without a look at scope or log: for sizes and ETags of what an overview offers. The same bytes
  // every time.
  [[nodiscard]] Task<Result<std::shared_ptr<const Artifact>>> artifact(ScanId scan,
                                                                       ArtifactFormat format);
  // The same for who came by this link: a PDF says for whom it was made.
  [[nodiscard]] Task<Result<std::shared_ptr<const Artifact>>> artifact_for(OpenLink link,
                                                                           ArtifactFormat format);

  // Queues and threads, for /metrics.
  void report(MetricText& out) {
    passcodes_.report(out);
    visits_.report(out);
  }
  void stop() { passcodes_.stop(); }

  // Of each cache: entries, and bytes of stored result or artifact. What is larger than the whole
  // is made anew each time.
  static constexpr int kHistoryMax = 24;  // scans
  static constexpr std::size_t kOverviewCacheMax = 256;
  static constexpr std::size_t kOverviewCacheBytesMax = 16 * 1024 * 1024;

 private:
  [[nodiscard]] Task<Result<std::shared_ptr<const Artifact>>> make_and_keep(std::string key,
                                                                            ScanId scan,
                                                                            ArtifactFormat format,
                                                                            std::string recipient);
  [[nodiscard]] store::ViewRow view_row(const OpenLink& link, std::string_view outcome,
                                        std::string_view format, const Visitor& visitor);
  [[nodiscard]] store::AuditRow visitor_trail(const OpenLink& link, std::string_view action,
                                              const store::ViewRow& view, const Visitor& visitor);
  [[nodiscard]] Task<Result<void>> log_now(store::ViewRow row,
                                           std::optional<store::AuditRow> trail);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Secret& pepper_;
  SharingOptions options_;
  VisitorNames names_;
  VisitLog visits_;
  ShareSessions sessions_;
  Passcodes passcodes_;
  PasscodeTries tries_;
  BoundedCache<Overview> overviews_;  // by scan id
  BoundedCache<Artifact> artifacts_;  // by scan id and format
};

}  // namespace carnet::service
