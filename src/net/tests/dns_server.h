#pragma once
// A name server of the test's own on loopback, over UDP and TCP: answers what the test tells it to,
// as one under an attacker's control would. Remembers every question.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/dialer.h"

namespace carnet::net::test {

constexpr std::uint16_t kA = 1, kCname = 5, kAaaa = 28;

struct DnsRecord {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::vector<std::uint8_t> data;
};
struct DnsReply {
  int rcode = 0;  // 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED
  std::vector<DnsRecord> answers;
  bool truncated = false;
  bool wrong_id = false;  // as somebody who guesses sends it
};
struct DnsQuestion {
  std::string name;
  std::uint16_t type = 0;
  bool tcp = false;
};

inline void put16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void put_name(std::vector<std::uint8_t>& out, const std::string& name) {
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    out.push_back(static_cast<std::uint8_t>(dot - at));
    out.insert(out.end(), name.begin() + static_cast<std::ptrdiff_t>(at),
               name.begin() + static_cast<std::ptrdiff_t>(dot));
    at = dot + 1;
  }
  out.push_back(0);
}

// An A or AAAA record, by the form of the text.
inline DnsRecord address_record(const std::string& owner, const std::string& text,
                                std::uint32_t ttl = 0) {
  DnsRecord out{owner, kA, ttl, {}};
  if (text.find(':') == std::string::npos) {
    out.data.resize(4);
    inet_pton(AF_INET, text.c_str(), out.data.data());
  } else {
    out.type = kAaaa;
    out.data.resize(16);
    inet_pton(AF_INET6, text.c_str(), out.data.data());
  }
  return out;
}
inline DnsRecord cname_record(const std::string& owner, const std::string& target) {
  DnsRecord out{owner, kCname, 0, {}};
  put_name(out.data, target);
  return out;
}

class DnsServer {
 public:
  // nullopt: silence. Called on the server's thread.
  using Answer = std::function<std::optional<DnsReply>(const DnsQuestion&)>;

  explicit DnsServer(Answer answer) : answer_(std::move(answer)) {
    // The same port for both; the kernel chooses it for one and the other may be taken.
    for (int attempt = 0; attempt < 50 && port_ == 0; ++attempt) open_both();
    if (port_ == 0) throw std::runtime_error("no port for a name server");
    thread_ = std::thread([this] { serve(); });
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer() {
    stopping_ = true;
    thread_.join();
    close(udp_);
    close(tcp_);
  }
  [[nodiscard]] NameServer address() const { return {*IpAddress::parse("127.0.0.1"), port_}; }
  [[nodiscard]] std::vector<DnsQuestion> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  [[nodiscard]] int count(const std::string& name, std::uint16_t type) const {
    int out = 0;
    for (const DnsQuestion& one : asked()) out += one.name == name && one.type == type ? 1 : 0;
    return out;
  }

 private:
  void open_both() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(tcp_, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(tcp_, reinterpret_cast<sockaddr*>(&address), &size);
    if (bind(udp_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(tcp_, 16) == 0) {
      port_ = ntohs(address.sin_port);
      return;
    }
    close(udp_);
    close(tcp_);
  }

  void serve() {
    while (!stopping_) {
      std::array<pollfd, 2> fds{{{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}}};
      if (poll(fds.data(), fds.size(), 20) <= 0) continue;
      if (fds[0].revents != 0) serve_udp();
      if (fds[1].revents != 0) serve_tcp();
    }
  }
  void serve_udp() {
    std::array<std::uint8_t, 1500> buffer{};
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    const ssize_t got =
        recvfrom(udp_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
    if (got < 12) return;
    const auto out = respond({buffer.data(), static_cast<std::size_t>(got)}, false);
    if (!out.empty())
      sendto(udp_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
  }
  // One question a connection.
  void serve_tcp() {
    const int peer = accept(tcp_, nullptr, nullptr);
    const timeval patience{2, 0};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::array<std::uint8_t, 2> length{};
    std::array<std::uint8_t, 1500> buffer{};
    if (recv(peer, length.data(), 2, MSG_WAITALL) == 2) {
      const std::size_t want = std::size_t{length[0]} * 256 + length[1];
      const ssize_t got = recv(peer, buffer.data(), std::min(want, buffer.size()), MSG_WAITALL);
      if (got >= 12) {
        auto out = respond({buffer.data(), static_cast<std::size_t>(got)}, true);
        std::vector<std::uint8_t> framed;
        put16(framed, out.size());
        framed.insert(framed.end(), out.begin(), out.end());
        if (!out.empty()) send(peer, framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
    close(peer);
  }

  std::vector<std::uint8_t> respond(std::span<const std::uint8_t> query, bool tcp) {
    DnsQuestion question{"", 0, tcp};
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      if (!question.name.empty()) question.name += '.';
      const std::size_t length = query[at];
      if (at + 1 + length >= query.size()) return {};
      for (std::size_t i = 0; i < length; ++i)
        question.name += static_cast<char>(std::tolower(query[at + 1 + i]));
      at += length + 1;
    }
    if (at + 5 > query.size()) return {};
    question.type = static_cast<std::uint16_t>(query[at + 1] * 256 + query[at + 2]);
    const std::size_t question_end = at + 5;
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(question);
    }
    const auto reply = answer_(question);
    if (!reply) return {};
    std::vector<std::uint8_t> out(query.begin(), query.begin() + 2);
    if (reply->wrong_id) out[0] ^= 0xFFU;
    out.push_back(static_cast<std::uint8_t>(0x85U | (reply->truncated ? 0x02U : 0U)));
    out.push_back(static_cast<std::uint8_t>(0x80U | static_cast<unsigned>(reply->rcode)));
    put16(out, 1);
    put16(out, reply->answers.size());
    put16(out, 0);
    put16(out, 0);
    out.insert(out.end(), query.begin() + 12,
               query.begin() + static_cast<std::ptrdiff_t>(question_end));
    for (const DnsRecord& record : reply->answers) {
      put_name(out, record.owner);
      put16(out, record.type);
      put16(out, 1);
      put16(out, record.ttl >> 16U);
      put16(out, record.ttl & 0xFFFFU);
      put16(out, record.data.size());
      out.insert(out.end(), record.data.begin(), record.data.end());
    }
    return out;
  }

  Answer answer_;
  int udp_ = -1, tcp_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<DnsQuestion> asked_;
  std::thread thread_;
};

// Only the records that were asked for, and the CNAMEs before them.
inline DnsReply of_type(const DnsQuestion& question, std::vector<DnsRecord> records) {
  DnsReply out;
  for (DnsRecord& record : records)
    if (record.type == question.type || record.type == kCname)
      out.answers.push_back(std::move(record));
  return out;
}

}  // namespace carnet::net::test
