// Page 1: what a board member needs. The score with its band and range, what is exposed today, what
// to do first and by when.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"
#include "evidence/score_bands.h"

namespace carnet::evidence {
namespace {

using inventory::BacklogItem;

constexpr std::size_t kFirstSteps = 3;
constexpr double kBandHeight = 148;

constexpr TextStyle kWordmark{.face = Face::kSemiBold, .size = 9.5, .color = paint::kGold};
constexpr TextStyle kTitle{
    .face = Face::kDisplay, .size = 25, .color = paint::kCoverInk, .lines_max = 2, .line_gap = 1};
// For a title that needs two lines.
constexpr TextStyle kLongTitle{
    .face = Face::kDisplay, .size = 19, .color = paint::kCoverInk, .lines_max = 2, .line_gap = 1};
constexpr TextStyle kSubtitle{.size = 10, .color = paint::kCoverSoft, .lines_max = 1};
constexpr TextStyle kRecipient{.size = 10, .color = paint::kCoverSoft, .lines_max = 2};
constexpr TextStyle kScore{.face = Face::kDisplay, .size = 46, .tabular = true};
constexpr TextStyle kOutOf{.size = 10, .color = paint::kSoft};
constexpr TextStyle kMeaning{.size = 10.5, .line_gap = 2.5};
constexpr TextStyle kSmall{.size = 8.2, .color = paint::kSoft, .line_gap = 1.5};
constexpr TextStyle kTick{.size = 7, .color = paint::kSoft, .align = Align::kCenter};
constexpr TextStyle kTileLabel{.size = 8.2, .color = paint::kSoft, .lines_max = 3, .line_gap = 1};
constexpr TextStyle kStepTitle{.face = Face::kSemiBold, .size = 10, .lines_max = 2};
constexpr TextStyle kStepText{
    .size = 8.8, .color = paint::kSoft, .lines_max = 2, .code = true, .line_gap = 1.5};
constexpr TextStyle kStepBy{
    .face = Face::kSemiBold, .size = 8.8, .align = Align::kRight, .lines_max = 2};
constexpr TextStyle kNumber{
    .face = Face::kSemiBold, .size = 9.5, .color = paint::kPaper, .align = Align::kCenter};
constexpr TextStyle kCoverHeading{.face = Face::kDisplay, .size = 14, .color = paint::kCover};

const ScoreBand* find_band(std::string_view name) {
  for (const ScoreBand& band : kScoreBands)
    if (band.name == name) return &band;
  return nullptr;
}

}  // namespace

void PdfReport::cover() {
  furniture();
  static_cast<void>(canvas_.bookmark(0, "Summary", 0));
  cover_band();
  score_card();
  // Nothing seen is said once, and not as four noughts.
  if (judgement_.counts.assets > 0) tiles(342);
  first_steps(judgement_.counts.assets > 0 ? 440 : 348);
  contents(kBottom - 22);
}

std::string PdfReport::looked_at() const {
  const auto& coverage = judgement_.coverage;
  const auto files = std::count_if(document_.endpoints.begin(), document_.endpoints.end(),
                                   [](const auto& endpoint) { return endpoint.file.has_value(); });
  const long long others = coverage.requested - files;
  const std::string what = files == 0    ? counted(others, "endpoint", "endpoints")
                           : others <= 0 ? counted(files, "file", "files")
                                         : counted(others, "endpoint", "endpoints") + " and " +
                                               counted(files, "file", "files");
  if (coverage.reached >= coverage.requested) return what + " looked at";
  return fmt::format("{} of {} reached", coverage.reached == 0 ? "none" : grouped(coverage.reached),
                     what);
}

std::string PdfReport::abridged(std::string_view text, double width, const TextStyle& style) {
  TextStyle unbounded = style;
  unbounded.lines_max = 0;
  // Half a line more than allowed: the fixed-width face has taller lines.
  const double room = canvas_.height_of(width, "x", unbounded) * (style.lines_max + 0.5) +
                      style.line_gap * (style.lines_max - 1);
  const auto fits = [&](const std::string& part) {
    return std::count(part.begin(), part.end(), '`') % 2 == 0 &&
           canvas_.height_of(width, part, unbounded) <= room;
  };
  if (fits(std::string(text))) return std::string(text);
  // Sentences that leave half of the room empty say less than the words that would fill it.
  const double half = canvas_.height_of(width, "x", unbounded) * style.lines_max / 2 + 1;
  for (std::size_t at = text.rfind(". "); at != std::string_view::npos && at > 0;
       at = text.rfind(". ", at - 1))
    if (const std::string sentences(text.substr(0, at + 1)); fits(sentences)) {
      if (canvas_.height_of(width, sentences, unbounded) > half) return sentences;
      break;
    }
  for (std::size_t at = text.rfind(' '); at != std::string_view::npos && at > 0;
       at = text.rfind(' ', at - 1)) {
    std::string words(text.substr(0, at));
    while (!words.empty() && std::string_view(",;:(").find(words.back()) != std::string_view::npos)
      words.pop_back();
    words += " …";
    if (fits(words)) return words;
  }
  return std::string(text);
}

void PdfReport::cover_band() {
  canvas_.fill({0, 0, kPageWidth, kBandHeight}, paint::kCover);
  canvas_.fill({0, kBandHeight, kPageWidth, 3}, paint::kGold);
  if (document_.sample) {
    const Box ribbon{kPageWidth - kMargin - 150, 26, 150, 18};
    constexpr TextStyle kStyle{
        .face = Face::kSemiBold, .size = 9, .color = paint::kSampleInk, .align = Align::kCenter};
    canvas_.fill(ribbon, paint::kSampleFill, 9);
    canvas_.text(ribbon.x, ribbon.y + 3, ribbon.width, "SAMPLE: invented data", kStyle);
  }
  canvas_.text(kMargin, 30, 300, "CARNET  ·  POST-QUANTUM READINESS", kWordmark);
  canvas_.begin_tag("H1");
  const bool one_line = canvas_.width_of(head_, kTitle) <= kContentWidth;
  double y =
      52 + canvas_.text(kMargin, 52, kContentWidth, head_, one_line ? kTitle : kLongTitle) + 5;
  canvas_.end_tag("H1");
  canvas_.begin_tag("P");
  y += canvas_.text(
           kMargin, y, kContentWidth,
           fmt::format("{} on {}", capitalised(looked_at()), long_date(document_.finished_at)),
           kSubtitle) +
       2;
  if (!options_.recipient.empty())
    canvas_.text(kMargin, y, kContentWidth, "Prepared for " + options_.recipient, kRecipient);
  canvas_.end_tag("P");
}

void PdfReport::score_card() {
  const Box card{kMargin, 170, kContentWidth, 154};
  canvas_.fill(card, paint::kPaper, 8);
  canvas_.outline(card, paint::kLine, 0.8, 8);
  const double x = card.x + 20, width = card.width - 40;
  canvas_.begin_tag("P");
  if (!judgement_.score) {
    canvas_.text(x, card.y + 24, width, "No score", kCoverHeading);
    canvas_.text(x, card.y + 50, width,
                 "No endpoint could be judged, so there is nothing to score. Nothing can be said "
                 "about these endpoints; that is not the same as safe.",
                 kMeaning);
    canvas_.end_tag("P");
    return;
  }
  const ScoreBand* band = find_band(judgement_.band);
  TextStyle score = kScore;
  score.color = band_color(judgement_.band);
  const std::string number = score_text(*judgement_.score);
  canvas_.text(x, card.y + 8, 0, number, score);
  const double after = x + canvas_.width_of(number, score) + 8;
  canvas_.text(after, card.y + 43, 0, "of 100", kOutOf);
  pill(after, card.y + 24, 68, judgement_.band, band_color(judgement_.band));
  const double column = x + 205, room = card.x + card.width - 20 - column;
  std::string meaning(band != nullptr ? band->meaning : std::string_view());
  if (judgement_.counts.hndl_exposed > 0 && judgement_.mosca.inequality_holds)
    meaning += " Traffic recorded today is at stake.";
  const double below = card.y + 20 + canvas_.text(column, card.y + 18, room, meaning, kMeaning) + 4;
  std::string range = capitalised(looked_at()) + ".";
  if (judgement_.score_low && judgement_.score_high)
    range =
        (*judgement_.score_low == *judgement_.score_high
             ? fmt::format("Range {}: nothing was left unjudged. ",
                           score_text(*judgement_.score_low))
             : fmt::format("Range {} to {}, depending on what could not be judged. ",
                           score_text(*judgement_.score_low), score_text(*judgement_.score_high))) +
        range;
  range += fmt::format(" Coverage confidence {}% (a heuristic).",
                       plain_number(judgement_.coverage.confidence));
  canvas_.text(column, below, room, range, kSmall);
  canvas_.end_tag("P");
  score_scale({x, card.y + 119, width, 10});
}

void PdfReport::score_scale(const Box& box) {
  const auto at = [&](double score) { return box.x + box.width * score / 100; };
  for (const ScoreBand& band : kScoreBands) {
    canvas_.fill({at(band.from) + 0.8, box.y, at(band.to) - at(band.from) - 1.6, box.height},
                 band_color(band.name), 2);
    TextStyle style = kTick;
    style.color = band.name == judgement_.band ? paint::kInk : paint::kSoft;
    style.face = band.name == judgement_.band ? Face::kSemiBold : Face::kRegular;
    canvas_.text(at(band.from), box.y + box.height + 4, at(band.to) - at(band.from), band.name,
                 style);
  }
  if (judgement_.score_low && judgement_.score_high &&
      *judgement_.score_low < *judgement_.score_high) {
    const double low = at(*judgement_.score_low), high = at(*judgement_.score_high);
    canvas_.line(low, box.y - 13, high, box.y - 13, paint::kInk, 1);
    canvas_.line(low, box.y - 16, low, box.y - 10, paint::kInk, 1);
    canvas_.line(high, box.y - 16, high, box.y - 10, paint::kInk, 1);
  }
  canvas_.triangle(at(*judgement_.score), box.y + 1, 9, paint::kInk);
}

void PdfReport::tiles(double y) {
  const auto& counts = judgement_.counts;
  struct Tile {
    int value;
    std::string label;
    Color color;
  };
  // The first is part of the others, which add up to all.
  const std::array<Tile, 5> tiles{{
      {counts.hndl_exposed, "can be recorded today and read later", paint::kAtRisk},
      {counts.broken, "broken already, without a quantum computer", paint::kBroken},
      {counts.at_risk, "fall to a quantum computer", paint::kAtRisk},
      {counts.safe, "safe from the known quantum attacks", paint::kSafe},
      {counts.unknown, "could not be judged", paint::kUnknown},
  }};
  constexpr double kGap = 8, kHeight = 78;
  const double width = (kContentWidth - (tiles.size() - 1) * kGap) / tiles.size();
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const Tile& tile = tiles[i];
    const Box box{kMargin + static_cast<double>(i) * (width + kGap), y, width, kHeight};
    canvas_.fill(box, paint::kWash, 6);
    canvas_.fill({box.x, box.y + 8, 3, kHeight - 16}, tile.value > 0 ? tile.color : paint::kTrack);
    TextStyle number{.face = Face::kDisplay, .size = 22, .color = tile.color, .tabular = true};
    if (tile.value == 0) number.color = paint::kFaint;
    canvas_.begin_tag("P");
    const std::string value = grouped(tile.value);
    canvas_.text(box.x + 11, box.y + 7, 0, value, number);
    const double after = 11 + canvas_.width_of(value, number) + 4;
    // Of very many assets only the number has room.
    std::string of = "of " + counted(counts.assets, "asset", "assets");
    if (after + canvas_.width_of(of, kSmall) > width - 4) of = "of " + grouped(counts.assets);
    canvas_.text(box.x + after, box.y + 19.5, 0, of, kSmall);
    canvas_.text(box.x + 11, box.y + 38, width - 15, tile.label, kTileLabel);
    canvas_.end_tag("P");
  }
}

