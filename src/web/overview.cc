#include "web/overview.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "base/text.h"
#include "web/words.h"

namespace carnet::web {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

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

void fill_cover(Filler page, const Room& room) {
  const inventory::ScanDocument& document = room.overview.document;
  const store::ShareRow& share = room.link.share;
  page.set("HEADING", document.label.empty() ? "Quantum readiness" : document.label);
  page.set("ISSUER", share.tenant_name);
  if (!share.recipient.empty()) page.section("RECIPIENT").set("NAME", share.recipient);
  page.set("WHAT", fmt::format("How well the cryptography of {} would withstand a quantum "
                               "computer, what is exposed today, and what "
                               "to do first.",
                               counted(document.judgement.coverage.requested, "network endpoint",
                                       "network endpoints")));
  page.set("FINISHED", long_date(document.finished_at));
  page.set("FINISHED_ISO", to_rfc3339(document.finished_at));
  page.set("EXPIRES", long_date(share.expires_at));
  page.set("EXPIRES_ISO", to_rfc3339(share.expires_at));
  page.set("EXPIRES_LEFT", time_left(room.now, share.expires_at));
  page.set("SCAN_ID", document.scan_id);
  if (room.link.session_until) {
    Filler session = page.section("SESSION");
    session.set("UNTIL", long_date(*room.link.session_until));
    session.set("UNTIL_ISO", to_rfc3339(*room.link.session_until));
  }
  if (document.sample) (void)page.section("SAMPLE");
}

// The chart's plane: overview.tpl's viewBox.
constexpr double kChartLeft = 30, kChartWidth = 540, kChartTop = 16, kChartHeight = 108;

void fill_history(Filler page, const Room& room) {
  if (room.link.share.scope != "passport" || room.overview.history.empty()) return;
  std::vector<const store::shares::ScorePoint*> points;
  for (const auto& point : room.overview.history)
    if (point.score) points.push_back(&point);
  Filler section = page.section("HISTORY");
  if (points.size() < 2) {
    (void)section.section("FIRST_SCAN");
    return;
  }
  Filler chart = section.section("CHART");
  std::string line;
  std::string spoken;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double x =
        kChartLeft + kChartWidth * static_cast<double>(i) / static_cast<double>(points.size() - 1);
    const double y = kChartTop + kChartHeight * (1 - *points[i]->score / 100);
    line += fmt::format("{}{:.1f},{:.1f}", i == 0 ? "" : " ", x, y);
    spoken += fmt::format("{}{}", i == 0 ? "" : ", ", decimal(*points[i]->score));
    Filler dot = chart.section("DOT");
    dot.set("X", fmt::format("{:.1f}", x));
    dot.set("Y", fmt::format("{:.1f}", y));
    dot.set("TEXT_Y", fmt::format("{:.1f}", y < 30 ? y + 20 : y - 9));
    dot.set("SCORE", decimal(*points[i]->score));
    dot.set("ANCHOR", i == 0 ? "start" : i + 1 == points.size() ? "end" : "middle");
    Filler row = chart.section("ROW");
    row.set("DATE", long_date(points[i]->at));
    row.set("DATE_ISO", to_rfc3339(points[i]->at));
    row.set("SCORE", decimal(*points[i]->score));
    row.set("BAND", points[i]->band);
  }
  chart.set("LINE", line);
  chart.set("LABEL", "Readiness scores of the same targets, oldest first: " + spoken);
  const double change = *points.back()->score - *points.front()->score;
  const std::string since = long_date(points.front()->at);
  chart.set("CHANGE", std::abs(change) < 0.05
                          ? fmt::format("Unchanged since {}.", since)
                          : fmt::format("{} {} points since {}.", change < 0 ? "Down" : "Up",
                                        decimal(std::abs(change)), since));
}

void fill_downloads(Filler page, const Room& room) {
  if (room.downloads.empty()) return;
  for (const DownloadLink& download : room.downloads) {
    if (download.format) continue;
    Filler verify = page.section("VERIFY");
    verify.set("PASSPORT", download.href);
    verify.set("SHA256", download.sha256);
  }
  Filler section = page.section("DOWNLOADS");
  for (const DownloadLink& download : room.downloads) {
    const FormatWords words =
        download.format ? format_words(*download.format)
                        : FormatWords{.name = "Passport",
                                      .purpose = "the signed document that names every file"};
    Filler file = section.section("FILE");
    file.set("URL", download.href);
    file.set("FORMAT", download.format ? service::to_string(*download.format) : "passport");
    file.set("NAME", words.name);
    file.set("PURPOSE", words.purpose);
    file.set("SIZE", byte_size(download.bytes));
    if (!download.sha256.empty()) file.section("DIGEST").set("SHA256", download.sha256);
  }
}

}  // namespace

void fill_overview(Filler page, const Room& room) {
  const inventory::ScanDocument& document = room.overview.document;
  const inventory::Judgement& judgement = document.judgement;
  fill_cover(page, room);
  fill_score(page, judgement);
  fill_exposure(page, judgement);
  fill_backlog(page, room);
  fill_history(page, room);
  fill_mosca(page, judgement.mosca);
  fill_assets(page, room);
  fill_findings(page, document);
  fill_downloads(page, room);
  page.set("METHOD", judgement.method_version);
  for (const std::string& note : judgement.notes) page.section("NOTE").set("TEXT", note);
}

}  // namespace carnet::web
