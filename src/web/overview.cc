#include "web/overview.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <unordered_map>

#include <fmt/format.h>

#include "base/text.h"
#include "web/words.h"

namespace carnet::web {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

constexpr std::size_t kFirstItems = 3;
constexpr std::array<double, 3> kBandEdges = {40, 65, 85};

// The gauge's half circle: centre and radii of overview.tpl's paths.
constexpr double kCentreX = 120, kCentreY = 122, kInner = 87, kOuter = 105;

struct Tally {
  int total = 0, vulnerable = 0, hndl = 0, unknown = 0;
};

Tally tally(const std::vector<Asset>& assets, Exposure exposure) {
  Tally sum;
  for (const Asset& asset : assets) {
    if (asset.exposure != exposure) continue;
    ++sum.total;
    const AssetStatus status = asset.vulnerability.status;
    if (status == AssetStatus::kAtRisk || status == AssetStatus::kBroken) ++sum.vulnerable;
    if (status == AssetStatus::kUnknown) ++sum.unknown;
    if (asset.vulnerability.hndl_exposed) ++sum.hndl;
  }
  return sum;
}

std::string unknown_words(int unknown) {
  if (unknown == 0) return "";
  return fmt::format(" {} could not be determined.", unknown);
}

// A cut through the arc at `score`, as a path.
std::string cut_path(double score) {
  const double angle = std::numbers::pi * (1 - score / 100);
  const double cosine = std::cos(angle), sine = std::sin(angle);
  return fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}", kCentreX + kInner * cosine,
                     kCentreY - kInner * sine, kCentreX + kOuter * cosine,
                     kCentreY - kOuter * sine);
}

std::string range_words(const inventory::Judgement& judgement) {
  if (!judgement.score_low || !judgement.score_high) return "none";
  return fmt::format("{} to {}", decimal(*judgement.score_low), decimal(*judgement.score_high));
}

void fill_gauge(Filler page, const inventory::Judgement& judgement) {
  const std::string range = range_words(judgement);
  for (const double edge : kBandEdges) page.section("CUT").set("PATH", cut_path(edge));
  if (!judgement.score) {
    page.set("SCORE", "–");
    page.set("SCORE_NOTE", "no score");
    page.set("GAUGE_LABEL", "No score: nothing could be classified");
    return;
  }
  const double score = std::clamp(*judgement.score, 0.0, 100.0);
  Filler gauge = page.section("GAUGE");
  gauge.set("VALUE_DASH", fmt::format("{:.1f} 101", score));
  if (judgement.score_low && judgement.score_high && *judgement.score_high > *judgement.score_low) {
    gauge.section("RANGE").set("DASH", fmt::format("0 {:.1f} {:.1f} 101", *judgement.score_low,
                                                   *judgement.score_high - *judgement.score_low));
  }
  page.set("SCORE", decimal(score));
  page.set("SCORE_NOTE", "of 100");
  page.set("GAUGE_LABEL", fmt::format("Readiness score {} of 100, {}; score range {}",
                                      decimal(score), judgement.band, range));
}

void fill_score(Filler page, const inventory::Judgement& judgement) {
  const BandWords words = band_words(judgement.band);
  page.set("BAND_TOKEN", words.token);
  page.set("BAND", judgement.band.empty() ? "No score" : judgement.band);
  if (!words.range.empty()) page.section("BAND_RANGE").set("TEXT", words.range);
  page.set("BAND_MEANING", words.meaning);
  fill_gauge(page, judgement);

  const inventory::Coverage& coverage = judgement.coverage;
  const int missing = std::max(0, coverage.requested - coverage.reached);
  page.set("RANGE_TEXT", range_words(judgement));
  const bool narrow = judgement.score_low == judgement.score_high;
  if (!judgement.score) {
    page.set("RANGE_NOTE", "Without a score there is no range.");
  } else if (narrow) {
    page.set("RANGE_NOTE",
             "Every requested endpoint could be judged, so both ends are the score itself.");
  } else {
    page.set("RANGE_NOTE",
             "The low end counts every requested endpoint that could not be judged as vulnerable; "
             "the high end leaves it "
             "out.");
  }
  page.set("COVERAGE_TEXT", fmt::format("{} of {} reached.", coverage.reached,
                                        counted(coverage.requested, "endpoint", "endpoints")));
  page.set("COVERAGE_NOTE", missing == 0
                                ? "Nothing that was asked for is missing."
                                : counted(missing, "endpoint is missing from the score; it is",
                                          "endpoints are missing from the score; they are") +
                                      " listed below.");
  page.set("CONFIDENCE", decimal(coverage.confidence));
}

