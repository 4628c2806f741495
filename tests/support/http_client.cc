#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>

#include "base/text.h"

namespace carnet::test {
namespace {

constexpr timeval kPatience{.tv_sec = 60, .tv_usec = 0};

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (iequals_ascii(key, name)) return value;
  return {};
}

std::size_t HttpAnswer::count(std::string_view name) const {
  std::size_t found = 0;
  for (const auto& header : headers)
    if (iequals_ascii(header.first, name)) ++found;
  return found;
}

HttpClient::HttpClient(const std::string& address, std::uint16_t port)
    : HttpClient(address, port, Manner{}) {}

HttpClient::HttpClient(const std::string& address, std::uint16_t port, const Manner& manner) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) return;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  constexpr int kOn = 1;  // each send() is a segment of its own
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  if (manner.receive_buffer > 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &manner.receive_buffer, sizeof manner.receive_buffer);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  if (!manner.source.empty() &&
      (::inet_pton(AF_INET, manner.source.c_str(), &from.sin_addr) != 1 ||
       ::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)) {
    ::close(fd);
    return;
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return;
  }
  fd_ = fd;
}

HttpClient::~HttpClient() { close(); }

void HttpClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void HttpClient::reset() {
  constexpr linger kNow{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &kNow, sizeof kNow);
  close();
}

bool HttpClient::readable_within(std::chrono::milliseconds time) const {
  pollfd wanted{.fd = fd_, .events = POLLIN, .revents = 0};
  return !buffer_.empty() || ::poll(&wanted, 1, static_cast<int>(time.count())) > 0;
}

std::string HttpClient::read_up_to(std::size_t size) {
  if (buffer_.empty()) {
    std::string chunk(size, '\0');
    const ssize_t got = ::recv(fd_, chunk.data(), size, 0);
    if (got <= 0) return {};
    chunk.resize(static_cast<std::size_t>(got));
    return chunk;
  }
  std::string out = buffer_.substr(0, size);
  buffer_.erase(0, out.size());
  return out;
}

void HttpClient::shutdown_send() { ::shutdown(fd_, SHUT_WR); }

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpClient::fill() {
  char chunk[16384];
  const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<std::size_t>(got));
  return true;
}

bool HttpClient::need(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!fill()) return false;
  return true;
}

bool HttpClient::closed_by_peer() {
  errno = 0;  // the end of the stream does not set it
  while (fill()) {
  }
  return errno != EAGAIN;
}

std::string HttpClient::read_until(std::string_view text) {
  std::size_t at = 0;
  while ((at = buffer_.find(text)) == std::string::npos)
    if (!fill()) return {};
  std::string out = buffer_.substr(0, at + text.size());
  buffer_.erase(0, out.size());
  return out;
}

bool HttpClient::read_chunks(std::string& body) {
  while (true) {
    const std::string line = read_until("\r\n");
    std::size_t size = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (line.empty() || parsed.ec != std::errc{}) return false;
    if (!need(size + 2)) return false;
    body += buffer_.substr(0, size);
    if (buffer_.compare(size, 2, "\r\n") != 0) return false;
    buffer_.erase(0, size + 2);
    if (size == 0) return true;
  }
}

bool HttpClient::read_body(HttpAnswer& answer, bool to_head) {
  if (to_head || answer.status < 200 || answer.status == 204 || answer.status == 304) return true;
  if (iequals_ascii(answer.header("Transfer-Encoding"), "chunked")) return read_chunks(answer.body);
  const std::string length = answer.header("Content-Length");
  std::size_t size = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), size);
  if (length.empty() || parsed.ec != std::errc{}) return false;
  if (!need(size)) return false;
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return true;
}

std::optional<HttpAnswer> HttpClient::read(bool to_head) {
  HttpAnswer answer;
  answer.head = read_until("\r\n\r\n");
  if (answer.head.size() < 12 || !answer.head.starts_with("HTTP/1.")) return std::nullopt;
  std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
  const std::vector<std::string_view> lines = split(answer.head, '\n');
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string_view line = trim_ascii(lines[i]);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    answer.headers.emplace_back(line.substr(0, colon), trim_ascii(line.substr(colon + 1)));
  }
  if (!read_body(answer, to_head)) return std::nullopt;
  return answer;
}

std::string request_text(std::string_view method, std::string_view target,
                         const HttpHeaders& headers, std::string_view body) {
  std::string out =
      std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: carnet.test\r\n";
  bool typed = false;
  for (const auto& [name, value] : headers) {
    out += name + ": " + value + "\r\n";
    typed = typed || iequals_ascii(name, "Content-Type");
  }
  if (!body.empty()) {
    if (!typed) out += "Content-Type: application/json\r\n";
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  out += "\r\n";
  out += body;
  return out;
}

std::optional<HttpAnswer> HttpClient::ask(std::string_view method, std::string_view target,
                                          const HttpHeaders& headers, std::string_view body) {
  if (!send(request_text(method, target, headers, body))) return std::nullopt;
  return read(method == "HEAD");
}

}  // namespace carnet::test
