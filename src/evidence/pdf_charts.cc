// "Exposure": how much of what was seen is at stake, as bars.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"

namespace carnet::evidence {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

constexpr std::array<AssetStatus, 4> kOrder{AssetStatus::kBroken, AssetStatus::kAtRisk,
                                            AssetStatus::kUnknown, AssetStatus::kSafe};
constexpr std::size_t kBarsMax = 12;  // limit: internal; the rest is summed up

constexpr TextStyle kLabel{.size = 8.8, .lines_max = 1};
constexpr TextStyle kBold{.face = Face::kSemiBold, .size = 9.5, .lines_max = 1};
constexpr TextStyle kValue{.face = Face::kSemiBold, .size = 8.8, .lines_max = 1, .tabular = true};
constexpr TextStyle kInBar{.face = Face::kSemiBold,
                           .size = 8,
                           .color = paint::kPaper,
                           .align = Align::kCenter,
                           .lines_max = 1,
                           .tabular = true};
constexpr TextStyle kSoftText{.size = 8.5, .color = paint::kSoft, .line_gap = 2};

using Counts = std::array<int, 4>;  // in kOrder

std::size_t index_of(AssetStatus status) {
  return static_cast<std::size_t>(std::find(kOrder.begin(), kOrder.end(), status) - kOrder.begin());
}

int sum(const Counts& counts) {
  int whole = 0;
  for (const int count : counts) whole += count;
  return whole;
}

// The vulnerable first, then the many, then by name.
template <class Rows>
void most_at_stake_first(Rows& rows) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    const auto rank = [](const Counts& counts) {
      return std::tuple(counts[0] + counts[1], counts[2], sum(counts));
    };
    if (rank(a.second) != rank(b.second)) return rank(a.second) > rank(b.second);
    return a.first < b.first;
  });
}

}  // namespace

void PdfReport::exposure() {
  section(
      "Exposure", "exposure",
      "Two things can be broken, at two different times. Key establishment protects what is said: "
      "whoever records it today can read it once a large quantum computer exists. Authentication "
      "protects who is speaking: it can be forged only from that day on.",
      200);
  if (judgement_.assets.empty()) {
    paragraph("No asset was seen, so there is nothing to show here.", kLabel);
    return;
  }
  status_bars();
  algorithm_bars();
  host_bars();
}

void PdfReport::status_bars() {
  heading("Assets by exposure and status");
  constexpr double kNames = 128, kHeight = 24;
  for (const Exposure exposure : {Exposure::kKeyEstablishment, Exposure::kAuthentication}) {
    Counts counts{};
    for (const Asset& asset : judgement_.assets)
      if (asset.exposure == exposure) ++counts[index_of(asset.vulnerability.status)];
    const int whole = sum(counts);
    need(kHeight + 14);
    canvas_.begin_tag("P");
    canvas_.text(kMargin, y_ + 1, kNames - 8,
                 exposure == Exposure::kKeyEstablishment ? "Key establishment" : "Authentication",
                 kBold);
    canvas_.text(kMargin, y_ + 13, kNames - 8, counted(whole, "asset", "assets"), kSoftText);
    const double width = kContentWidth - kNames;
    canvas_.fill({kMargin + kNames, y_, width, kHeight}, paint::kTrack, 3);
    if (whole == 0) canvas_.text(kMargin + kNames + 8, y_ + 7, 0, "none was seen", kSoftText);
    double x = kMargin + kNames;
    for (std::size_t i = 0; i < kOrder.size(); ++i) {
      if (counts[i] == 0) continue;
      const double part = width * counts[i] / whole;
      canvas_.fill({x, y_, part - (x + part < kMargin + kContentWidth - 1 ? 1 : 0), kHeight},
                   status_color(kOrder[i]), 3);
      const std::string text = grouped(counts[i]);
      if (part > canvas_.width_of(text, kInBar) + 6) canvas_.text(x, y_ + 7, part, text, kInBar);
      x += part;
    }
    canvas_.end_tag("P");
    y_ += kHeight + 12;
  }
  double x = kMargin + kNames;
  const auto& totals = judgement_.counts;
  const std::array<int, 4> all{totals.broken, totals.at_risk, totals.unknown, totals.safe};
  canvas_.begin_tag("P");
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    const std::string text = fmt::format("{} {}", status_words(kOrder[i]), grouped(all[i]));
    canvas_.fill({x, y_ + 1.5, 8, 8}, status_color(kOrder[i]), 2);
    canvas_.text(x + 12, y_, 0, text, kSoftText);
    x += 12 + canvas_.width_of(text, kSoftText) + 16;
  }
  canvas_.end_tag("P");
  y_ += 16;
  paragraph(
      totals.hndl_exposed == 0
          ? std::string("No asset lets traffic be recorded today and read later (HNDL).")
          : fmt::format("{} of {} {} traffic be recorded today and read later (HNDL).",
                        grouped(totals.hndl_exposed), counted(totals.assets, "asset", "assets"),
                        totals.hndl_exposed == 1 ? "lets" : "let"),
      {.face = Face::kSemiBold, .size = 9.5}, 4);
}

