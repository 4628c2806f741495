#include "web/words.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "net/target.h"

namespace carnet::web {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Decoded {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: not UTF-8 here
};

// One code point at the start of `text` by RFC 3629; overlong forms and surrogates are no code
// points.
Decoded decode(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80) return {};
    value = (value << 6U) | (at(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
    return {};
  return {value, length};
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029;
}

// Characters that are drawn as nothing or turn the order of what follows. U+200E, U+200F and the
// joiners stay: scripts need them, and they cannot reach past the <bdi> that every value stands in.
bool is_deceptive(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F) || c == 0x200B ||
         c == 0x2060 || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

std::string day_words(const std::chrono::year_month_day& day) {
  return fmt::format("{} {} {}", static_cast<unsigned>(day.day()),
                     kMonths[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()));
}

}  // namespace

std::string displayable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    const std::size_t taken = next.bytes == 0 ? 1 : next.bytes;
    if (next.bytes == 0 || is_deceptive(next.value)) {
      out += kReplacement;
    } else if (is_control(next.value)) {
      out += ' ';
    } else {
      out += text.substr(0, taken);
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string long_date(Timestamp time) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const auto minutes = std::chrono::floor<std::chrono::minutes>(time - midnight).count();
  return fmt::format("{}, {:02}:{:02} UTC", day_words(midnight), minutes / 60, minutes % 60);
}

std::string long_day(std::string_view iso) {
  const auto time = parse_rfc3339(std::string(iso) + "T00:00:00Z");
  if (!time) return std::string(iso);
  return day_words(std::chrono::floor<std::chrono::days>(*time));
}

std::string time_left(Timestamp now, Timestamp until) {
  if (until <= now) return "now";
  const auto hours = std::chrono::floor<std::chrono::hours>(until - now).count();
  if (hours == 0) return "in less than an hour";
  if (hours < 48) return "in " + counted(hours, "hour", "hours");
  return "in " + counted(hours / 24, "day", "days");
}

std::string byte_size(std::size_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return decimal(value / 1e3) + " KB";
  return decimal(value / 1e6) + " MB";
}

std::string decimal(double value) {
  if (!std::isfinite(value)) return "–";
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string counted(long long count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string url_host(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
    // Nothing but a plain host: a user part is how a link is made to look like another host's.
    constexpr std::string_view kHostCharacters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    if (host.empty() || host.find_first_not_of(kHostCharacters) != std::string_view::npos)
      return "";
    return std::string(host.starts_with("www.") ? host.substr(4) : host);
  }
  return "";
}

std::string host_port(std::string_view host, int port) {
  if (port == 0) return std::string(host);
  const bool bare_ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return bare_ipv6 ? fmt::format("[{}]:{}", host, port)
                   : net::display_host(host, fmt::format(":{}", port));
}

Label status_label(inventory::AssetStatus status) {
  switch (status) {
    case inventory::AssetStatus::kBroken:
      return {"broken", "Broken"};
    case inventory::AssetStatus::kAtRisk:
      return {"at-risk", "At risk"};
    case inventory::AssetStatus::kSafe:
      return {"safe", "Safe"};
    case inventory::AssetStatus::kUnknown:
      return {"unknown", "Unknown"};
  }
  return {"unknown", "Unknown"};
}

Label framework_label(std::string_view result) {
  if (result == "met") return {"safe", "Met"};
  if (result == "not-met") return {"broken", "Not met"};
  if (result == "not-applicable") return {"unknown", "Not applicable"};
  return {"unknown", "Cannot tell"};
}

BandWords band_words(std::string_view band) {
  if (band == "Critical") {
    return {"critical", "below 40",
            "Most of the protection examined here rests on cryptography that a quantum computer "
            "would break, or that is "
            "weak already. What to do first is below."};
  }
  if (band == "At Risk") {
    return {"at-risk", "40 to below 65",
            "Some protection is in place, but a substantial part of what was examined would not "
            "withstand a quantum "
            "computer. What to do first is below."};
  }
  if (band == "Developing") {
    return {"developing", "65 to below 85",
            "Migration is under way: much of what was examined is protected already, and the gaps "
            "that remain are listed "
            "below."};
  }
  if (band == "Prepared") {
    return {"prepared", "85 and above",
            "Nearly everything examined is protected against known quantum attacks. What remains "
            "is listed below."};
  }
  return {"none", "",
          "Nothing could be classified, so there is no score. That is not a score of zero: it says "
          "nothing about how ready "
          "these systems are."};
}

FormatWords format_words(service::ArtifactFormat format) {
  switch (format) {
    case service::ArtifactFormat::kJson:
      return {"JSON", "the whole report, for programs"};
    case service::ArtifactFormat::kCsv:
      return {"CSV", "every asset, for a spreadsheet"};
    case service::ArtifactFormat::kPdf:
      return {"PDF", "the report, for reading and filing"};
    case service::ArtifactFormat::kCbom:
      return {"CBOM", "cryptographic bill of materials (CycloneDX)"};
    case service::ArtifactFormat::kSarif:
      return {"SARIF", "findings, for security tools"};
    case service::ArtifactFormat::kBundle:
      return {"Evidence bundle", "report and evidence in one ZIP"};
  }
  return {"File", ""};
}

std::string_view scope_words(std::string_view scope) {
  if (scope == "report") return "the readiness report of one scan, with files to keep";
  if (scope == "bundle")
    return "the readiness report of one scan and the evidence behind it, with files to keep";
  return "the readiness report of one scan, the signed evidence behind it and what has been done "
         "since, with files to keep";
}

ProblemWords problem_words(std::string_view code) {
  constexpr std::string_view kAskSender =
      "Please ask the person who sent you the link for a new one.";
  if (code == "not_found") {
    return {"This link does not open anything",
            "The address may have been cut off or changed on its way to you, for example by a line "
            "break in an e-mail.",
            "Copy the whole address and try again. If that does not help, please ask the person "
            "who sent you the link for "
            "a new one."};
  }
  if (code == "share_link_expired") {
    return {"This link has expired",
            "Links to reports are valid for a limited time, and this one's time is over.",
            kAskSender};
  }
  if (code == "share_link_revoked") {
    return {"This link has been withdrawn", "The sender has ended access through this link.",
            kAskSender};
  }
  if (code == "share_link_paused") {
    return {"This link is paused", "The sender has suspended access through this link for now.",
            "Try again later, or ask the person who sent you the link for a new one."};
  }
  if (code == "share_link_exhausted") {
    return {"This link has been used up",
            "It could be opened a set number of times, and all of them have been used.",
            kAskSender};
  }
  if (code == "share_scope") {
    return {"This link does not include that file",
            "It opens a part of the evidence, and the file is not in that part.",
            "Go back to the report to see what the link includes, or ask the person who sent it "
            "for a new link with a wider "
            "scope."};
  }
  if (code == "share_session_needed") {
    return {"This link has to be opened first",
            "It is protected, and what it leads to is shown only after opening it.",
            "Start from the address you were sent. If that does not help, please ask the person "
            "who sent it for a new link."};
  }
  if (code == "rate_limited") {
    return {"Too many requests",
            "More requests came from your network address in the last minute than are answered.",
            "Wait a minute, then reload the page. If this keeps happening, please ask the person "
            "who sent you the link."};
  }
  if (code == "unavailable" || code == "persistence_off") {
    return {"The report cannot be shown right now",
            "The service is not able to read its records at the moment.",
            "Try again in a few minutes. If this lasts, please ask the person who sent you the "
            "link whether a new one is "
            "needed."};
  }
  return {"This page cannot be shown", "Something went wrong while the page was being prepared.",
          "Try again in a few minutes. If this lasts, please ask the person who sent you the link "
          "for a new one."};
}

}  // namespace carnet::web
