#include "net/dialer.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace carnet::net {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

AddressPolicy policy(std::vector<std::string> allowed) {
  std::vector<Cidr> blocks;
  for (const auto& text : allowed) blocks.push_back(*Cidr::parse(text));
  return {AddressPolicy::special_purpose_ranges(), blocks};
}

TEST(AddressPolicy, SpecialPurposeSpaceIsDenied) {
  const AddressPolicy none = policy({});
  for (const char* denied :
       {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "168.63.129.16", "169.254.169.254",
        "172.16.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "2001:db8::1", "3fff::1",
        // the same by other roads: mapped, compatible, translated, NAT64, 6to4, Teredo
        "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::1"}) {
    EXPECT_FALSE(none.permits(ip(denied))) << denied;
    EXPECT_FALSE(none.explicitly_allowed(ip(denied))) << denied;
  }
  for (const char* fine :
       {"8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1", "2a00:1450::1"}) {
    EXPECT_TRUE(none.permits(ip(fine))) << fine;
    EXPECT_FALSE(none.explicitly_allowed(ip(fine))) << fine;
  }
}

TEST(AddressPolicy, OperatorAllowsBlocks) {
  const AddressPolicy some =
      policy({"10.0.0.0/8", "::1/128", "64:ff9b::/96", "2002::/16", "2001::/32"});
  EXPECT_TRUE(some.permits(ip("10.1.2.3")));
  EXPECT_TRUE(some.explicitly_allowed(ip("10.1.2.3")));
  EXPECT_TRUE(some.permits(ip("::1")));
  EXPECT_FALSE(some.permits(ip("192.168.0.1")));
  // Opening a translation prefix does not open what may lie behind it.
  EXPECT_FALSE(some.permits(ip("64:ff9b::7f00:1")));
  EXPECT_TRUE(some.permits(ip("64:ff9b::808:808")));
  EXPECT_TRUE(some.permits(ip("64:ff9b::a01:203")));
  EXPECT_FALSE(some.permits(ip("2002:c0a8:1::")));
  EXPECT_TRUE(some.permits(ip("2002:808:808::")));
  // Teredo: server 8.8.8.8, client 127.0.0.1 with its bits turned round.
  EXPECT_FALSE(some.permits(ip("2001:0:808:808:0:0:80ff:fffe")));
  EXPECT_TRUE(some.permits(ip("2001:0:808:808:0:0:f7f7:f7f7")));
}

// IANA, IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and the documents it was
// extended by), every row that existed in 2025, whether globally reachable or not; and multicast
// (RFC 5771, RFC 4291), the deprecated site-local block (RFC 3879).
TEST(AddressPolicy, EveryRowOfIanasRegistriesIsDenied) {
  const AddressPolicy none = policy({});
  for (const char* text :
       {"0.0.0.0/8",          "0.0.0.0/32",      "10.0.0.0/8",      "100.64.0.0/10",
        "127.0.0.0/8",        "169.254.0.0/16",  "172.16.0.0/12",   "192.0.0.0/24",
        "192.0.0.0/29",       "192.0.0.8/32",    "192.0.0.9/32",    "192.0.0.10/32",
        "192.0.0.170/32",     "192.0.0.171/32",  "192.0.2.0/24",    "192.31.196.0/24",
        "192.52.193.0/24",    "192.88.99.0/24",  "192.168.0.0/16",  "192.175.48.0/24",
        "198.18.0.0/15",      "198.51.100.0/24", "203.0.113.0/24",  "240.0.0.0/4",
        "255.255.255.255/32", "224.0.0.0/4",     "::1/128",         "::/128",
        "64:ff9b:1::/48",     "100::/64",        "100:0:0:1::/64",  "2001::/23",
        "2001::/32",          "2001:1::1/128",   "2001:1::2/128",   "2001:1::3/128",
        "2001:2::/48",        "2001:3::/32",     "2001:4:112::/48", "2001:10::/28",
        "2001:20::/28",       "2001:30::/28",    "2001:db8::/32",   "2002::/16",
        "2620:4f:8000::/48",  "3fff::/20",       "5f00::/16",       "fc00::/7",
        "fe80::/10",          "fec0::/10",       "ff00::/8"}) {
    const Cidr block = *Cidr::parse(text);
    IpAddress last = block.base;
    for (int bit = block.prefix_bits; bit < 128; ++bit) {
      last.bytes[static_cast<std::size_t>(bit / 8)] |=
          static_cast<std::uint8_t>(0x80U >> (bit % 8));
    }
    EXPECT_FALSE(none.permits(block.base)) << text;
    EXPECT_FALSE(none.permits(last)) << text << " up to " << last.to_string();
  }
  // ::ffff:0:0/96 is the IPv4 address itself, 64:ff9b::/96 leads to it.
  EXPECT_FALSE(none.permits(ip("64:ff9b::808:808")));
  EXPECT_TRUE(none.permits(ip("::ffff:8.8.8.8")));
}

