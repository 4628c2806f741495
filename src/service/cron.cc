#include "service/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace carnet::service {
namespace {

constexpr std::size_t kFields = 5;
constexpr date::days kAhead{8 * 366};
constexpr int kHoursOfDay = 24;
constexpr int kMinutesOfHour = 60;
constexpr int kSunday = 7;
constexpr std::size_t kShownMax =
    24;  // limit: internal; characters of the caller's text in a detail

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};

struct FieldRule {
  std::string_view name;
  int min, max;
  std::span<const std::string_view> names;
  std::string_view wanted;  // what it may be, for a person
};

constexpr std::array<FieldRule, kFields> kRules = {{
    {"minute", 0, 59, {}, "0 to 59"},
    {"hour", 0, 23, {}, "0 to 23"},
    {"day of month", 1, 31, {}, "1 to 31"},
    {"month", 1, 12, kMonths, "1 to 12 or jan to dec"},
    {"day of week", 0, kSunday, kWeekdays, "0 to 7 or sun to sat (0 and 7 are Sunday)"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kMacros = {{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

// The caller's text as a detail may show it.
std::string shown(std::string_view text) {
  std::string out;
  for (const char byte : text.substr(0, kShownMax)) out += byte >= ' ' && byte <= '~' ? byte : '?';
  return text.size() > kShownMax ? out + "…" : out;
}

// Reads one field of a line; the first fault ends it.
class FieldReader {
 public:
  FieldReader(std::string_view text, const FieldRule& rule) : text_(text), rule_(rule) {}

  // What is wrong; "" if nothing is.
  [[nodiscard]] std::string read(Cron::Bits& out) {
    std::size_t from = 0;
    for (;;) {
      const std::size_t comma = std::min(text_.find(',', from), text_.size());
      if (std::string fault = item(text_.substr(from, comma - from), out); !fault.empty())
        return fmt::format("{}: {}", rule_.name, fault);
      if (comma == text_.size()) return {};
      from = comma + 1;
    }
  }

 private:
  struct Value {
    int number = 0;
    bool named = false;
  };

  [[nodiscard]] std::optional<Value> value(std::string_view text) const {
    for (std::size_t i = 0; i < rule_.names.size(); ++i)
      if (iequals_ascii(text, rule_.names[i]))
        return Value{.number = static_cast<int>(i) + (rule_.max == kSunday ? 0 : 1), .named = true};
    const std::optional<int> number = whole(text);
    if (!number) return std::nullopt;
    return Value{.number = *number, .named = false};
  }

  [[nodiscard]] static std::optional<int> whole(std::string_view text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-')
      return std::nullopt;
    return number;
  }

  [[nodiscard]] std::string not_a_value(std::string_view text) const {
    if (text.empty())
      return fmt::format("a value is missing; it may be {}, *, a range (1-5) or a list (1,3)",
                         rule_.wanted);
    if (of_quartz(text))
      return fmt::format("\"{}\" is of Quartz, not of crontab(5); it may be {}", shown(text),
                         rule_.wanted);
    return fmt::format("\"{}\" is not a value; it may be {}", shown(text), rule_.wanted);
  }

  // ?, L, 5L, W, 15W, LW, 6#3, fri#2: other programs' lines have them.
  [[nodiscard]] static bool of_quartz(std::string_view text) {
    if (text == "?" || text.find('#') != std::string_view::npos) return true;
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
    return text == "L" || text == "W" || text == "LW";
  }

  [[nodiscard]] std::string item(std::string_view text, Cron::Bits& out) const {
    const std::size_t slash = text.find('/');
    const std::string_view base = text.substr(0, slash);
    int first = rule_.min, last = rule_.max;
    bool single = false;
    if (base != "*") {
      const std::size_t dash = base.find('-');
      single = dash == std::string_view::npos;
      const std::optional<Value> low = value(base.substr(0, dash));
      if (!low) return not_a_value(base.substr(0, dash));
      std::optional<Value> high = low;
      if (!single) {
        high = value(base.substr(dash + 1));
        if (!high) return not_a_value(base.substr(dash + 1));
        // Sunday is the first day of the week and the last one.
        if (rule_.max == kSunday && high->named && high->number == 0 && low->number > 0)
          high->number = kSunday;
      }
      first = low->number;
      last = high->number;
      for (const int number : {first, last})
        if (number < rule_.min || number > rule_.max)
          return fmt::format("{} is out of range; it may be {}", number, rule_.wanted);
      if (first > last)
        return fmt::format("the range {} ends before it begins; write it as two, joined by a comma",
                           shown(base));
    }
    int step = 1;
    if (slash != std::string_view::npos) {
      const std::string_view given = text.substr(slash + 1);
      if (single)
        return fmt::format("a step goes with * or a range: {}-{}/{}", first,
                           rule_.max == kSunday ? kSunday - 1 : rule_.max, shown(given));
      const std::optional<int> number = whole(given);
      if (!number || *number < 1 || *number > rule_.max)
        return fmt::format("the step \"{}\" is not a whole number from 1 to {}", shown(given),
                           rule_.max);
      step = *number;
    }
    // With * a week has seven days: stepping on to the second Sunday would be a day too many.
    if (base == "*" && rule_.max == kSunday) last = kSunday - 1;
    for (int number = first; number <= last; number += step)
      out.set(static_cast<std::size_t>(rule_.max == kSunday ? number % kSunday : number));
    return {};
  }

  std::string_view text_;
  const FieldRule& rule_;
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

// A macro as the line it stands for; the line itself if it is none; "" for one that there is not.
std::string_view without_macro(std::string_view line) {
  if (!line.starts_with('@')) return line;
  for (const auto& [name, meaning] : kMacros)
    if (iequals_ascii(line, name)) return meaning;
  return {};
}

std::size_t at(unsigned number) { return static_cast<std::size_t>(number); }

}  // namespace

std::optional<Cron> Cron::parse(std::string_view given, std::string_view field, FieldErrors& bad) {
  const std::string_view line = without_macro(trim_ascii(given));
  if (line.empty()) {
    bad.add(
        field, "bad_cron",
        "must be a cron line (\"30 3 * * mon\": minute, hour, day of month, month, day of week) "
        "or @hourly, @daily, @weekly, @monthly or @yearly");
    return std::nullopt;
  }
  const std::vector<std::string_view> words = words_of(line);
  if (words.size() != kFields) {
    bad.add(field, "bad_cron",
            fmt::format("must have five fields, has {}: minute, hour, day of month, month, day of "
                        "week, as in \"30 3 * * mon\"",
                        words.size()));
    return std::nullopt;
  }
  Cron cron;
  const std::array<Bits*, kFields> bits = {&cron.minutes_, &cron.hours_, &cron.days_, &cron.months_,
                                           &cron.weekdays_};
  bool good = true;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::string fault = FieldReader(words[i], kRules[i]).read(*bits[i]);
    if (fault.empty()) continue;
    good = false;
    bad.add(field, "bad_cron", fault);
  }
  if (!good) return std::nullopt;
  cron.any_day_ = words[2].starts_with('*');
  cron.any_weekday_ = words[4].starts_with('*');
  const LocalMinutes somewhere = date::local_days{date::year{2000} / date::January / 1};
  if (!cron.next(somewhere)) {
    bad.add(field, "bad_cron",
            fmt::format("day of month: no month of \"{}\" has a day \"{}\"", shown(words[3]),
                        shown(words[2])));
    return std::nullopt;
  }
  return cron;
}

bool Cron::fits(date::year_month_day day) const {
  const bool by_day = days_[at(static_cast<unsigned>(day.day()))];
  const bool by_weekday = weekdays_[at(date::weekday{date::local_days{day}}.c_encoding())];
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<LocalMinutes> Cron::next(LocalMinutes after) const {
  const LocalMinutes start = after + std::chrono::minutes{1};
  date::local_days day = date::floor<date::days>(start);
  const date::local_days end = day + kAhead;
  int from = static_cast<int>((start - LocalMinutes{day}).count());  // minute of the day
  for (; day <= end; day += date::days{1}, from = 0) {
    const date::year_month_day date{day};
    if (!months_[at(static_cast<unsigned>(date.month()))]) {
      day = date::local_days{date.year() / date.month() / date::last};
      continue;
    }
    if (!fits(date)) continue;
    for (int hour = from / kMinutesOfHour; hour < kHoursOfDay; ++hour) {
      if (!hours_[at(static_cast<unsigned>(hour))]) continue;
      for (int minute = std::max(0, from - hour * kMinutesOfHour); minute < kMinutesOfHour;
           ++minute)
        if (minutes_[at(static_cast<unsigned>(minute))])
          return LocalMinutes{day} + std::chrono::hours{hour} + std::chrono::minutes{minute};
    }
  }
  return std::nullopt;
}

}  // namespace carnet::service
