#pragma once
// HTML pages from ctemplate templates in AUTOESCAPE mode, and the static files they use, all
// embedded in the program. Pages work without JavaScript, on a phone and printed, load nothing from
// elsewhere, and hold to the CSP of docs/sharing.md. Made once by app/, read-only afterwards,
// thread-safe.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/verify.h"
#include "service/artifacts.h"
#include "service/sharing.h"

namespace carnet::web {

struct StaticFile {
  std::string_view content_type;
  std::string_view bytes;
  std::string etag;  // without quotes; also in the URL, so that it may be cached for a year
};

struct DownloadLink {
  std::optional<service::ArtifactFormat> format;  // nullopt: the passport
  std::string href;
  std::size_t bytes = 0;
  std::string sha256;  // hex
};

// What the visitor wants to see of the assets; "" and 1 where nothing was said. Words that mean
// nothing count as not said.
struct AssetQuery {
  std::string text;
  std::string status;    // "broken" | "at-risk" | "safe" | "unknown"
  std::string exposure;  // "key-establishment" | "authentication"
  std::string order;     // "where" | "algorithm"; "": the most urgent first
  int page = 1;
};

// The page behind a link.
struct Room {
  const service::OpenLink& link;
  const service::Overview& overview;
  std::string address;  // "/r/TOKEN"
  std::vector<DownloadLink> downloads;
  AssetQuery assets;
  Timestamp now{};
};

// The page before a protected link: it names nobody and says nothing about the scan.
struct OpenPage {
  enum class Note { kNone, kWrong, kMissing };
  std::string token;
  std::string scope;
  bool passcode = false;  // asks for one
  bool counted = false;   // the link has a number of views
  Timestamp expires_at{};
  Note note = Note::kNone;  // what came of the last try
};

// One operation of the API as the docs page shows it (filled from the route table).
struct DocsRoute {
  std::string method, path, operation_id, role, summary;
};
struct DocsProblem {
  std::string code, title, meaning;
  int status = 0;
};

class Pages {
 public:
  Pages();
  ~Pages();

  // The overview at /r/{token} for a usable link.
  [[nodiscard]] std::string overview(const Room& room) const;
  // A page for a link that cannot be shown: `code` is the problem's code ("not_found",
  // "share_link_expired", …, "rate_limited", "unavailable"). Names no tenant. The page for
  // "not_found" is always the same bytes.
  // `back` is where the visitor may go on ("/r/TOKEN"), "" if nowhere.
  [[nodiscard]] std::string link_problem(std::string_view code, int status,
                                         std::string_view back = {}) const;
  // The Open button, or the field for the passcode. Works without scripts.
  [[nodiscard]] std::string open(const OpenPage& page, Timestamp now) const;
  // /verify: the form, and what came of the document that was handed in (null: nothing was).
  [[nodiscard]] std::string verify(const evidence::Verification* verification) const;
  // /docs: every operation and every problem code, from the caller's tables.
  [[nodiscard]] std::string docs(const std::vector<DocsRoute>& routes,
                                 const std::vector<DocsProblem>& problems,
                                 std::string_view version) const;
  // A file under /assets/ (style sheet, script, icon) by name; nullopt if there is none.
  [[nodiscard]] std::optional<StaticFile> asset(std::string_view name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carnet::web