std::string key_establishment_words(const Tally& kex) {
  if (kex.total == 0) return "No key establishment was found in this scan.";
  if (kex.hndl == 0) {
    return "None of the key exchanges found lets traffic that is recorded today be read by a later "
           "quantum computer." +
           unknown_words(kex.unknown);
  }
  return fmt::format(
      "Whoever records the traffic of {} today can read it once a quantum computer exists. A new "
      "certificate does not help; "
      "a hybrid or ML-KEM key exchange does.{}",
      kex.hndl == 1 ? "this one" : fmt::format("these {}", kex.hndl), unknown_words(kex.unknown));
}

std::string authentication_words(const Tally& auth) {
  if (auth.total == 0) return "No certificate or host key was found in this scan.";
  if (auth.vulnerable == 0) {
    return "None of the certificates and keys found can be forged by known quantum attacks." +
           unknown_words(auth.unknown);
  }
  return fmt::format(
      "Nothing recorded today is lost through {}, but a quantum computer could pose as the owner. "
      "Replacing them before that "
      "day is enough; short lifetimes buy time.{}",
      auth.vulnerable == 1 ? "it" : "them", unknown_words(auth.unknown));
}

void fill_exposure(Filler page, const inventory::Judgement& judgement) {
  const Tally kex = tally(judgement.assets, Exposure::kKeyEstablishment);
  const Tally auth = tally(judgement.assets, Exposure::kAuthentication);
  page.set("HNDL", kex.hndl);
  page.set("KEX_TOTAL", kex.total);
  page.set("KEX_WORDS", key_establishment_words(kex));
  page.set("FORGEABLE", auth.vulnerable);
  page.set("AUTH_TOTAL", auth.total);
  page.set("AUTH_WORDS", authentication_words(auth));

  const inventory::StatusCounts& counts = judgement.counts;
  if (counts.broken > 0) {
    page.section("BROKEN_TODAY")
        .set("TEXT", counted(counts.broken, "asset is weak against today’s attackers already",
                             "assets are weak against today’s attackers already") +
                         ", without any quantum computer. That comes first.");
  }
  page.set("ASSETS", counted(counts.assets, "asset", "assets"));
  struct Part {
    AssetStatus status;
    int count;
    std::string_view meaning;
  };
  const std::array<Part, 4> parts{
      {{AssetStatus::kBroken, counts.broken, "weak today, or forbidden by every current standard"},
       {AssetStatus::kAtRisk, counts.at_risk, "would fall to a quantum computer"},
       {AssetStatus::kSafe, counts.safe, "no known quantum attack of concern"},
       {AssetStatus::kUnknown, counts.unknown, "could not be determined"}}};
  double x = 0;
  std::string spoken;
  for (const Part& part : parts) {
    const Label label = status_label(part.status);
    Filler legend = page.section("LEGEND");
    legend.set("TOKEN", label.token);
    legend.set("TEXT", to_lower_ascii(label.text) + ":");
    legend.set("COUNT", part.count);
    legend.set("MEANING", part.meaning);
    spoken +=
        fmt::format("{}{} {}", spoken.empty() ? "" : ", ", part.count, to_lower_ascii(label.text));
    if (part.count == 0 || counts.assets == 0) continue;
    const double width = 100.0 * part.count / counts.assets;
    Filler bar = page.section("STACK");
    bar.set("TOKEN", label.token);
    bar.set("X", fmt::format("{:.2f}", x));
    bar.set("WIDTH", fmt::format("{:.2f}", width));
    x += width;
  }
  page.set("STACK_LABEL", "Assets by status: " + spoken);
}

