#include "service/mail_message.h"

#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/encoding.h"
#include "net/http_url.h"

namespace carnet::service {
namespace {

constexpr std::size_t kLineBytesMax = 998;     // RFC 5322 section 2.1.1
constexpr std::size_t kEncodedLine = 76;       // RFC 2045 section 6.8
constexpr std::size_t kSubjectBytesMax = 400;  // limit: internal
// Base64 of it and its frame fit into 75 (RFC 2047).
constexpr std::size_t kWordBytesMax = 45;        // limit: internal
constexpr std::uint16_t kSubmissionPort = 587;   // RFC 6409
constexpr std::uint16_t kSubmissionsPort = 465;  // RFC 8314

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= ' ' && letter < '\x7f') || letter == '\n' || letter == '\t';
  });
}

// The end of the longest part from `from` on of at most `bytes` that cuts no UTF-8 sequence.
std::size_t cut_at(std::string_view text, std::size_t from, std::size_t bytes) {
  std::size_t end = std::min(text.size(), from + bytes);
  while (end < text.size() && end > from &&
         (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return end > from ? end : std::min(text.size(), from + bytes);
}

std::string subject_of(std::string_view given) {
  std::string text(given.substr(0, cut_at(given, 0, kSubjectBytesMax)));
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = ' ';
  // Short plain text stands as it is, unless it looks like an encoded word.
  if (is_plain(text) && text.size() <= kEncodedLine - std::string_view("Subject: ").size() &&
      text.find("=?") == std::string::npos)
    return text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = cut_at(text, at, kWordBytesMax);
    out += fmt::format("{}=?utf-8?B?{}?=", at == 0 ? "" : "\r\n ",
                       to_base64(as_bytes(std::string_view(text).substr(at, end - at))));
    at = end;
  }
  return out;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\r') continue;
    if (letter == '\n') out += '\r';
    out += letter;
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

bool has_long_line(std::string_view text) {
  std::size_t line = 0;
  for (const char letter : text) {
    line = letter == '\n' ? 0 : line + 1;
    if (line > kLineBytesMax) return true;
  }
  return false;
}

std::string date_of(Timestamp time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  const std::time_t when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr int kYearBase = 1900;
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                     kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                     kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + kYearBase,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

Result<MailServer> parse_mail_server(std::string_view url) {
  MailServer out;
  const auto bad = [](std::string phrase) {
    return make_error(ErrorCode::kValidationFailed, std::move(phrase));
  };
  constexpr std::string_view kWanted =
      "must be smtp://HOST[:PORT] or smtps://HOST[:PORT], without user, password or path";
  if (url.starts_with("smtps://")) {
    out.implicit_tls = true;
  } else if (!url.starts_with("smtp://")) {
    return bad(std::string(kWanted));
  }
  std::string_view authority = url.substr(out.implicit_tls ? 8 : 7);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find_first_of("/?#@") != std::string_view::npos) return bad(std::string(kWanted));
  const auto parsed = net::parse_http_url(fmt::format("https://{}/", authority));
  if (!parsed) return bad(std::string(kWanted));
  const std::size_t bracket = authority.rfind(']');
  const bool has_port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket) !=
                        std::string_view::npos;
  out.host = parsed->host;
  out.port = has_port ? parsed->port : out.implicit_tls ? kSubmissionsPort : kSubmissionPort;
  return out;
}

std::string mail_text(const MailMessage& message) {
  const std::string domain = message.from.substr(message.from.rfind('@') + 1);
  const bool plain = is_plain(message.text) && !has_long_line(message.text);
  std::string out = fmt::format(
      "Date: {}\r\nFrom: Carnet <{}>\r\nTo: <{}>\r\nSubject: {}\r\nMessage-ID: <{}@{}>\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {}\r\n\r\n",
      date_of(message.created_at), message.from, message.to, subject_of(message.subject),
      message.delivery.str(), domain, plain ? "7bit" : "base64");
  const std::string text = with_crlf(message.text);
  if (plain) return out + text;
  const std::string encoded = to_base64(as_bytes(text));
  for (std::size_t at = 0; at < encoded.size(); at += kEncodedLine)
    out += encoded.substr(at, kEncodedLine) + "\r\n";
  return out;
}

}  // namespace carnet::service