void PdfReport::first_steps(double y) {
  canvas_.begin_tag("H2");
  y += canvas_.text(kMargin, y, kContentWidth, "What to do first", kCoverHeading) + 9;
  canvas_.end_tag("H2");
  std::size_t number = 0;
  for (const Work& work : works()) {
    std::size_t open = 0;
    for (const BacklogItem* item : work.items) open += item->status == "done" ? 0 : 1;
    if (open == 0) continue;
    if (number == kFirstSteps) break;
    ++number;
    constexpr double kBy = 118, kIndent = 28;
    const double width = kContentWidth - kIndent - kBy - 12;
    const BacklogItem& first = *work.items.front();
    // One place is named in full; of several, how many there are.
    const std::string title =
        work.items.size() == 1
            ? first.title
            : fmt::format("{} ({})", work.title,
                          counted(static_cast<long long>(open), "place", "places"));
    canvas_.disc(kMargin + 9, y + 9, 9, paint::kCover);
    canvas_.text(kMargin, y + 3, 18, std::to_string(number), kNumber);
    canvas_.begin_tag("P");
    double height = canvas_.text(kMargin + kIndent, y, width, title, kStepTitle) + 2;
    height += canvas_.text(kMargin + kIndent, y + height, width,
                           abridged(first.action, width, kStepText), kStepText);
    const std::string by = !first.deadline.empty()        ? "by " + long_day(first.deadline)
                           : first.severity == "critical" ? std::string("now")
                                                          : std::string("no outside deadline");
    canvas_.text(kMargin + kContentWidth - kBy, y, kBy, by, kStepBy);
    canvas_.end_tag("P");
    canvas_.link_within({kMargin, y, kContentWidth, height}, "backlog");
    y += std::max(height, 22.0) + 10;
    canvas_.line(kMargin + kIndent, y - 5, kMargin + kContentWidth, y - 5, paint::kLine, 0.5);
  }
  if (number == 0) {
    const bool nothing = judgement_.counts.assets == 0;
    canvas_.begin_tag("P");
    const double height = canvas_.text(
        kMargin, y, kContentWidth,
        !nothing ? "Nothing is left open in the backlog."
        : judgement_.coverage.reached < judgement_.coverage.requested
            ? "Reach the endpoints: \"Limits\" says of each why it could not be judged. Until then "
              "there is nothing to plan."
            : "What was looked at showed no cryptography that can be judged, so there is nothing "
              "to "
              "plan.",
        kMeaning);
    canvas_.end_tag("P");
    if (nothing) canvas_.link_within({kMargin, y, kContentWidth, height}, "limits");
    y += height + 6;
  }
  why_now(std::max(y + 6, 636.0));
}

