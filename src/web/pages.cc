#include "web/pages.h"

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "web/docs.h"
#include "web/embedded.h"
#include "web/overview.h"
#include "web/templates.h"
#include "web/verify.h"
#include "web/words.h"

namespace carnet::web {
namespace {

constexpr std::size_t kEtagDigits = 32;    // 128 bits
constexpr std::size_t kVersionDigits = 8;  // in the URL

struct Module {
  std::string_view name;
  std::string_view (*bytes)();
};
// What verify.js imports (cmake/CarnetNoble.cmake).
constexpr Module kNoble[] = {
    {"noble-post-quantum-ml-dsa.js", embedded::noble_post_quantum_ml_dsa_js},
    {"noble-post-quantum-_crystals.js", embedded::noble_post_quantum__crystals_js},
    {"noble-post-quantum-utils.js", embedded::noble_post_quantum_utils_js},
    {"noble-curves-utils.js", embedded::noble_curves_utils_js},
    {"noble-curves-abstract-fft.js", embedded::noble_curves_abstract_fft_js},
    {"noble-curves-abstract-modular.js", embedded::noble_curves_abstract_modular_js},
    {"noble-hashes-sha2.js", embedded::noble_hashes_sha2_js},
    {"noble-hashes-sha3.js", embedded::noble_hashes_sha3_js},
    {"noble-hashes-_md.js", embedded::noble_hashes__md_js},
    {"noble-hashes-_u64.js", embedded::noble_hashes__u64_js},
    {"noble-hashes-hmac.js", embedded::noble_hashes_hmac_js},
    {"noble-hashes-legacy.js", embedded::noble_hashes_legacy_js},
    {"noble-hashes-utils.js", embedded::noble_hashes_utils_js},
};

StaticFile static_file(std::string_view content_type, std::string_view bytes) {
  return {.content_type = content_type,
          .bytes = bytes,
          .etag = crypto::sha256_hex(bytes).substr(0, kEtagDigits)};
}

bool has_passport(const Room& room) {
  return std::any_of(room.downloads.begin(), room.downloads.end(),
                     [](const DownloadLink& download) { return !download.format; });
}

}  // namespace

struct Pages::State {
  TemplateSet templates;
  StaticFile style = static_file("text/css; charset=utf-8", embedded::carnet_css());
  StaticFile script = static_file("text/javascript; charset=utf-8", embedded::carnet_js());
  StaticFile module = static_file("text/javascript; charset=utf-8", embedded::verify_js());
  StaticFile icon = static_file("image/svg+xml", embedded::carnet_svg());
  // The unknown-link page is asked for the most by strangers, and has to be the same bytes each
  // time: made once.
  std::string not_found;

  [[nodiscard]] static std::string_view version(const StaticFile& file) {
    return std::string_view(file.etag).substr(0, kVersionDigits);
  }
  // The parts that every page shares.
  void fill_frame(Filler page, std::string_view note, std::string_view footer, bool with_script,
                  bool with_module = false) const;
  [[nodiscard]] std::string problem(std::string_view code, int status, std::string_view back) const;
};

void Pages::State::fill_frame(Filler page, std::string_view note, std::string_view footer,
                              bool with_script, bool with_module) const {
  Filler head = page.include("HEAD", "head");
  head.set("ICON_VERSION", version(icon));
  head.set("STYLE_VERSION", version(style));
  if (with_script) head.section("SCRIPT").set("SCRIPT_VERSION", version(script));
  if (with_module) head.section("MODULE").set("MODULE_VERSION", version(module));
  Filler masthead = page.include("MASTHEAD", "masthead");
  masthead.set("ICON_VERSION", version(icon));
  masthead.set("NOTE", note);
  page.include("FOOTER", "footer").set("TEXT", footer);
}

std::string Pages::State::problem(std::string_view code, int status, std::string_view back) const {
  return templates.render("problem", [&](Filler page) {
    const ProblemWords words = problem_words(code);
    fill_frame(page, "Shared by link", "Carnet · quantum-readiness reports", false);
    page.set("TITLE", words.title);
    page.set("EXPLANATION", words.explanation);
    page.set("ADVICE", words.advice);
    page.set("CODE", code);
    page.set("STATUS", status);
    if (!back.empty()) page.section("BACK").set("URL", back);
  });
}

Pages::Pages() : state_(std::make_unique<State>()) {
  state_->not_found = state_->problem("not_found", 404, {});
}

Pages::~Pages() = default;

std::string Pages::overview(const Room& room) const {
  return state_->templates.render("overview", [&](Filler page) {
    state_->fill_frame(page, "Confidential · shared by link",
                       "Made with Carnet. An inventory aid and no audit; observed from the network "
                       "at the time stated above.",
                       true, has_passport(room));
    fill_overview(page, room);
  });
}

std::string Pages::link_problem(std::string_view code, int status, std::string_view back) const {
  if (code == "not_found") return state_->not_found;
  return state_->problem(code, status, back);
}

std::string Pages::open(const OpenPage& given, Timestamp now) const {
  return state_->templates.render("open", [&](Filler page) {
    state_->fill_frame(page, "Confidential · shared by link", "Carnet · quantum-readiness reports",
                       false);
    page.set("ACTION", "/r/" + given.token + "/open");
    page.set("CONTENTS", scope_words(given.scope));
    page.set("EXPIRES", long_date(given.expires_at));
    page.set("EXPIRES_ISO", to_rfc3339(given.expires_at));
    page.set("EXPIRES_LEFT", time_left(now, given.expires_at));
    if (given.counted) (void)page.section("COUNTED");
    if (!given.passcode) {
      page.set("HEADING", "Open this report");
      return;
    }
    page.set("HEADING", "This report is protected by a passcode");
    Filler form = page.section("PASSCODE");
    if (given.note == OpenPage::Note::kNone) return;
    form.section("NOTE").set("TEXT", given.note == OpenPage::Note::kWrong
                                         ? "That passcode is not right. Check it and try again; "
                                           "after a few tries there is a pause."
                                         : "Type the passcode that you were given.");
    (void)form.section("INVALID");
  });
}

std::string Pages::verify(const evidence::Verification* verification) const {
  return state_->templates.render("verify", [&](Filler page) {
    state_->fill_frame(page, "Verification", "Carnet · quantum-readiness reports", false);
    fill_verify(page, verification);
  });
}

std::string Pages::docs(const std::vector<DocsRoute>& routes,
                        const std::vector<DocsProblem>& problems, std::string_view version) const {
  return state_->templates.render("docs", [&](Filler page) {
    state_->fill_frame(page, "API documentation", "Carnet " + std::string(version), false);
    fill_docs(page, routes, problems);
  });
}

std::optional<StaticFile> Pages::asset(std::string_view name) const {
  if (name == "carnet.css") return state_->style;
  if (name == "carnet.js") return state_->script;
  if (name == "carnet.svg") return state_->icon;
  if (name == "verify.js") return state_->module;
  for (const auto& [module_name, bytes] : kNoble)
    if (name == module_name) return static_file("text/javascript; charset=utf-8", bytes());
  return std::nullopt;
}

}  // namespace carnet::web