// A source that is a web address becomes a link named after its host; any other stays text.
void fill_source(Filler parent, std::string_view source) {
  const std::string host = url_host(source);
  if (!host.empty()) {
    Filler link = parent.section("LINK");
    link.set("URL", source);
    link.set("HOST", host);
  } else if (!source.empty()) {
    parent.section("SOURCE").set("TEXT", source);
  }
}

// Text in which settings stand between backticks, as plain and code parts by turns; a backtick
// without a partner is text.
void fill_action(Filler item, std::string_view action) {
  while (!action.empty()) {
    const std::size_t open = action.find('`');
    const std::size_t close = open == std::string_view::npos ? open : action.find('`', open + 1);
    const bool has_code = close != std::string_view::npos;
    const std::string_view plain = has_code ? action.substr(0, open) : action;
    if (!plain.empty()) item.section("PART").section("PLAIN").set("TEXT", plain);
    if (!has_code) return;
    item.section("PART").section("CODE").set("TEXT", action.substr(open + 1, close - open - 1));
    action.remove_prefix(close + 1);
  }
}

// The title without the place, which stands on a line of its own.
std::string_view short_title(std::string_view title, std::string_view place) {
  const std::string suffix = " at " + std::string(place);
  if (!place.empty() && title.ends_with(suffix)) title.remove_suffix(suffix.size());
  return title;
}

void fill_item(Filler item, const inventory::BacklogItem& backlog, const Asset* asset) {
  const std::string place = asset == nullptr ? "" : host_port(asset->host, asset->port);
  item.set("TITLE", short_title(backlog.title, place));
  fill_action(item, backlog.action);
  if (!place.empty()) item.section("WHERE").set("TEXT", place);
  if (!backlog.pqc_algorithm.empty()) item.section("TARGET").set("TEXT", backlog.pqc_algorithm);
  if (backlog.deadline.empty()) {
    const bool broken = asset != nullptr && asset->vulnerability.status == AssetStatus::kBroken;
    item.section("NO_DEADLINE")
        .set("TEXT",
             broken ? "now, as it can be attacked today" : "none set by the rules examined");
  } else {
    Filler deadline = item.section("DEADLINE");
    deadline.set("DAY", long_day(backlog.deadline));
    fill_source(deadline, backlog.deadline_source);
  }
  if (backlog.effort_days > 0) {
    item.section("EFFORT").set("TEXT",
                               decimal(backlog.effort_days) +
                                   (backlog.effort_days == 1 ? " working day" : " working days"));
  }
  if (!backlog.owner.empty()) item.section("OWNER").set("NAME", backlog.owner);
}

void fill_first(Filler page, const inventory::Judgement& judgement) {
  std::unordered_map<std::string_view, const Asset*> by_id;
  for (const Asset& asset : judgement.assets) by_id.emplace(asset.id, &asset);
  std::vector<const inventory::BacklogItem*> open;
  for (const inventory::BacklogItem& item : judgement.backlog) {
    if (item.status != "done") open.push_back(&item);
  }
  if (open.empty()) {
    page.section("NOTHING_FIRST")
        .set("TEXT", judgement.score
                         ? "Nothing is open: no finding of this scan calls for an action."
                         : "Nothing could be classified, so no action follows from this scan.");
    return;
  }
  Filler first = page.section("FIRST");
  for (std::size_t i = 0; i < std::min(open.size(), kFirstItems); ++i) {
    const auto asset = by_id.find(open[i]->asset_id);
    fill_item(first.section("ITEM"), *open[i], asset == by_id.end() ? nullptr : asset->second);
  }
  if (open.size() > kFirstItems) {
    const auto rest = static_cast<long long>(open.size() - kFirstItems);
    first.section("MORE").set("TEXT", counted(rest, "more action is", "more actions are") +
                                          " in the full report, in order of urgency.");
  }
}