void PdfReport::why_now(double y) {
  std::string words = judgement_.mosca.summary;
  if (judgement_.mosca.inequality_holds && judgement_.counts.assets > 0 &&
      judgement_.counts.hndl_exposed == 0)
    words += " Of what was seen, nothing can be recorded today and read later.";
  const Box box{kMargin, y, kContentWidth, 64};
  canvas_.fill(box, paint::kWash, 6);
  canvas_.fill({box.x, box.y, 4, box.height},
               judgement_.mosca.inequality_holds ? paint::kAtRisk : paint::kSafe, 2);
  TextStyle why{.face = Face::kSemiBold, .size = 9.5};
  canvas_.begin_tag("P");
  canvas_.text(box.x + 16, box.y + 8, box.width - 32,
               judgement_.mosca.inequality_holds ? "Why now" : "Why there is time", why);
  canvas_.text(box.x + 16, box.y + 22, box.width - 32, words,
               {.size = 8.8, .color = paint::kSoft, .lines_max = 3, .line_gap = 1.5});
  canvas_.end_tag("P");
}

void PdfReport::contents(double y) {
  const std::array<std::pair<std::string_view, std::string>, 7> parts{{{"Exposure", "exposure"},
                                                                       {"Time line", "time-line"},
                                                                       {"Assets", "assets"},
                                                                       {"What to do", "backlog"},
                                                                       {"Frameworks", "frameworks"},
                                                                       {"Method", "method"},
                                                                       {"Limits", "limits"}}};
  constexpr TextStyle kStyle{.face = Face::kSemiBold, .size = 8.2, .color = paint::kAccent};
  double x = kMargin;
  canvas_.text(x, y, 0, "In this report:", kSmall);
  x += canvas_.width_of("In this report:", kSmall) + 10;
  for (const auto& [title, name] : parts) {
    const double width = canvas_.width_of(title, kStyle);
    canvas_.text(x, y, 0, title, kStyle);
    canvas_.link_within({x, y - 1, width, 12}, name);
    x += width + 14;
  }
}

}  // namespace carnet::evidence
