// The sender against servers of this process: the guard when a socket is opened, the pin, STARTTLS.
// What receivers over HTTP may do wrong is in tests/system/webhook_test.py.

#include "net/sender.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace carnet::net {
namespace {

// Answers each line, or each HTTP request, as `reply` says; one connection after the other.
class LineServer {
 public:
  using Reply = std::function<std::string(const std::string& line)>;
  LineServer(std::string greeting, Reply reply)
      : greeting_(std::move(greeting)), reply_(std::move(reply)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  ~LineServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port = 0;
  std::atomic<int> connections{0};

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      ++connections;
      talk(peer);
      ::close(peer);
    }
  }
  void talk(int peer) {
    say(peer, greeting_);
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
      if (got <= 0) return;
      text.append(buffer, static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = text.find("\r\n")) != std::string::npos;) {
        say(peer, reply_(text.substr(0, end)));
        text.erase(0, end + 2);
      }
    }
  }
  static void say(int peer, const std::string& what) {
    static_cast<void>(::send(peer, what.data(), what.size(), MSG_NOSIGNAL));
  }

  std::string greeting_;
  Reply reply_;
  int listener_ = -1;
  std::thread thread_;
};

Sent send(Sender& sender, Sending sending) {
  std::promise<Sent> promise;
  sender.send(std::move(sending), [&promise](Sent sent) { promise.set_value(std::move(sent)); });
  return promise.get_future().get();
}

Sending call_of(std::uint16_t port, const std::string& host = "127.0.0.1") {
  Sending out;
  out.host = host;
  out.port = port;
  out.url = "http://" + host + ":" + std::to_string(port) + "/";
  out.addresses = {*IpAddress::parse("127.0.0.1")};
  out.body = "{}";
  return out;
}

std::string http_reply(const std::string& line) {
  return line.empty() ? "HTTP/1.1 204 No Content\r\n\r\n" : "";
}

AddressPolicy policy_with_loopback(bool open) {
  std::vector<Cidr> allowed;
  if (open) allowed.push_back(*Cidr::parse("127.0.0.0/8"));
  return {AddressPolicy::special_purpose_ranges(), allowed};
}

TEST(Sender, SendsToTheAddressThatWasChecked) {
  LineServer server("", http_reply);
  const AddressPolicy policy = policy_with_loopback(true);
  const auto sender = make_sender(policy, nullptr, {});
  // No resolver knows this name: what counts is the pin.
  EXPECT_EQ(send(*sender, call_of(server.port, "hooks.invalid")).outcome, "2xx");
  EXPECT_EQ(sender->in_flight(), 0);
  // The connection is used again.
  EXPECT_EQ(send(*sender, call_of(server.port, "hooks.invalid")).outcome, "2xx");
  EXPECT_EQ(server.connections.load(), 1);
}

TEST(Sender, CallsAnIpv6AddressByItsNumber) {
  const AddressPolicy policy(AddressPolicy::special_purpose_ranges(), {*Cidr::parse("::1/128")});
  const auto sender = make_sender(policy, nullptr, {});
  LineServer server("", http_reply);  // its port is free on ::1, which it does not listen at
  Sending call = call_of(server.port, "::1");
  call.url = "http://[::1]:" + std::to_string(server.port) + "/";
  call.addresses = {*IpAddress::parse("::1")};
  EXPECT_EQ(send(*sender, call).outcome, "refused");
}

// Of what libcurl keeps, a receiver must not decide how much.
TEST(Sender, AHeadWithoutEndIsNoAnswer) {
  for (const std::string_view line : {"HTTP/1.1 100 Continue\r\n\r\n", "X-More: and more\r\n"}) {
    std::string head = line.starts_with("HTTP") ? "" : "HTTP/1.1 200 OK\r\n";
    while (head.size() < std::size_t{256} * 1024) head += line;
    LineServer server("", [&head](const std::string& asked) { return asked.empty() ? head : ""; });
    const AddressPolicy policy = policy_with_loopback(true);
    const auto sender = make_sender(policy, nullptr, {});
    EXPECT_EQ(send(*sender, call_of(server.port)).outcome, "failed") << line;
  }
}

// Even if a caller forgot to check, or was made to hand in another address.
TEST(Sender, AForbiddenAddressIsNotOpened) {
  LineServer server("", http_reply);
  const AddressPolicy policy = policy_with_loopback(false);
  const auto sender = make_sender(policy, nullptr, {});
  EXPECT_EQ(send(*sender, call_of(server.port)).outcome, "blocked");
  EXPECT_EQ(send(*sender, call_of(server.port, "hooks.invalid")).outcome, "blocked");
  EXPECT_EQ(server.connections.load(), 0);
}

TEST(Sender, AnOwnListenerIsNotCalled) {
  LineServer server("", http_reply);
  const AddressPolicy policy = policy_with_loopback(true);
  OwnListeners own;
  own.add(*IpAddress::parse("0.0.0.0"), server.port);
  const auto sender = make_sender(policy, &own, {});
  EXPECT_EQ(send(*sender, call_of(server.port)).outcome, "blocked");
  EXPECT_EQ(server.connections.load(), 0);
}

TEST(Sender, AMailServerWithoutStartTlsGetsNothingWhereItIsRequired) {
  std::atomic<bool> saw_mail{false};
  LineServer server("220 mail\r\n", [&saw_mail](const std::string& line) -> std::string {
    if (line.starts_with("MAIL")) saw_mail = true;
    return "250 fine\r\n";
  });
  const AddressPolicy policy = policy_with_loopback(true);
  const auto sender = make_sender(policy, nullptr, {});
  Sending mail = call_of(server.port);
  mail.url = "smtp://127.0.0.1:" + std::to_string(server.port) + "/example.org";
  mail.guarded = false;
  mail.mail_from = "a@example.org";
  mail.mail_to = "b@example.org";
  mail.starttls = true;
  mail.body = "Subject: s\r\n\r\nt\r\n";
  EXPECT_EQ(send(*sender, mail).outcome, "tls");
  EXPECT_FALSE(saw_mail);
}

TEST(Sender, WhatIsStoppedEnds) {
  LineServer server("", [](const std::string&) { return ""; });
  const AddressPolicy policy = policy_with_loopback(true);
  const auto sender = make_sender(policy, nullptr, {});
  std::promise<Sent> promise;
  sender->send(call_of(server.port), [&promise](Sent sent) { promise.set_value(std::move(sent)); });
  sender->stop();
  EXPECT_EQ(promise.get_future().get().outcome, "stopped");
  EXPECT_EQ(send(*sender, call_of(server.port)).outcome, "stopped");
}

}  // namespace
}  // namespace carnet::net
