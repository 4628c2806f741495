// The long parts: assets, what to do, frameworks, method, limits.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>

#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"

namespace carnet::evidence {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::BacklogItem;
using inventory::Exposure;

constexpr TextStyle kBody{.size = 9.2, .code = true, .line_gap = 2.5};
constexpr TextStyle kSoftText{.size = 8.8, .color = paint::kSoft, .line_gap = 2};
constexpr TextStyle kCardTitle{.face = Face::kSemiBold, .size = 11, .color = paint::kCover};
constexpr TextStyle kFacts{.size = 8.2, .color = paint::kSoft, .lines_max = 3, .line_gap = 1.5};

// Longer tables have no readers, and cairo keeps something of every cell. The data files have them
// all. The first is of both tables of assets together.
constexpr std::size_t kAssetRowsMax = 10'000;
constexpr std::size_t kPlaceRowsMax = 1000;

int badness(AssetStatus status) {
  switch (status) {
    case AssetStatus::kBroken:
      return 0;
    case AssetStatus::kAtRisk:
      return 1;
    case AssetStatus::kUnknown:
      return 2;
    case AssetStatus::kSafe:
      return 3;
  }
  return 3;
}

std::string algorithm_text(const Asset& asset) {
  if (asset.algorithm.empty()) return "not determined";
  const bool says_size = asset.algorithm.find_first_of("0123456789") != std::string::npos;
  return asset.key_size > 0 && !says_size
             ? fmt::format("{}, {} bits", asset.algorithm, asset.key_size)
             : asset.algorithm;
}

// Whose page it is: "ncsc.gov.uk" of "https://www.ncsc.gov.uk/…".
std::string site_of(const std::string& uri) {
  std::string site = uri.substr(uri.find("//") + 2);
  site = site.substr(0, site.find('/'));
  constexpr std::string_view kWww = "www.";
  return site.starts_with(kWww) ? site.substr(kWww.size()) : site;
}

std::string_view status_of_work(std::string_view status) {
  if (status == "in_progress") return "In progress";
  if (status == "accepted_risk") return "Risk accepted";
  if (status == "done") return "Done";
  return "Open";
}

// "Turn on hybrid key establishment at www.example.org:443" without its end, if it has that end.
std::string without_place(const std::string& title, const std::string& place,
                          const std::string& host) {
  for (const std::string& end : {place, host})
    for (const char* joint : {" at ", " on ", " of ", " for "}) {
      const std::string tail = joint + end;
      if (!end.empty() && title.size() > tail.size() && title.ends_with(tail))
        return title.substr(0, title.size() - tail.size());
    }
  return title;
}

}  // namespace

void PdfReport::assets() {
  section(
      "Assets", "assets",
      "The assets that were seen, the weakest first. What an endpoint showed in full, certificate "
      "by certificate, is in report.json and in the CBOM.",
      judgement_.assets.empty() ? 40 : 160);
  if (judgement_.assets.empty()) paragraph("No asset was seen.", kBody);
  const auto count = [this](Exposure exposure) {
    return static_cast<std::size_t>(
        std::count_if(judgement_.assets.begin(), judgement_.assets.end(),
                      [exposure](const Asset& asset) { return asset.exposure == exposure; }));
  };
  // Half of the rows each, and what the other does not need.
  const std::size_t half = kAssetRowsMax / 2;
  const std::size_t authentication = std::min(count(Exposure::kAuthentication), kAssetRowsMax);
  const std::size_t first =
      std::min(count(Exposure::kKeyEstablishment), std::max(half, kAssetRowsMax - authentication));
  asset_table(Exposure::kKeyEstablishment, first);
  asset_table(Exposure::kAuthentication, kAssetRowsMax - first);
}

