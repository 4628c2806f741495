#include "api/http_head.h"

#include <charconv>
#include <cstring>

#include "base/text.h"

namespace carnet::api {
namespace {

constexpr std::uint64_t kContentLengthMax = 1ULL << 50U;

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

bool valid_host(std::string_view host) {
  if (host.size() > 300) return false;
  for (const char raw : host) {
    const auto c = static_cast<unsigned char>(raw);
    if (c <= 0x20 || c >= 0x7F || c == '/' || c == '\\' || c == '?' || c == '#' || c == '@' ||
        c == ',')
      return false;
  }
  return true;
}

// `host` is the Host header, which must say the same as an absolute target (RFC 9112 section 3.2.2
// lets the target win; whoever stands in front may have gone by the header).
Result<void> split_target(Request& request, std::string_view host) {
  std::string_view target = request.target;
  for (const char raw : target) {
    const auto c = static_cast<unsigned char>(raw);
    if (c <= 0x20 || c >= 0x7F || c == '#')
      return make_error(ErrorCode::kMalformedRequest,
                        "The request target has a character that must be encoded as %XX.");
  }
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    const bool absolute =
        scheme != std::string_view::npos && (iequals_ascii(target.substr(0, scheme), "http") ||
                                             iequals_ascii(target.substr(0, scheme), "https"));
    if (!absolute && !(target == "*" && request.method == Method::kOptions))
      return make_error(ErrorCode::kMalformedRequest,
                        "The request target must be a path that begins with a slash.");
    if (absolute) {
      const std::size_t path = target.find_first_of("/?", scheme + 3);
      const std::string_view authority =
          target.substr(scheme + 3, path == std::string_view::npos ? path : path - (scheme + 3));
      if (authority.empty() || !valid_host(authority))
        return make_error(ErrorCode::kMalformedRequest, "The request target does not name a host.");
      if (!host.empty() && !iequals_ascii(host, authority))
        return make_error(ErrorCode::kMalformedRequest,
                          "The request target and the Host header name different hosts.");
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
    }
  }
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (request.path.empty()) request.path = "/";
  request.query =
      question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  return {};
}

std::optional<net::IpAddress> parse_forwarded_address(std::string_view text) {
  text = trim_ascii(text);
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    return net::IpAddress::parse(text.substr(1, close - 1));
  }
  if (auto plain = net::IpAddress::parse(text)) return plain;
  return net::IpAddress::parse(text.substr(0, text.rfind(':')));
}

bool any_contains(const std::vector<net::Cidr>& blocks, const net::IpAddress& address) {
  for (const net::Cidr& block : blocks)
    if (block.contains(address)) return true;
  return false;
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end.ptr);
}

}  // namespace

bool is_token_char(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         kOthers.find(c) != std::string_view::npos;
}

HeadScanner::State HeadScanner::scan(std::string_view data) {
  if (!data.empty() && !is_token_char(data[0])) return State::kMalformed;
  while (scanned_ < data.size()) {
    const void* found = std::memchr(data.data() + scanned_, '\n', data.size() - scanned_);
    if (found == nullptr) {
      scanned_ = data.size();
      return State::kIncomplete;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - data.data());
    if (at == 0 || data[at - 1] != '\r') return State::kMalformed;
    if (at - 1 == line_start_) {
      end_ = at + 1;
      return State::kComplete;
    }
    // A line that begins with white space would continue the one before it.
    if (line_start_ > 0 && (data[line_start_] == ' ' || data[line_start_] == '\t'))
      return State::kMalformed;
    scanned_ = line_start_ = at + 1;
  }
  return State::kIncomplete;
}

