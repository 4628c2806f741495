#include <ares.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/text.h"
#include "net/dialer.h"

namespace carnet::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPendingMax = 4096;
constexpr std::size_t kAddressesMax = 64;
constexpr std::size_t kAliasesMax = 16;
constexpr std::size_t kAliasBytesMax = 255;  // RFC 1035 section 2.3.4
// Each further try waits twice as long: seven seconds in all, less than the eight that reaching a
// target may take, so that what one address family answered is not lost to the other's silence.
constexpr int kTryMs = 1000;
constexpr int kTries = 3;

// One question. The waiter is told once: by the answer or by the deadline, whichever is first.
struct Query {
  std::string host;
  SteadyTime deadline;
  std::function<void(Result<ResolvedName>)> done;  // empty once called
  bool finished = false;                           // c-ares no longer points at it
};

tl::unexpected<Error> unavailable(std::string detail, std::string internal = {}) {
  return make_error(ErrorCode::kUnavailable, std::move(detail), std::move(internal));
}

// A name server may write anything into a name.
std::string readable(const char* name) {
  std::string out = to_lower_ascii(name == nullptr ? "" : name).substr(0, kAliasBytesMax);
  std::replace_if(out.begin(), out.end(), [](char c) { return c <= ' ' || c > '~'; }, '?');
  return out;
}

// From name to name, as far as the answer tells; the answers of both families tell it twice.
std::vector<std::string> alias_chain(const std::string& host, const ares_addrinfo_cname* cnames) {
  std::vector<std::string> chain{to_lower_ascii(host)};
  bool longer = true;
  while (longer && chain.size() <= kAliasesMax) {
    longer = false;
    for (const ares_addrinfo_cname* row = cnames; row != nullptr; row = row->next) {
      if (readable(row->alias) != chain.back()) continue;
      std::string next = readable(row->name);
      const bool known = std::find(chain.begin(), chain.end(), next) != chain.end();
      if (next.empty() || known) continue;
      chain.push_back(std::move(next));
      longer = true;
      break;
    }
  }
  chain.erase(chain.begin());
  return chain;
}

Result<ResolvedName> to_result(int status, const ares_addrinfo* info, const std::string& host) {
  switch (status) {
    case ARES_SUCCESS:
      break;
    case ARES_ENOTFOUND:
      return unavailable("no such name");
    case ARES_ENODATA:
      return unavailable("the name has no address");
    case ARES_EBADNAME:
      return unavailable("not a name that DNS can hold");
    case ARES_ETIMEOUT:
      return unavailable("the name server did not answer");
    case ARES_ECONNREFUSED:  // c-ares before 1.20 also says it when every server answered SERVFAIL
      return unavailable("the name server could not be reached, or failed on this name");
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
      return unavailable("the name server failed on this name");
    default:
      return unavailable("the name could not be resolved", ares_strerror(status));
  }
  ResolvedName out;
  auto& addresses = out.addresses;
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
    if (addresses.size() == kAddressesMax) break;
    IpAddress address = *IpAddress::parse("0.0.0.0");
    if (node->ai_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, node->ai_addr, sizeof(v4));
      std::memcpy(address.bytes.data() + 12, &v4.sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, node->ai_addr, sizeof(v6));
      std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    } else {
      continue;
    }
    const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (!known) addresses.push_back(address);
  }
  if (addresses.empty()) return unavailable("the name has no address");
  out.aliases = alias_chain(host, info->cnames);
  return out;
}

