// "Time line": Mosca's inequality as bars on an axis of years, against the deadlines of the
// frameworks that the report judges.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"

namespace carnet::evidence {
namespace {

constexpr double kNames = 128;
constexpr double kYearsShownMax = 60;      // limit: internal; longer bars end in an arrow
constexpr std::size_t kDeadlinesMax = 24;  // limit: internal; the frameworks list them all

constexpr TextStyle kName{.face = Face::kSemiBold, .size = 9, .lines_max = 1};
constexpr TextStyle kNote{.size = 7.8, .color = paint::kSoft, .lines_max = 2};
constexpr TextStyle kTick{
    .size = 7.5, .color = paint::kSoft, .align = Align::kCenter, .tabular = true};
constexpr TextStyle kInBar{
    .face = Face::kSemiBold, .size = 7.8, .color = paint::kPaper, .lines_max = 1};
constexpr TextStyle kMark{
    .face = Face::kSemiBold, .size = 6.8, .color = paint::kPaper, .align = Align::kCenter};

}  // namespace

struct PdfReport::Axis {
  double from = 0, to = 0;  // years
  double x = kMargin + kNames, width = kContentWidth - kNames;
  double top = 0, bottom = 0;
  [[nodiscard]] double at(double year) const {
    return x + width * (std::clamp(year, from, to) - from) / (to - from);
  }
};

struct PdfReport::Deadline {
  std::string date, who, what;
  std::string result = "met";  // the worst of what it is judged by
};

std::vector<PdfReport::Deadline> PdfReport::deadlines() const {
  std::map<std::string, Deadline> by_date;
  std::map<std::string, std::set<std::string>> named;
  const std::string today = to_rfc3339(document_.finished_at).substr(0, 10);
  for (const auto& framework : judgement_.frameworks)
    for (const auto& requirement : framework.requirements) {
      if (requirement.date < today || year_of(requirement.date) == 0) continue;
      Deadline& deadline = by_date[requirement.date];
      deadline.date = requirement.date;
      if (requirement.result == "not-met" ||
          (requirement.result == "cannot-tell" && deadline.result == "met"))
        deadline.result = requirement.result;
      if (named[requirement.date].insert(framework.name).second)
        deadline.who += (deadline.who.empty() ? "" : "; ") + framework.name;
      deadline.what += (deadline.what.empty() ? "" : " ") + requirement.text;
    }
  std::vector<Deadline> list;
  list.reserve(by_date.size());
  for (auto& [date, deadline] : by_date) list.push_back(std::move(deadline));
  if (list.size() > kDeadlinesMax) list.resize(kDeadlinesMax);
  return list;
}

void PdfReport::time_line() {
  constexpr double kChart = 230;
  section("Time line", "time-line", judgement_.mosca.summary, kChart);
  const auto& mosca = judgement_.mosca.parameters;
  const std::vector<Deadline> list = deadlines();
  Axis scale;
  const double now = year_of(document_.finished_at);
  double last = std::max({now + mosca.data_shelf_life_years + mosca.migration_time_years,
                          now + mosca.years_to_qday, now + 5});
  for (const Deadline& deadline : list) last = std::max(last, year_of(deadline.date));
  scale.from = std::floor(now);
  scale.to = std::min(std::ceil(last + 0.6), scale.from + kYearsShownMax);
  need(kChart);
  scale.top = y_ + 16;
  scale.bottom = scale.top + 118;
  axis(scale, scale.bottom);
  time_bars(scale);
  deadline_marks(scale, list);
  deadline_table(list);
}

void PdfReport::axis(const Axis& scale, double y) {
  const double years = scale.to - scale.from;
  const int step = years > 40 ? 10 : years > 20 ? 5 : years > 10 ? 2 : 1;
  canvas_.line(scale.x, y, scale.x + scale.width, y, paint::kFaint, 0.8);
  for (int year = static_cast<int>(scale.from); year <= static_cast<int>(scale.to); ++year) {
    const bool labelled = year % step == 0;
    const double x = scale.at(year);
    canvas_.line(x, y, x, y + (labelled ? 4 : 2), paint::kFaint, 0.6);
    if (!labelled) continue;
    canvas_.line(x, scale.top - 4, x, y, paint::kLine, 0.5);
    canvas_.text(x - 20, y + 6, 40, std::to_string(year), kTick);
  }
}

void PdfReport::time_bars(const Axis& scale) {
  const auto& mosca = judgement_.mosca.parameters;
  const double now = year_of(document_.finished_at);
  const double migrated = now + mosca.migration_time_years;
  const double qday = now + mosca.years_to_qday;
  const double secret = migrated + mosca.data_shelf_life_years;
  const auto is_default = [&mosca](std::string_view name) {
    return std::find(mosca.defaults.begin(), mosca.defaults.end(), name) != mosca.defaults.end();
  };
  const auto bar = [&](double y, std::string_view name, const std::string& note, double from,
                       double to, Color color, const std::string& inside) {
    canvas_.begin_tag("P");
    canvas_.text(kMargin, y, kNames - 8, name, kName);
    canvas_.text(kMargin, y + 11, kNames - 8, note, kNote);
    const double x = scale.at(from), width = std::max(scale.at(to) - x, 1.5);
    canvas_.fill({x, y + 2, width, 18}, color, 3);
    if (canvas_.width_of(inside, kInBar) + 10 < width)
      canvas_.text(x + 6, y + 6, 0, inside, kInBar);
    canvas_.end_tag("P");
  };
  const auto years = [](double value) {
    return plain_number(value) + (value == 1 ? " year" : " years");
  };
  const auto note = [&](double value, const char* member) {
    return years(value) + (is_default(member) ? ", a default" : ", as given");
  };
  const double y = scale.top;
  bar(y, "Migration", note(mosca.migration_time_years, "migrationTimeYears"), now, migrated,
      paint::kAccent, fmt::format("begun today, done {}", year_shown(migrated)));
  bar(y + 32, "Secrecy needed", note(mosca.data_shelf_life_years, "dataShelfLifeYears"), migrated,
      secret, paint::kDeveloping, fmt::format("until {}", year_shown(secret)));
  const double threatened = std::clamp(secret - qday, 0.0, 1000.0);
  if (threatened > 0) {
    bar(y + 64, "Readable too early", years(threatened) + " exposed", std::max(qday, now), secret,
        paint::kBroken, fmt::format("{} of secrecy lost", years(threatened)));
  } else {
    canvas_.begin_tag("P");
    canvas_.text(kMargin, y + 64, kNames - 8, "Readable too early", kName);
    canvas_.text(kMargin, y + 75, kNames - 8, "no year", kNote);
    canvas_.end_tag("P");
  }
  const double x = scale.at(qday);
  canvas_.line(x, scale.top - 6, x, scale.bottom, paint::kInk, 1.1, true);
  TextStyle label{.face = Face::kSemiBold, .size = 7.8};
  const std::string text = fmt::format("Quantum computer assumed, {} ({})", year_shown(qday),
                                       is_default("yearsToQDay") ? "a default" : "as given");
  const double width = canvas_.width_of(text, label);
  canvas_.begin_tag("P");
  canvas_.text(std::clamp(x - width / 2, scale.x, scale.x + scale.width - width), scale.top - 18, 0,
               text, label);
  canvas_.end_tag("P");
}

// Numbered, because their names would run into each other.
void PdfReport::deadline_marks(const Axis& scale, const std::vector<Deadline>& list) {
  if (list.empty()) {
    y_ = scale.bottom + 30;
    return;
  }
  double y = scale.bottom + 24;
  canvas_.text(kMargin, y - 4, kNames - 8, "Deadlines", kName);
  canvas_.text(kMargin, y + 7, kNames - 8, "numbers as below", kNote);
  double last = -100;
  double row = 0, deepest = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const double x = scale.at(year_of(list[i].date));
    row = x - last < 13 ? row + 1 : 0;
    deepest = std::max(deepest, row);
    last = x;
    const double at = y + row * 14;
    // Not through the years that are written below the axis.
    canvas_.line(x, scale.bottom, x, scale.bottom + 4, paint::kFaint, 0.5);
    canvas_.line(x, scale.bottom + 15, x, at - 6, paint::kFaint, 0.5);
    canvas_.disc(x, at, 6, result_color(list[i].result));
    canvas_.text(x - 8, at - 4.2, 16, std::to_string(i + 1), kMark);
  }
  y_ = y + deepest * 14 + 22;
}

void PdfReport::deadline_table(const std::vector<Deadline>& list) {
  if (list.empty()) return;
  heading("Deadlines ahead");
  PdfTable table(
      *this,
      {{"No.", 6, Align::kRight}, {"Date", 16}, {"Who asks", 30}, {"For what", 42}, {"Today", 15}});
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Color color = result_color(list[i].result);
    table.row({{.text = std::to_string(i + 1)},
               {.text = short_day(list[i].date), .strong = true},
               {.text = list[i].who},
               {.text = list[i].what},
               {.text = std::string(result_words(list[i].result)), .pill = &color}});
  }
}

}  // namespace carnet::evidence