Result<Framing> check_head(Request& request, bool http11) {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  std::string_view host;
  Framing framing;
  for (const Header& header : request.headers) {
    switch (header.name.size()) {
      case 4:
        if (!iequals_ascii(header.name, "Host")) break;
        ++hosts;
        host = header.value;
        if (!valid_host(header.value))
          return make_error(ErrorCode::kMalformedRequest, "The Host header is not a host name.");
        break;
      case 6:
        if (!iequals_ascii(header.name, "Expect")) break;
        if (!iequals_ascii(header.value, "100-continue"))
          return make_error(ErrorCode::kMalformedRequest,
                            "The only expectation this server knows is 100-continue.");
        framing.expects_continue = http11;
        break;
      case 14: {
        if (!iequals_ascii(header.name, "Content-Length")) break;
        ++lengths;
        const char* const last = header.value.data() + header.value.size();
        const auto number = std::from_chars(header.value.data(), last, framing.content_length);
        if (header.value.empty() || number.ec != std::errc{} || number.ptr != last ||
            framing.content_length > kContentLengthMax ||
            (header.value.size() > 1 && header.value.front() == '0'))
          return make_error(ErrorCode::kMalformedRequest,
                            "The Content-Length header is not a number of bytes.");
        break;
      }
      case 17:
        if (!iequals_ascii(header.name, "Transfer-Encoding")) break;
        ++codings;
        if (!iequals_ascii(header.value, "chunked") || !http11)
          return make_error(ErrorCode::kMalformedRequest,
                            "The only transfer coding this server reads is chunked.");
        framing.chunked = true;
        break;
      default:
        break;
    }
  }
  if (hosts > 1 || (hosts == 0 && http11))
    return make_error(ErrorCode::kMalformedRequest, "A request needs exactly one Host header.");
  if (lengths > 1)
    return make_error(ErrorCode::kMalformedRequest, "Content-Length may be sent only once.");
  if (codings > 1 || (codings == 1 && lengths == 1))
    return make_error(ErrorCode::kMalformedRequest,
                      "Send either Content-Length or Transfer-Encoding, and only once.");
  CARNET_TRY_VOID(split_target(request, host));
  return framing;
}

void apply_forwarding(Request& request, const net::IpAddress& socket_peer, bool tls,
                      const std::vector<net::Cidr>& trusted) {
  request.peer = socket_peer;
  request.https = tls;
  request.forwarded = false;
  std::string_view proto;
  for (const Header& header : request.headers) {
    if (iequals_ascii(header.name, "X-Forwarded-For") || iequals_ascii(header.name, "Forwarded") ||
        iequals_ascii(header.name, "Via"))
      request.forwarded = true;
    if (iequals_ascii(header.name, "X-Forwarded-Proto")) proto = header.value;
  }
  if (trusted.empty() || !any_contains(trusted, socket_peer)) return;
  const std::size_t comma = proto.rfind(',');
  if (!proto.empty())
    request.https = iequals_ascii(
        trim_ascii(comma == std::string_view::npos ? proto : proto.substr(comma + 1)), "https");
  // Each proxy appends; what stands left of the first address that we do not trust was written by
  // that client.
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (!iequals_ascii(header->name, "X-Forwarded-For")) continue;
    const std::vector<std::string_view> hops = split(header->value, ',');
    for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
      const auto address = parse_forwarded_address(*hop);
      if (!address) return;
      request.peer = *address;
      if (!any_contains(trusted, *address)) return;
    }
  }
}

void append_head(std::string& out, const Response& response, const HeadText& how) {
  out += how.http11 ? "HTTP/1.1 " : "HTTP/1.0 ";
  append_number(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason_of(response.status);
  out += "\r\nDate: ";
  out += how.date;
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless && !response.content_type.empty()) {
    out += "\r\nContent-Type: ";
    out += response.content_type;
  }
  for (const auto& [name, value] : response.headers) {
    out += "\r\n";
    out += name;
    out += ": ";
    out += value;
  }
  if (!response.fixed_headers.empty()) {
    out += "\r\n";
    out += response.fixed_headers.substr(0, response.fixed_headers.size() - 2);
  }
  if (response.stream && how.http11) {
    out += "\r\nTransfer-Encoding: chunked";
  } else if (!bodiless && !response.stream) {
    out += "\r\nContent-Length: ";
    append_number(out, response.bytes().size());
  }
  if (!how.keep_alive) {
    out += "\r\nConnection: close";
  } else if (!how.http11) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
}

std::string imf_fixdate(std::int64_t unix_seconds) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds time{std::chrono::seconds{unix_seconds}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
      clock.seconds().count());
}

}  // namespace carnet::api