void fill_mosca(Filler page, const inventory::MoscaJudgement& mosca) {
  const inventory::MoscaParameters& given = mosca.parameters;
  const double sum = given.data_shelf_life_years + given.migration_time_years;
  const double widest = std::max({sum, given.years_to_qday, 0.1});
  const auto percent = [widest](double years) {
    return fmt::format("{:.2f}", 100 * std::max(0.0, years) / widest);
  };
  page.set("MOSCA_TOKEN", mosca.inequality_holds ? "late" : "in-time");
  page.set("X", decimal(given.data_shelf_life_years));
  page.set("Y", decimal(given.migration_time_years));
  page.set("Z", decimal(given.years_to_qday));
  page.set("SUM", decimal(sum));
  page.set("X_WIDTH", percent(given.data_shelf_life_years));
  page.set("Y_WIDTH", percent(given.migration_time_years));
  page.set("Z_WIDTH", percent(given.years_to_qday));
  page.set("COMPARED", mosca.inequality_holds ? "more than" : "not more than");
  page.set("VERDICT", mosca.inequality_holds ? "Under these assumptions, data sent today without "
                                               "post-quantum key exchange is exposed already, and "
                                               "the migration is urgent."
                                             : "Under these assumptions, there is still time, "
                                               "provided that the migration starts and ends as "
                                               "assumed.");
  page.set(
      "MOSCA_LABEL",
      fmt::format(
          "Secrecy {} years plus migration {} years, against {} years until a quantum computer",
          decimal(given.data_shelf_life_years), decimal(given.migration_time_years),
          decimal(given.years_to_qday)));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kNames = {
      {{"dataShelfLifeYears", "X_DEFAULT"},
       {"migrationTimeYears", "Y_DEFAULT"},
       {"yearsToQDay", "Z_DEFAULT"}}};
  bool any = false;
  for (const auto& [name, section] : kNames) {
    if (std::find(given.defaults.begin(), given.defaults.end(), name) == given.defaults.end())
      continue;
    (void)page.section(section);
    any = true;
  }
  if (any) {
    page.section("DEFAULTS_NOTE")
        .set("TEXT",
             "A value marked “default” was not given for this scan. It is a general assumption, "
             "and the result changes "
             "with it.");
  }
}

void fill_cover(Filler page, const service::OpenLink& link, const inventory::ScanDocument& document,
                Timestamp now) {
  page.set("HEADING", document.label.empty() ? "Quantum readiness" : document.label);
  page.set("ISSUER", link.share.tenant_name);
  if (!link.share.recipient.empty()) page.section("RECIPIENT").set("NAME", link.share.recipient);
  page.set("WHAT", fmt::format("How well the cryptography of {} would withstand a quantum "
                               "computer, what is exposed today, and what "
                               "to do first.",
                               counted(document.judgement.coverage.requested, "network endpoint",
                                       "network endpoints")));
  page.set("FINISHED", long_date(document.finished_at));
  page.set("FINISHED_ISO", to_rfc3339(document.finished_at));
  page.set("EXPIRES", long_date(link.share.expires_at));
  page.set("EXPIRES_ISO", to_rfc3339(link.share.expires_at));
  page.set("EXPIRES_LEFT", time_left(now, link.share.expires_at));
  page.set("SCAN_ID", document.scan_id);
  if (document.sample) (void)page.section("SAMPLE");
}

}  // namespace

void fill_overview(Filler page, const service::OpenLink& link, const service::Overview& overview,
                   const std::vector<DownloadLink>& downloads, Timestamp now) {
  const inventory::ScanDocument& document = overview.document;
  const inventory::Judgement& judgement = document.judgement;
  fill_cover(page, link, document, now);
  fill_score(page, judgement);
  fill_exposure(page, judgement);
  fill_first(page, judgement);
  fill_mosca(page, judgement.mosca);
  fill_findings(page, document);
  if (!downloads.empty()) {
    Filler section = page.section("DOWNLOADS");
    for (const DownloadLink& download : downloads) {
      const FormatWords words = format_words(download.format);
      Filler file = section.section("FILE");
      file.set("URL", download.href);
      file.set("NAME", words.name);
      file.set("PURPOSE", words.purpose);
      file.set("SIZE", byte_size(download.bytes));
    }
  }
  page.set("METHOD", judgement.method_version);
  for (const std::string& note : judgement.notes) page.section("NOTE").set("TEXT", note);
}

}  // namespace carnet::web