// c-ares lives on one thread, which is the only one that touches the channel.
class AresResolver final : public Resolver {
 public:
  explicit AresResolver(std::vector<NameServer> servers) : servers_(std::move(servers)) {
    CARNET_CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CARNET_CHECK(wake_ >= 0);
    thread_ = std::thread([this] { serve(); });
  }
  AresResolver(const AresResolver&) = delete;
  AresResolver& operator=(const AresResolver&) = delete;
  ~AresResolver() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
    ::close(wake_);
    ares_library_cleanup();
  }

  Task<Result<ResolvedName>> resolve(const std::string& host, SteadyTime deadline) override {
    if (const auto literal = IpAddress::parse(host)) co_return ResolvedName{{*literal}, {}};
    auto initiate = [this, host, deadline](auto handler) {
      const auto executor = asio::get_associated_executor(handler);
      auto work = asio::prefer(executor, asio::execution::outstanding_work.tracked);
      // std::function copies, the handler only moves.
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      enqueue(host, deadline, [work, shared](Result<ResolvedName> result) {
        auto deliver = [shared, result = std::move(result)]() mutable {
          std::move (*shared)(std::move(result));
        };
        asio::post(work, std::move(deliver));
      });
    };
    auto token = asio::use_awaitable_t<>();
    Result<ResolvedName> result =
        co_await asio::async_initiate<asio::use_awaitable_t<>, void(Result<ResolvedName>)>(
            std::move(initiate), token);
    co_return result;
  }

 private:
  void enqueue(const std::string& host, SteadyTime deadline,
               std::function<void(Result<ResolvedName>)> done) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && incoming_.size() + active_count_ < kPendingMax) {
        incoming_.push_back({host, deadline, std::move(done)});
        done = nullptr;
      }
    }
    if (done) {
      done(unavailable("too many names are being resolved at once"));
    } else {
      wake();
    }
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof(one));
  }

  static void on_answer(void* arg, int status, int /*timeouts*/, ares_addrinfo* info) {
    const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(info,
                                                                         [](ares_addrinfo* p) {
                                                                           if (p != nullptr)
                                                                             ares_freeaddrinfo(p);
                                                                         });
    auto* query = static_cast<Query*>(arg);
    if (query->done) std::exchange(query->done, nullptr)(to_result(status, info, query->host));
    query->finished = true;
  }

  static void on_socket_state(void* arg, ares_socket_t fd, int readable, int writable) {
    auto& sockets = static_cast<AresResolver*>(arg)->sockets_;
    if (readable == 0 && writable == 0) {
      sockets.erase(fd);
      return;
    }
    sockets[fd] = static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
  }

  [[nodiscard]] ares_channel open_channel() {
    ares_options options{};
    std::string lookups = "fb";  // the hosts file, then DNS
    options.lookups = lookups.data();
    options.timeout = kTryMs;
    options.tries = kTries;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    options.ndomains = 0;  // names are absolute
    ares_channel channel = nullptr;
    int mask = ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_DOMAINS;
#ifdef ARES_OPT_QUERY_CACHE
    options.qcache_max_ttl = 0;  // newer c-ares keeps answers unless told not to
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS) return nullptr;
    if (servers_.empty()) return channel;
    std::string list;
    for (const NameServer& server : servers_) {
      const std::string address = server.address.to_string();
      if (!list.empty()) list += ',';
      list += server.address.is_v4() ? address : "[" + address + "]";
      list += ":" + std::to_string(server.port);
    }
    if (ares_set_servers_ports_csv(channel, list.c_str()) == ARES_SUCCESS) return channel;
    ares_destroy(channel);
    return nullptr;
  }

  void serve() {
    ares_channel channel = open_channel();
    while (start_incoming(channel)) {
      wait_for_events(channel);
      expire();
    }
    if (channel != nullptr) ares_destroy(channel);  // calls back what is left
    active_.clear();
    const std::lock_guard lock(mutex_);  // nothing is added any more
    for (const Query& query : incoming_) query.done(unavailable("the resolver has ended"));
    incoming_.clear();
  }

  // False once the resolver is to end.
  bool start_incoming(ares_channel channel) {
    std::vector<Query> fresh;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      fresh.swap(incoming_);
      active_.remove_if([](const Query& query) { return query.finished; });
      active_count_ = active_.size() + fresh.size();
    }
    for (Query& query : fresh) {
      if (channel == nullptr) {
        query.done(unavailable("the resolver's configuration cannot be read"));
        continue;
      }
      Query& kept = active_.emplace_back(std::move(query));
      ares_addrinfo_hints hints{};
      hints.ai_family = AF_UNSPEC;
      hints.ai_socktype = SOCK_STREAM;
      ares_getaddrinfo(channel, kept.host.c_str(), nullptr, &hints, on_answer, &kept);
    }
    return true;
  }

  void wait_for_events(ares_channel channel) {
    std::vector<pollfd> fds{{wake_, POLLIN, 0}};
    for (const auto& [fd, events] : sockets_) fds.push_back({fd, events, 0});
    ::poll(fds.data(), fds.size(), poll_timeout_ms(channel));
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof(count));
    if (channel == nullptr) return;
    for (std::size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const bool readable = (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writable = (fds[i].revents & (POLLOUT | POLLERR)) != 0;
      ares_process_fd(channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
                      writable ? fds[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // retries that are due
  }

  [[nodiscard]] int poll_timeout_ms(ares_channel channel) const {
    std::int64_t wait_ms = 60'000;
    timeval buffer{};
    if (channel != nullptr && !active_.empty()) {
      if (const timeval* due = ares_timeout(channel, nullptr, &buffer)) {
        wait_ms = due->tv_sec * 1000 + due->tv_usec / 1000 + 1;
      }
    }
    const auto now = std::chrono::steady_clock::now();
    for (const Query& query : active_) {
      if (!query.done) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(query.deadline - now);
      wait_ms = std::min<std::int64_t>(wait_ms, std::max<std::int64_t>(left.count(), 0));
    }
    return static_cast<int>(wait_ms);
  }

  void expire() {
    const auto now = std::chrono::steady_clock::now();
    for (Query& query : active_) {
      if (!query.done || query.deadline > now) continue;
      std::exchange(query.done, nullptr)(unavailable("the name server did not answer in time"));
    }
  }

  const std::vector<NameServer> servers_;
  int wake_ = -1;
  std::mutex mutex_;
  bool stopping_ = false;                   // guarded by mutex_
  std::vector<Query> incoming_;             // guarded by mutex_
  std::size_t active_count_ = 0;            // guarded by mutex_
  std::list<Query> active_;                 // the thread's own; stable addresses for c-ares
  std::map<ares_socket_t, short> sockets_;  // the thread's own
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Resolver> make_resolver(std::vector<NameServer> servers) {
  return std::make_unique<AresResolver>(std::move(servers));
}

Result<NameServer> parse_name_server(std::string_view text) {
  const auto refuse = [] {
    return make_error(ErrorCode::kValidationFailed,
                      "must be an address, with a port if it is not 53: 192.0.2.53, "
                      "192.0.2.53:5353, [2001:db8::53]:5353");
  };
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return refuse();
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return refuse();
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    if (host.find(':') == std::string_view::npos) return refuse();
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  const auto address = IpAddress::parse(host);
  if (!address) return refuse();
  NameServer out{*address, 53};
  if (!has_port) return out;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0) return refuse();
  return out;
}

}  // namespace carnet::net