void PdfReport::asset_table(Exposure exposure, std::size_t rows_at_most) {
  std::vector<const Asset*> list;
  for (const Asset& asset : judgement_.assets)
    if (asset.exposure == exposure) list.push_back(&asset);
  if (list.empty()) return;
  std::sort(list.begin(), list.end(), [](const Asset* a, const Asset* b) {
    const int bad_a = badness(a->vulnerability.status), bad_b = badness(b->vulnerability.status);
    return bad_a != bad_b ? bad_a < bad_b : a < b;  // else in the order of the document
  });
  const bool key_establishment = exposure == Exposure::kKeyEstablishment;
  heading(fmt::format("{} ({})", key_establishment ? "Key establishment" : "Authentication",
                      grouped(static_cast<long long>(list.size()))));
  PdfTable table(*this, {{"Endpoint", 47},
                         {key_establishment ? "Agrees on keys with" : "Proves itself with", 26},
                         {"Status", 13},
                         {key_establishment ? "Recorded today, read later" : "Severity", 18},
                         {"Move to", 26}});
  const std::size_t shown = std::min(list.size(), rows_at_most);
  for (const Asset* asset : std::span(list).first(shown)) {
    const auto& vulnerability = asset->vulnerability;
    const Color color = status_color(vulnerability.status);
    const bool says_why = vulnerability.status == AssetStatus::kUnknown ||
                          vulnerability.status == AssetStatus::kBroken;
    table.row(
        {{.text = place_of(asset->host, asset->port),
          .note = says_why ? vulnerability.summary : std::string()},
         {.text = algorithm_text(*asset)},
         {.text = std::string(status_words(vulnerability.status)), .pill = &color},
         {.text = key_establishment ? (vulnerability.hndl_exposed ? "Yes" : "No")
                                    : capitalised(vulnerability.severity),
          .strong = key_establishment && vulnerability.hndl_exposed},
         {.text = vulnerability.pqc_replacement.empty() ? "–" : vulnerability.pqc_replacement}});
  }
  table.close();
  left_out(list.size() - shown, "asset", "assets", "assets.csv");
}

void PdfReport::left_out(std::size_t count, std::string_view one, std::string_view many,
                         std::string_view file) {
  if (count == 0) return;
  y_ += 4;
  paragraph(fmt::format("{} more: {} has them all.",
                        counted(static_cast<long long>(count), one, many), file),
            kSoftText);
}

std::vector<PdfReport::Work> PdfReport::works() const {
  std::unordered_map<std::string, const Asset*> by_id;
  for (const Asset& asset : judgement_.assets) by_id.emplace(asset.id, &asset);
  std::vector<Work> list;
  std::map<std::string, std::size_t> known;
  for (const BacklogItem& item : judgement_.backlog) {
    const auto asset = by_id.find(item.asset_id);
    std::string title = item.title;
    if (asset != by_id.end())
      title = without_place(title, place_of(asset->second->host, asset->second->port),
                            asset->second->host);
    const std::string key = title + "\n" + item.action + "\n" + item.pqc_algorithm;
    const auto [place, added] = known.try_emplace(key, list.size());
    if (added) list.push_back({.title = std::move(title), .items = {}});
    list[place->second].items.push_back(&item);
  }
  return list;
}

void PdfReport::backlog() {
  const std::vector<Work> list = works();
  const auto items = static_cast<long long>(judgement_.backlog.size());
  section("What to do", "backlog",
          items == 0
              ? std::string("Nothing is in the backlog.")
              : fmt::format("{} in {}, the most urgent first. Priority is severity, exposure "
                            "and Mosca's inequality taken together, from 0 to 100.",
                            counted(items, "item", "items"),
                            counted(static_cast<long long>(list.size()), "piece of work",
                                    "pieces of work")),
          list.empty() ? 20 : card_height(list.front(), 1));
  for (std::size_t i = 0; i < list.size(); ++i) work_card(list[i], i + 1);
}

// With a short table of places, which then stays with it.
double PdfReport::card_height(const Work& work, std::size_t number) {
  constexpr std::size_t kPlaces = 8;
  constexpr double kPlace = 21, kMost = 420;
  const double height =
      canvas_.height_of(kContentWidth - 16, fmt::format("{}. {}", number, work.title), kCardTitle) +
      canvas_.height_of(kContentWidth - 16, work.items.front()->action, kBody) + 64;
  return std::min(height + kPlace * static_cast<double>(std::min(work.items.size(), kPlaces)),
                  kMost);
}