TEST(AddressPolicy, TheBlocksEndWhereTheyEnd) {
  const AddressPolicy none = policy({});
  for (const char* fine :
       {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",      "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "168.63.129.15",   "168.63.129.17",   "2003::",         "2620:4f:7fff::",
        "2620:4f:8001::"}) {
    EXPECT_TRUE(none.permits(ip(fine))) << fine;
  }
}

TEST(AddressPolicy, TranslationOfAnyPrefixLengthIsLookedThrough) {
  // RFC 6052 section 2.2 with the local prefix of RFC 8215, opened by the operator.
  const AddressPolicy local = policy({"64:ff9b:1::/48"});
  EXPECT_FALSE(local.permits(ip("64:ff9b:1:7f00:0:100::")));        // /48: 127.0.0.1
  EXPECT_FALSE(local.permits(ip("64:ff9b:1:aa0a:0:1:200::")));      // /56: 10.0.1.2
  EXPECT_FALSE(local.permits(ip("64:ff9b:1:aaaa:c0:a801:100::")));  // /64: 192.168.1.1
  EXPECT_FALSE(local.permits(ip("64:ff9b:1::a9fe:a9fe")));          // /96: 169.254.169.254
  EXPECT_TRUE(local.permits(ip("64:ff9b:1::808:808")));
  // ISATAP under any prefix (RFC 5214).
  EXPECT_FALSE(policy({}).permits(ip("2a00:1450::5efe:10.0.0.1")));
  EXPECT_FALSE(policy({}).permits(ip("2a00:1450::200:5efe:127.0.0.1")));
  EXPECT_TRUE(policy({}).permits(ip("2a00:1450::5efe:8.8.8.8")));
}

TEST(AddressPolicy, CloudMetadataIsOpenedByItsOwnAddressAlone) {
  for (const char* address : {"169.254.169.254", "169.254.170.2", "100.100.100.200",
                              "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"}) {
    EXPECT_FALSE(policy({}).permits(ip(address))) << address;
    EXPECT_FALSE(policy({"0.0.0.0/0", "::/0"}).permits(ip(address))) << address;
    const AddressPolicy exact = policy({address});
    EXPECT_TRUE(exact.permits(ip(address))) << address;
    EXPECT_TRUE(exact.explicitly_allowed(ip(address))) << address;
  }
  EXPECT_TRUE(policy({"169.254.0.0/16"}).permits(ip("169.254.169.253")));
  EXPECT_TRUE(AddressPolicy::is_metadata_name("Metadata.Google.Internal"));
  EXPECT_FALSE(AddressPolicy::is_metadata_name("metadata.example"));
}

TEST(OwnListeners, WildcardStandsForThisMachine) {
  OwnListeners own;
  own.add(ip("0.0.0.0"), 8080);
  own.add(ip("127.0.0.1"), 9090);
  EXPECT_TRUE(own.holds(ip("127.0.0.1"), 8080));
  EXPECT_TRUE(own.holds(ip("::1"), 8080));
  EXPECT_FALSE(own.holds(ip("8.8.8.8"), 8080));
  EXPECT_FALSE(own.holds(ip("127.0.0.1"), 8081));
  EXPECT_TRUE(own.holds(ip("127.0.0.1"), 9090));
  EXPECT_TRUE(own.holds(ip("0.0.0.0"), 9090));  // the kernel connects 0.0.0.0 to loopback
  EXPECT_FALSE(own.holds(ip("8.8.8.8"), 9090));
  own.remove(ip("0.0.0.0"), 8080);
  EXPECT_FALSE(own.holds(ip("127.0.0.1"), 8080));
}

