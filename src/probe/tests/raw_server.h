#pragma once
// Servers that misbehave on purpose, many connections on one thread, each on a loopback address of
// its own, so that the limits per address do not couple them.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace carnet::probe::test {

class RawServer {
 public:
  enum class Kind {
    kSilent,     // accepts and says nothing
    kDrip,       // `words`, a byte every 20 ms, for ever
    kFlood,      // `words` as fast as they are taken, for ever
    kReset,      // RST upon accept
    kClose,      // FIN upon accept
    kHalfClose,  // ends its own direction and keeps reading
    kBlackhole,  // its queue is full: no answer to a SYN
    kAnswer,     // `words` once, after the first bytes of the client
  };

  RawServer(Kind kind, const std::string& address, std::string words = {})
      : kind_(kind), words_(std::move(words)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    inet_pton(AF_INET, address.c_str(), &address_.sin_addr);
    socklen_t size = sizeof(address_);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address_), size) != 0 ||
        listen(fd_, kind == Kind::kBlackhole ? 0 : 512) != 0)
      throw std::runtime_error("raw server");
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size);
    if (kind == Kind::kBlackhole) {
      fill_the_queue();
    } else {
      thread_ = std::thread([this] { serve(); });
    }
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    for (const Peer& peer : peers_) close(peer.fd);
    for (const int fd : fillers_) close(fd);
    close(fd_);
  }
  [[nodiscard]] std::uint16_t port() const { return ntohs(address_.sin_port); }
  [[nodiscard]] int accepted() const { return accepted_; }
  [[nodiscard]] std::size_t most_sent() const { return most_sent_; }  // on one connection

 private:
  struct Peer {
    int fd = -1;
    std::size_t sent = 0;
    bool answered = false;
  };

  void fill_the_queue() {
    for (int i = 0; i < 4; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      static_cast<void>(connect(fd, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)));
      fillers_.push_back(fd);
      pollfd ready{fd, POLLOUT, 0};
      if (poll(&ready, 1, 100) == 0) return;  // dropped: it is full
    }
    throw std::runtime_error("the queue does not fill");
  }

  void serve() {
    while (!stopping_) {
      std::vector<pollfd> fds{{fd_, POLLIN, 0}};
      for (const Peer& peer : peers_) {
        const short events = kind_ == Kind::kFlood ? POLLIN | POLLOUT : POLLIN;
        fds.push_back({peer.fd, events, 0});
      }
      poll(fds.data(), fds.size(), 20);
      if (fds[0].revents != 0) accept_all();
      std::size_t at = 1;
      for (auto peer = peers_.begin(); at < fds.size(); ++at) {
        const bool over = !work_on(*peer, fds[at].revents);
        if (over) close(peer->fd);
        peer = over ? peers_.erase(peer) : std::next(peer);
      }
    }
  }
  void accept_all() {
    while (true) {
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      ++accepted_;
      if (kind_ == Kind::kReset) {
        const linger now{1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
      }
      if (kind_ == Kind::kReset || kind_ == Kind::kClose) {
        close(fd);
        continue;
      }
      if (kind_ == Kind::kHalfClose) shutdown(fd, SHUT_WR);
      peers_.push_back({fd, 0, false});
    }
  }
  // False when the connection is over.
  bool work_on(Peer& peer, short events) {
    if ((events & POLLIN) != 0) {
      std::uint8_t buffer[4096];
      const ssize_t got = recv(peer.fd, buffer, sizeof(buffer), 0);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (kind_ == Kind::kAnswer && !peer.answered) {
        peer.answered = true;
        return say(peer, words_);
      }
    }
    if ((events & (POLLHUP | POLLERR)) != 0) return false;
    if (kind_ == Kind::kDrip) return say(peer, words_.substr(peer.sent % words_.size(), 1));
    while (kind_ == Kind::kFlood) {
      const std::size_t before = peer.sent;
      if (!say(peer, words_)) return false;
      if (peer.sent == before || peer.sent > 64U * 1024 * 1024) break;
    }
    return true;
  }
  bool say(Peer& peer, std::string_view words) {
    const ssize_t sent = send(peer.fd, words.data(), words.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    peer.sent += static_cast<std::size_t>(sent);
    if (peer.sent > most_sent_) most_sent_ = peer.sent;
    return true;
  }

  const Kind kind_;
  const std::string words_;
  sockaddr_in address_{};
  int fd_ = -1;
  std::vector<int> fillers_;
  std::list<Peer> peers_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::atomic<std::size_t> most_sent_{0};
  std::thread thread_;
};

// What a TLS server says that speaks no version it is offered: it is reached, and quickly done
// with.
inline std::string protocol_version_alert() { return {"\x15\x03\x03\x00\x02\x02\x46", 7}; }

}  // namespace carnet::probe::test
