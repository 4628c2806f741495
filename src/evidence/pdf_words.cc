#include "evidence/pdf_words.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>

#include "evidence/pdf_fonts.h"

namespace carnet::evidence {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// Stacks of marks that grow out of their line help nobody to read it.
constexpr int kMarksMax = 4;  // limit: internal

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029;
}

bool is_deceptive(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F) || c == 0x200B ||
         c == 0x2060 || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F) || c == 0x00AD || c == 0x061C;
}

// Drawn as nothing, and needed by scripts and by emoji.
bool is_joiner(char32_t c) {
  return c == 0x200C || c == 0x200D || c == 0x200E || c == 0x200F || (c >= 0xFE00 && c <= 0xFE0F);
}

std::string day_words(const std::chrono::year_month_day& day) {
  return fmt::format("{} {} {}", static_cast<unsigned>(day.day()),
                     kMonths[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()));
}

std::chrono::year_month_day day_of(Timestamp time) {
  return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(time)};
}

}  // namespace

std::string drawable(std::string_view text) {
  std::string out;
  int marks = 0;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    const gunichar c = g_utf8_get_char_validated(at, end - at);
    if (c == static_cast<gunichar>(-1) || c == static_cast<gunichar>(-2)) {
      out += kReplacement;
      ++at;
      continue;
    }
    const char* next = at + g_utf8_skip[static_cast<unsigned char>(*at)];
    const bool mark = g_unichar_ismark(c) != FALSE;
    marks = mark ? marks + 1 : 0;
    if (is_control(c))
      out += ' ';
    else if (is_joiner(c) || (c < 0x7F) || (!is_deceptive(c) && fonts_cover(c)))
      out.append(marks > kMarksMax ? std::string_view() : std::string_view(at, next));
    else
      out += kReplacement;
    at = next;
  }
  return out;
}

std::string long_date(Timestamp time) { return day_words(day_of(time)); }

std::string date_and_time(Timestamp time) {
  return fmt::format("{}, {} UTC", long_date(time), to_rfc3339(time).substr(11, 5));
}

std::string long_day(std::string_view iso) {
  const auto time = parse_rfc3339(std::string(iso) + "T00:00:00Z");
  return time ? long_date(*time) : std::string(iso);
}

std::string short_day(std::string_view iso) {
  const auto time = parse_rfc3339(std::string(iso) + "T00:00:00Z");
  if (!time) return std::string(iso);
  const std::chrono::year_month_day day = day_of(*time);
  return fmt::format("{} {} {}", static_cast<unsigned>(day.day()),
                     kMonths[static_cast<unsigned>(day.month()) - 1].substr(0, 3),
                     static_cast<int>(day.year()));
}

std::string score_text(double score) { return fmt::format("{:.1f}", score); }

std::string plain_number(double value) { return fmt::format("{:g}", std::round(value * 10) / 10); }

std::string grouped(long long value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3)
    if (digits[i - 4] != '-') digits.insert(i - 3, 1, ',');
  return digits;
}

std::string counted(long long count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(count), count == 1 ? one : many);
}

std::string place_of(std::string_view host, int port) {
  if (port == 0) return std::string(host);
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

std::string_view status_words(inventory::AssetStatus status) {
  switch (status) {
    case inventory::AssetStatus::kBroken:
      return "Broken";
    case inventory::AssetStatus::kAtRisk:
      return "At risk";
    case inventory::AssetStatus::kSafe:
      return "Safe";
    case inventory::AssetStatus::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

std::string_view result_words(std::string_view result) {
  if (result == "met") return "Met";
  if (result == "not-met") return "Not met";
  if (result == "not-applicable") return "Not applicable";
  return "Cannot tell";
}

std::string capitalised(std::string_view word) {
  std::string out(word);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

double year_of(Timestamp time) {
  const std::chrono::year_month_day day = day_of(time);
  const std::chrono::sys_days first{day.year() / std::chrono::January / 1};
  const double days = std::chrono::duration<double, std::ratio<86400>>(time - first).count();
  return static_cast<int>(day.year()) + days / 365.25;
}

double year_of(std::string_view iso) {
  const auto time = parse_rfc3339(std::string(iso) + "T00:00:00Z");
  return time ? year_of(*time) : 0;
}

int year_shown(double year) { return static_cast<int>(std::floor(std::round(year * 10) / 10)); }

std::string link_target(std::string_view url) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) return {};
  for (const char c : url)
    if (c <= ' ' || c >= 0x7F || c == '\'' || c == '\\' || c == '"' || c == '<' || c == '>')
      return {};
  return std::string(url);
}

}  // namespace carnet::evidence