void PdfReport::work_card(const Work& work, std::size_t number) {
  const BacklogItem& first = *work.items.front();
  double days = 0;
  for (const BacklogItem* item : work.items) days += item->effort_days;
  std::string facts = counted(static_cast<long long>(work.items.size()), "place", "places");
  if (!first.deadline.empty()) facts += ", by " + long_day(first.deadline);
  if (!first.pqc_algorithm.empty()) facts += ", move to " + first.pqc_algorithm;
  facts += fmt::format(", about {} {} of work", plain_number(days), days == 1 ? "day" : "days");
  std::string refs;
  for (const std::string& ref : first.standards_refs) refs += (refs.empty() ? "" : ", ") + ref;
  if (!refs.empty()) facts += ". " + refs;

  const std::string title = fmt::format("{}. {}", number, work.title);
  need(card_height(work, number));
  y_ += 6;
  static_cast<void>(canvas_.bookmark(section_bookmark_, title, y_ - 4));
  const double top = y_;
  const double x = kMargin + 16, width = kContentWidth - 16;
  canvas_.begin_tag("H2");
  y_ += canvas_.text(x, y_, width, title, kCardTitle) + 2;
  canvas_.end_tag("H2");
  canvas_.begin_tag("P");
  y_ += canvas_.text(x, y_, width, facts, kFacts) + 4;
  TextStyle action = kBody;
  action.lines_max = 24;
  y_ += canvas_.text(x, y_, width, first.action, action) + 4;
  canvas_.end_tag("P");
  if (const std::string uri = link_target(first.deadline_source); !uri.empty()) {
    TextStyle link{.size = 7.8, .color = paint::kAccent, .lines_max = 1};
    const double line = canvas_.text(x, y_, width, "Deadline: " + uri, link);
    canvas_.link_to({x, y_, std::min(width, canvas_.width_of("Deadline: " + uri, link)), line},
                    uri);
    y_ += line + 4;
  }
  canvas_.fill({kMargin, top, 4, y_ - top - 2},
               first.severity == "critical" ? paint::kBroken
               : first.severity == "high"   ? paint::kAtRisk
                                            : paint::kDeveloping,
               2);
  y_ += 3;
  std::map<std::string, const Asset*> wanted;
  for (const BacklogItem* item : work.items) wanted.emplace(item->asset_id, nullptr);
  for (const Asset& asset : judgement_.assets)
    if (const auto found = wanted.find(asset.id); found != wanted.end()) found->second = &asset;
  PdfTable table(*this, {{"Where", 44},
                         {"Priority", 11, Align::kRight},
                         {"Severity", 13},
                         {"Status", 14},
                         {"Owner", 20},
                         {"Planned for", 18}});
  const std::size_t shown = std::min(work.items.size(), kPlaceRowsMax);
  for (const BacklogItem* item : std::span(work.items).first(shown)) {
    const Asset* asset = wanted.at(item->asset_id);
    table.row({{.text = asset != nullptr ? place_of(asset->host, asset->port) : item->asset_id},
               {.text = plain_number(item->priority)},
               {.text = capitalised(item->severity)},
               {.text = std::string(status_of_work(item->status))},
               {.text = item->owner.empty() ? "–" : item->owner},
               {.text = item->target_date.empty() ? "–" : short_day(item->target_date)}});
  }
  table.close();
  left_out(work.items.size() - shown, "place", "places", "remediation.csv");
  y_ += 12;
}

void PdfReport::frameworks() {
  section(
      "Frameworks", "frameworks",
      "What each framework asks, held against what was seen. It is a reading of public texts by a "
      "program and no statement of compliance: \"cannot tell\" means that a scan cannot answer.",
      170);
  if (judgement_.frameworks.empty()) paragraph("No framework was judged.", kBody);
  for (const auto& framework : judgement_.frameworks) {
    PdfTable table(*this, {{"Requirement", 52},
                           {"By", 17},
                           {"Result", 18},
                           {"Decided by", 15, Align::kRight},
                           {"Source", 30}});
    std::vector<Color> colors;
    colors.reserve(framework.requirements.size());  // the cells point to them
    std::vector<std::vector<PdfTable::Cell>> rows;
    for (const auto& requirement : framework.requirements) {
      colors.push_back(result_color(requirement.result));
      const std::string uri = link_target(requirement.source);
      const auto deciding = static_cast<long long>(requirement.asset_ids.size());
      rows.push_back(
          {{.text = requirement.text, .note = requirement.id},
           {.text = requirement.date.empty() ? "–" : short_day(requirement.date)},
           {.text = std::string(result_words(requirement.result)), .pill = &colors.back()},
           {.text = deciding == 0 ? "–" : counted(deciding, "asset", "assets")},
           {.text = uri.empty() ? requirement.source : site_of(uri), .link = uri}});
    }
    // A short table is not torn apart.
    const double whole = table.height_of(rows) + 30;
    if (whole < (kBottom - kTop) / 2) need(whole);
    heading(framework.name);
    const double width = canvas_.width_of(result_words(framework.result), kCardTitle) + 12;
    pill(kMargin + kContentWidth - width, y_ - 18, width, result_words(framework.result),
         result_color(framework.result));
    for (const std::vector<PdfTable::Cell>& cells : rows) table.row(cells);
    table.close();
    y_ += 8;
  }
}