void PdfReport::algorithm_bars() {
  std::map<std::string, Counts> by_name;
  for (const Asset& asset : judgement_.assets) {
    std::string name = asset.algorithm.empty() ? "not determined" : asset.algorithm;
    if (asset.key_size > 0 && name.find_first_of("0123456789") == std::string::npos)
      name += fmt::format(" {}", asset.key_size);
    ++by_name[name][index_of(asset.vulnerability.status)];
  }
  if (by_name.empty()) return;
  std::vector<std::pair<std::string, Counts>> rows(by_name.begin(), by_name.end());
  most_at_stake_first(rows);
  const std::size_t left = rows.size() > kBarsMax ? rows.size() - kBarsMax : 0;
  rows.resize(rows.size() - left);
  heading("Algorithms in use");
  int longest = 1;
  for (const auto& [name, counts] : rows) longest = std::max(longest, sum(counts));
  constexpr double kNames = 178, kValues = 52, kHeight = 11;
  for (const auto& [name, counts] : rows) {
    need(kHeight + 6);
    canvas_.begin_tag("P");
    canvas_.text(kMargin, y_, kNames - 8, name, kLabel);
    const double width = (kContentWidth - kNames - kValues) * sum(counts) / longest;
    double x = kMargin + kNames;
    for (std::size_t i = 0; i < kOrder.size(); ++i) {
      const double part = width * counts[i] / sum(counts);
      canvas_.fill({x, y_, part, kHeight}, status_color(kOrder[i]), 2);
      x += part;
    }
    canvas_.text(x + 6, y_, 0, grouped(sum(counts)), kValue);
    canvas_.end_tag("P");
    y_ += kHeight + 6;
  }
  if (left > 0)
    paragraph(
        fmt::format("And {} more {}, in the tables below.", grouped(static_cast<long long>(left)),
                    left == 1 ? "algorithm" : "algorithms"),
        kSoftText);
}

// Which endpoints carry most of it. With a few endpoints the tables say it better.
void PdfReport::host_bars() {
  constexpr std::size_t kWorthIt = 6, kShown = 8;
  std::map<std::string, Counts> by_host;
  for (const Asset& asset : judgement_.assets)
    ++by_host[place_of(asset.host, asset.port)][index_of(asset.vulnerability.status)];
  if (by_host.size() < kWorthIt) return;
  std::map<std::pair<int, int>, int> shapes;  // (vulnerable, whole) → endpoints
  int free_of_it = 0;
  for (const auto& [place, counts] : by_host) {
    ++shapes[{counts[0] + counts[1], sum(counts)}];
    free_of_it += counts[0] + counts[1] == 0 ? 1 : 0;
  }
  const int whole = static_cast<int>(by_host.size());
  heading("Endpoints by what is left to do");
  paragraph(fmt::format("{} of {} have nothing vulnerable left.", grouped(free_of_it),
                        counted(whole, "judged endpoint", "judged endpoints")),
            kSoftText);
  std::vector<std::pair<std::pair<int, int>, int>> rows(shapes.begin(), shapes.end());
  std::reverse(rows.begin(), rows.end());
  if (rows.size() > kShown) rows.resize(kShown);
  constexpr double kNames = 178, kValues = 52, kHeight = 11;
  int longest = 1;
  for (const auto& [shape, count] : rows) longest = std::max(longest, count);
  for (const auto& [shape, count] : rows) {
    need(kHeight + 6);
    canvas_.begin_tag("P");
    canvas_.text(
        kMargin, y_, kNames - 8,
        fmt::format("{} of {} vulnerable", shape.first, counted(shape.second, "asset", "assets")),
        kLabel);
    const double width = (kContentWidth - kNames - kValues) * count / longest;
    canvas_.fill({kMargin + kNames, y_, std::max(width, 1.5), kHeight},
                 shape.first > 0 ? paint::kAtRisk : paint::kSafe, 2);
    canvas_.text(kMargin + kNames + std::max(width, 1.5) + 6, y_, 0, grouped(count), kValue);
    canvas_.end_tag("P");
    y_ += kHeight + 6;
  }
}

}  // namespace carnet::evidence