// Runs one coroutine to its end.
template <class T>
T run(Task<T> task) {
  boost::asio::io_context context;
  std::optional<T> out;
  boost::asio::co_spawn(context, std::move(task), [&out](const std::exception_ptr& error, T value) {
    if (error) std::rethrow_exception(error);
    out = std::move(value);
  });
  context.run();
  return std::move(*out);
}

class Listener {
 public:
  Listener() {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    listen(fd_, 8);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(fd_); }
  [[nodiscard]] int accept_one() const { return accept(fd_, nullptr, nullptr); }
  void stop() {
    close(fd_);
    fd_ = -1;
  }
  std::uint16_t port = 0;

 private:
  int fd_ = -1;
};

class DialerTest : public testing::Test {
 protected:
  SystemClock clock_;
  std::unique_ptr<Resolver> resolver_ = make_system_resolver();
  AddressPolicy policy_ = policy({"127.0.0.0/8"});
  OwnListeners own_;
  std::unique_ptr<Dialer> dialer_ = make_guarded_dialer(*resolver_, policy_, clock_, &own_);
  // The connection ends before the context that it was made on.
  Result<void> dial(std::string_view address, std::uint16_t port) {
    return run(dial_and_close(ip(address), port));
  }

 private:
  Task<Result<void>> dial_and_close(IpAddress address, std::uint16_t port) {
    const SteadyTime deadline = clock_.steady_now() + 20s;
    CARNET_CO_TRY(connection, co_await dialer_->dial(address, port, deadline));
    connection.reset();
    co_return Result<void>{};
  }
};

TEST_F(DialerTest, ReadsWritesAndSeesTheEnd) {
  Listener listener;
  std::thread peer([&] {
    const int fd = listener.accept_one();
    std::array<char, 4> in{};
    EXPECT_EQ(recv(fd, in.data(), in.size(), MSG_WAITALL), 4);
    EXPECT_EQ(send(fd, in.data(), in.size(), 0), 4);
    close(fd);
  });
  auto talk = [this](std::uint16_t port) -> Task<Result<std::string>> {
    const SteadyTime deadline = clock_.steady_now() + 5s;
    CARNET_CO_TRY(connection, co_await dialer_->dial(ip("127.0.0.1"), port, deadline));
    const std::string_view text = "ping";
    CARNET_CO_TRY_VOID(co_await connection->write_all(
        {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, deadline));
    std::string out;
    std::array<std::uint8_t, 64> buffer{};
    while (true) {
      CARNET_CO_TRY(got, co_await connection->read_some(buffer, deadline));
      if (got == 0) break;
      out.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    }
    co_return out;
  };
  const auto answer = run(talk(listener.port));
  peer.join();
  ASSERT_TRUE(answer) << answer.error().public_detail;
  EXPECT_EQ(*answer, "ping");
}

TEST_F(DialerTest, TimeoutsAndResetsAreNamed) {
  Listener listener;
  auto read = [this](std::uint16_t port,
                     std::chrono::milliseconds wait) -> Task<Result<std::size_t>> {
    const SteadyTime now = clock_.steady_now();
    CARNET_CO_TRY(connection, co_await dialer_->dial(ip("127.0.0.1"), port, now + 20s));
    std::array<std::uint8_t, 1> buffer{};
    const auto got = co_await connection->read_some(buffer, clock_.steady_now() + wait);
    co_return got;
  };
  EXPECT_THAT(run(read(listener.port, 130ms)).error().public_detail,
              testing::MatchesRegex("timed out after [0-9]+ ms"));
  std::thread peer([&] {
    close(listener.accept_one());  // the connection of the first try
    const int fd = listener.accept_one();
    const linger now{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
  });
  const auto second = run(read(listener.port, 30000ms));
  peer.join();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().public_detail, "connection reset");
}

TEST_F(DialerTest, RefusedDeniedAndOwn) {
  Listener listener;
  own_.add(ip("127.0.0.1"), listener.port);
  const auto own = dial("127.0.0.1", listener.port);
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, ErrorCode::kTargetNotAuthorized);
  own_.remove(ip("127.0.0.1"), listener.port);
  EXPECT_TRUE(dial("127.0.0.1", listener.port));
  listener.stop();
  const auto refused = dial("127.0.0.1", listener.port);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().public_detail, "connection refused");
  const auto denied = dial("::ffff:10.0.0.1", 443);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kTargetNotAuthorized);
  EXPECT_NE(denied.error().public_detail.find("--allow-targets 10.0.0.1/32"), std::string::npos);
}