void PdfReport::method() {
  section(
      "Method", "method",
      fmt::format("Judged by version {} of Carnet's method, which is part of every evidence bundle "
                  "in full.",
                  judgement_.method_version),
      300);
  heading("What was done");
  paragraph(
      "Endpoints were connected to as any client would. What they offered and chose was written "
      "down: protocol versions, key exchange groups, cipher suites, certificates, host keys. "
      "Nothing was attacked, no password was tried, no data was read.",
      kBody);
  heading("How an asset is judged");
  bullet("Broken: a classical attacker breaks it, or every current standard forbids it.");
  bullet("At risk: secure today, broken by Shor's algorithm on a large quantum computer.");
  bullet(
      "Safe: no quantum attack of concern is known. Symmetric ciphers and hashes lose at most half "
      "their strength.");
  bullet("Unknown: it could not be determined. It is never counted as safe.");
  heading("How the score is made");
  paragraph(
      "The score from 0 to 100 adds up four shares: assets that no quantum computer breaks, "
      "endpoints whose traffic cannot be read later, endpoints that prefer post-quantum key "
      "establishment, and remediation that is done or planned in time. Broken assets are taken "
      "off. The range counts what could not be judged as vulnerable at its low end and leaves it "
      "out at its high end. Coverage confidence is a rule of thumb and does not enter the score.",
      kBody);
  const auto& mosca = judgement_.mosca.parameters;
  heading("Mosca's inequality");
  paragraph(fmt::format(
                "X + Y > Z means that it is late: X = {} years that data must stay secret, Y = "
                "{} years that the migration takes, Z = {} years until a quantum computer is "
                "assumed. Here {} + {} is {} {}, so the inequality {}.",
                plain_number(mosca.data_shelf_life_years), plain_number(mosca.migration_time_years),
                plain_number(mosca.years_to_qday), plain_number(mosca.data_shelf_life_years),
                plain_number(mosca.migration_time_years),
                judgement_.mosca.inequality_holds ? "more than" : "no more than",
                plain_number(mosca.years_to_qday),
                judgement_.mosca.inequality_holds ? "holds" : "does not hold"),
            kBody);
}

void PdfReport::limits() {
  section("Limits", "limits", "What this report does not say.", 200);
  if (document_.sample)
    bullet("SAMPLE: the endpoints in this report are invented. It is evidence of nothing.");
  for (const std::string& note : judgement_.notes) bullet(note);
  std::vector<const inventory::Endpoint*> unreached;
  for (const auto& endpoint : document_.endpoints)
    if (!endpoint.reached) unreached.push_back(&endpoint);
  if (!unreached.empty()) {
    heading(fmt::format("Not reached ({})", grouped(static_cast<long long>(unreached.size()))));
    PdfTable table(*this, {{"Endpoint", 50}, {"Why", 60}});
    for (const auto* endpoint : unreached)
      table.row({{.text = place_of(endpoint->host, endpoint->port)},
                 {.text = capitalised(endpoint->unreached_reason)}});
    table.close();
    y_ += 10;
  }
  heading("About this file", 66);
  // Heads and feet of pages end long names in an ellipsis; here they are whole.
  constexpr std::size_t kShort = 40;
  if (document_.label.size() > kShort) paragraph("Label: " + document_.label, kSoftText, 2);
  if (options_.recipient.size() > kShort)
    paragraph("Prepared for " + options_.recipient, kSoftText, 2);
  paragraph(
      fmt::format("Scan {}, profile {}, begun {}, finished {}. The same scan as data: report.json, "
                  "assets.csv, remediation.csv, cbom.json (CycloneDX), report.sarif.",
                  document_.scan_id, document_.profile.empty() ? "–" : document_.profile,
                  date_and_time(document_.created_at), date_and_time(document_.finished_at)),
      kSoftText);
}

}  // namespace carnet::evidence
