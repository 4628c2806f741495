#pragma once
// A server of the test's own on loopback: each connection is served on a thread by a function that
// the test gives. Ends with the object.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <thread>

#include "base/encoding.h"

namespace carnet::probe::test {

class ScriptedServer {
 public:
  explicit ScriptedServer(std::function<void(int)> serve) : serve_(std::move(serve)) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    listen(fd_, 128);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    close(fd_);
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept_all() {
    while (true) {
      const int peer = accept(fd_, nullptr, nullptr);
      if (peer < 0) return;
      ++accepted_;
      threads_.emplace_back([this, peer] {
        serve_(peer);
        close(peer);
      });
    }
  }
  std::function<void(int)> serve_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::deque<std::thread> threads_;
  std::thread acceptor_;
};

// One read; empty at the end of the stream.
inline Bytes receive(int fd) {
  Bytes buffer(8192);
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  buffer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return buffer;
}
// False once the peer is gone.
inline bool send_all(int fd, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data = data.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}
inline bool send_text(int fd, std::string_view text) { return send_all(fd, as_bytes(text)); }
inline void wait_for_close(int fd) {
  while (!receive(fd).empty()) {
  }
}

}  // namespace carnet::probe::test