// Gives what it is told, as a name server under an attacker's control would.
class FakeResolver final : public Resolver {
 public:
  Task<Result<ResolvedName>> resolve(const std::string& /*host*/,
                                     SteadyTime /*deadline*/) override {
    co_return ResolvedName{answers, {}};
  }
  std::vector<IpAddress> answers;
};

// The policy is asked at each attempt, not only when the name was resolved: who keeps an address
// from before cannot dial it.
TEST_F(DialerTest, EveryAttemptIsCheckedAgain) {
  Listener listener;
  const AddressPolicy narrow = policy({"127.0.0.1/32"});
  dialer_ = make_guarded_dialer(*resolver_, narrow, clock_, &own_);
  EXPECT_TRUE(dial("127.0.0.1", listener.port));
  const auto other = dial("127.0.0.2", listener.port);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kTargetNotAuthorized);
  own_.add(ip("0.0.0.0"), listener.port);
  EXPECT_FALSE(dial("127.0.0.1", listener.port));
  own_.remove(ip("0.0.0.0"), listener.port);
  own_.add(ip("::"), listener.port);
  EXPECT_FALSE(dial("127.0.0.1", listener.port));
  EXPECT_FALSE(dial("::ffff:127.0.0.1", listener.port));
  own_.remove(ip("::"), listener.port);
  EXPECT_TRUE(dial("127.0.0.1", listener.port));
}

TEST_F(DialerTest, OneBadAddressSpoilsTheName) {
  FakeResolver resolver;
  const auto dialer = make_guarded_dialer(resolver, policy_, clock_);
  const auto ask = [&] {
    return run(dialer->resolve_checked("evil.example", clock_.steady_now() + 1s));
  };
  resolver.answers = {ip("8.8.8.8"), ip("2606:4700::1")};
  EXPECT_EQ(ask()->addresses.size(), 2u);
  resolver.answers.push_back(ip("169.254.169.254"));
  const auto refused = ask();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTargetNotAuthorized);
  EXPECT_NE(refused.error().public_detail.find("evil.example has the address 169.254.169.254"),
            std::string::npos);
}

TEST(Resolver, LiteralsHostsFileAndManyExecutors) {
  SystemClock clock;
  const auto resolver = make_system_resolver();
  const auto ask = [&](const std::string& host) {
    return run(resolver->resolve(host, clock.steady_now() + 5s));
  };
  EXPECT_EQ(ask("192.0.2.1")->addresses.at(0).to_string(), "192.0.2.1");
  EXPECT_EQ(ask("2001:db8::1")->addresses.at(0).to_string(), "2001:db8::1");
  const auto local = ask("localhost");  // every hosts file has it
  ASSERT_TRUE(local) << local.error().public_detail;
  const IpAddress first = local->addresses.at(0);
  EXPECT_TRUE(first == ip("127.0.0.1") || first == ip("::1"));
  EXPECT_FALSE(ask(""));
  EXPECT_FALSE(ask(std::string(300, 'x')));
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) answered += ask("localhost") ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 200);
}

TEST(Resolver, DeadlineEndsTheWait) {
  SystemClock clock;
  const auto resolver = make_system_resolver();
  const auto began = clock.steady_now();
  const auto answer = run(resolver->resolve("no-such-name.invalid", clock.steady_now() + 200ms));
  EXPECT_FALSE(answer);
  EXPECT_LT(clock.steady_now() - began, 20s);
}

}  // namespace
}  // namespace carnet::net
