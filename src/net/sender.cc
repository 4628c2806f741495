#include "net/sender.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::net {
namespace {

constexpr int kPollMs = 1000;                // limit: internal
constexpr long kConnectionsKept = 256;       // limit: internal
constexpr long kConnectionIdleSeconds = 60;  // limit: internal
constexpr std::size_t kHeaderBytesMax = 64 * 1024;
constexpr int kV4Offset = 12;  // of an IPv4 address in its mapped form

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

void append(List& list, const std::string& text) {
  if (curl_slist* const longer = curl_slist_append(list.get(), text.c_str()); longer != nullptr) {
    static_cast<void>(list.release());
    list.reset(longer);
  }
}

// For CURLOPT_RESOLVE.
std::string pin_of(const Sending& sending) {
  std::string pin = fmt::format("+{}:{}:", sending.host, sending.port);
  for (std::size_t i = 0; i < sending.addresses.size(); ++i) {
    const IpAddress& address = sending.addresses[i];
    pin += fmt::format("{}{}{}{}", i == 0 ? "" : ",", address.is_v4() ? "" : "[",
                       address.to_string(), address.is_v4() ? "" : "]");
  }
  return pin;
}

// One call on its way; lives as long as its handle is in the multi.
struct Flight {
  Easy easy;
  Sending sending;
  Sender::Done done;
  List headers, resolve, recipients;
  std::size_t sent = 0;                        // of a message
  std::size_t header_bytes = 0, received = 0;  // of an answer's head, and of its body
  std::size_t answer_bytes_max = 0;
  bool blocked = false, cut = false;
  const AddressPolicy* policy = nullptr;
  const OwnListeners* own = nullptr;
};

std::size_t on_answer(char* /*data*/, std::size_t size, std::size_t count, void* with) {
  auto& flight = *static_cast<Flight*>(with);
  flight.received += size * count;
  if (flight.received <= flight.answer_bytes_max) return size * count;
  flight.cut = true;
  return 0;
}

// What a receiver's header says is nobody's business either. One without end is no answer: libcurl
// keeps what it has read of it.
std::size_t on_header(char* /*data*/, std::size_t size, std::size_t count, void* with) {
  auto& flight = *static_cast<Flight*>(with);
  flight.header_bytes += size * count;
  return flight.header_bytes <= kHeaderBytesMax ? size * count : 0;
}

std::size_t on_message(char* into, std::size_t size, std::size_t count, void* with) {
  auto& flight = *static_cast<Flight*>(with);
  const std::size_t now = std::min(size * count, flight.sending.body.size() - flight.sent);
  std::copy_n(flight.sending.body.data() + flight.sent, now, into);
  flight.sent += now;
  return now;
}

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
};

std::optional<Endpoint> endpoint_of(const curl_sockaddr& given) {
  Endpoint out;
  if (given.family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &given.addr, sizeof(v4));
    out.address = *IpAddress::parse("0.0.0.0");
    std::memcpy(out.address.bytes.data() + kV4Offset, &v4.sin_addr, sizeof(v4.sin_addr));
    out.port = ntohs(v4.sin_port);
    return out;
  }
  if (given.family == AF_INET6 && given.addrlen >= sizeof(sockaddr_in6)) {
    // curl_sockaddr is declared with a sockaddr at its end and has room for any.
    sockaddr_in6 v6{};
    std::memcpy(&v6, reinterpret_cast<const std::uint8_t*>(&given) + offsetof(curl_sockaddr, addr),
                sizeof(v6));
    std::memcpy(out.address.bytes.data(), &v6.sin6_addr, out.address.bytes.size());
    out.port = ntohs(v6.sin6_port);
    return out;
  }
  return std::nullopt;
}

curl_socket_t on_open(void* with, curlsocktype purpose, curl_sockaddr* given) {
  auto& flight = *static_cast<Flight*>(with);
  const auto endpoint = endpoint_of(*given);
  const bool fine =
      purpose == CURLSOCKTYPE_IPCXN && endpoint &&
      (!flight.sending.guarded ||
       (flight.policy->permits(endpoint->address) &&
        (flight.own == nullptr || !flight.own->holds(endpoint->address, endpoint->port))));
  if (!fine) {
    flight.blocked = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(given->family, given->socktype | SOCK_CLOEXEC, given->protocol);
}

std::string status_class(long status) { return fmt::format("{}xx", status / 100); }

bool is_tls_fault(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
      return true;
    default:
      return false;
  }
}

Sent outcome_of(const Flight& flight, CURLcode code) {
  constexpr long kFirst = 200;
  constexpr long kEnd = 600;
  long status = 0;
  curl_easy_getinfo(flight.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool answered = status >= kFirst && status < kEnd;
  const bool mail = !flight.sending.mail_to.empty();
  Sent out{.outcome = "failed", .status = static_cast<int>(status)};
  if (flight.blocked) {
    out.outcome = "blocked";
  } else if (code == CURLE_OK || flight.cut) {
    out.outcome = answered ? status_class(status) : "failed";
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    out.outcome = "timeout";
  } else if (code == CURLE_COULDNT_CONNECT) {
    out.outcome = "refused";
  } else if (code == CURLE_LOGIN_DENIED) {
    out.outcome = "login";
  } else if (is_tls_fault(code)) {
    out.outcome = "tls";
  } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
    out.outcome = "dns";
  } else if (mail && status >= 400 && answered) {
    out.outcome = status_class(status);
  } else if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
             code == CURLE_PARTIAL_FILE || code == CURLE_WEIRD_SERVER_REPLY) {
    out.outcome = "reset";
  }
  return out;
}

class CurlSender final : public Sender {
 public:
  CurlSender(const AddressPolicy& policy, const OwnListeners* own, SenderOptions options)
      : policy_(policy), own_(own), options_(std::move(options)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_.reset(curl_multi_init());
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kConnectionsKept);
    thread_ = std::thread([this] { serve(); });
  }
  CurlSender(const CurlSender&) = delete;
  CurlSender& operator=(const CurlSender&) = delete;
  ~CurlSender() override {
    stop();
    multi_.reset();
    curl_global_cleanup();
  }

  void send(Sending sending, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        in_flight_.fetch_add(1);
        inbox_.emplace_back(std::move(sending), std::move(done));
        curl_multi_wakeup(multi_.get());
        return;
      }
    }
    done({.outcome = "stopped"});
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      curl_multi_wakeup(multi_.get());
    }
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] int in_flight() const override { return in_flight_.load(); }

 private:
  using Inbox = std::deque<std::pair<Sending, Done>>;

  void serve() {
    for (bool stopping = false; !stopping;) {
      Inbox fresh;
      {
        const std::lock_guard lock(mutex_);
        fresh.swap(inbox_);
        stopping = stopping_;
      }
      for (auto& [sending, done] : fresh) begin(std::move(sending), std::move(done));
      if (stopping) break;
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr);
    }
    // Ends come one by one, as any other's.
    while (!flights_.empty()) end(flights_.begin()->first, {.outcome = "stopped"});
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      end(easy, outcome_of(*flights_.at(easy), message->data.result));
    }
  }

  void end(CURL* easy, Sent sent) {
    const auto found = flights_.find(easy);
    const std::unique_ptr<Flight> flight = std::move(found->second);
    flights_.erase(found);
    curl_multi_remove_handle(multi_.get(), easy);
    curl_easy_reset(easy);
    if (spare_.size() < kSpareMax) spare_.push_back(std::move(flight->easy));
    in_flight_.fetch_sub(1);
    flight->done(std::move(sent));
  }

  void begin(Sending sending, Done done) {
    auto flight = std::make_unique<Flight>();
    if (spare_.empty()) {
      flight->easy.reset(curl_easy_init());
    } else {
      flight->easy = std::move(spare_.back());
      spare_.pop_back();
    }
    flight->sending = std::move(sending);
    flight->done = std::move(done);
    flight->answer_bytes_max = options_.answer_bytes_max;
    flight->policy = &policy_;
    flight->own = own_;
    CURL* const easy = flight->easy.get();
    set_common(*flight);
    if (flight->sending.mail_to.empty()) {
      set_http(*flight);
    } else {
      set_mail(*flight);
    }
    flights_.emplace(easy, std::move(flight));
    if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) end(easy, {.outcome = "failed"});
  }

  void set_common(Flight& flight) const {
    CURL* const easy = flight.easy.get();
    const Sending& sending = flight.sending;
    // An address is its own pin, and libcurl knows none for an IPv6 one.
    if (!IpAddress::parse(sending.host)) append(flight.resolve, pin_of(sending));
    curl_easy_setopt(easy, CURLOPT_URL, sending.url.c_str());
    curl_easy_setopt(easy, CURLOPT_RESOLVE, flight.resolve.get());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kConnectionIdleSeconds);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  }

  void set_http(Flight& flight) const {
    CURL* const easy = flight.easy.get();
    const Sending& sending = flight.sending;
    for (const std::string& header : sending.headers) append(flight.headers, header);
    append(flight.headers, "Expect:");
    append(flight.headers, "Accept:");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight.headers.get());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, sending.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(sending.body.size()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.call_timeout.count()));
  }

  void set_mail(Flight& flight) const {
    CURL* const easy = flight.easy.get();
    const Sending& sending = flight.sending;
    append(flight.recipients, fmt::format("<{}>", sending.mail_to));
    const std::string from = fmt::format("<{}>", sending.mail_from);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     static_cast<long>(sending.starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from.c_str());
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, flight.recipients.get());
    if (!sending.user.empty()) {
      curl_easy_setopt(easy, CURLOPT_USERNAME, sending.user.c_str());
      const std::string password(sending.password ? sending.password->expose() : "");
      curl_easy_setopt(easy, CURLOPT_PASSWORD, password.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_message);
    curl_easy_setopt(easy, CURLOPT_READDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(sending.body.size()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.mail_timeout.count()));
  }

  static constexpr std::size_t kSpareMax = 256;  // limit: internal

  const AddressPolicy& policy_;
  const OwnListeners* own_;
  const SenderOptions options_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::mutex mutex_;
  Inbox inbox_;            // guarded by mutex_
  bool stopping_ = false;  // likewise
  std::atomic<int> in_flight_{0};
  std::unordered_map<CURL*, std::unique_ptr<Flight>> flights_;  // of the thread alone, as spare_
  std::vector<Easy> spare_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Sender> make_sender(const AddressPolicy& policy, const OwnListeners* own,
                                    SenderOptions options) {
  return std::make_unique<CurlSender>(policy, own, std::move(options));
}

Task<Sent> send_and_wait(Sender& sender, Sending sending) {
  auto initiate = [&sender](auto handler, Sending what) {
    using Handler = decltype(handler);
    auto executor = boost::asio::get_associated_executor(handler);
    using Guard = decltype(boost::asio::make_work_guard(executor));
    // As store::Database::await(): handler and guard end on the handler's own executor.
    struct Pending {
      Handler handler;
      Guard guard;
    };
    auto pending = std::make_shared<Pending>(
        Pending{std::move(handler), boost::asio::make_work_guard(executor)});
    Sender::Done done = [pending = std::move(pending)](Sent sent) mutable {
      const auto executor = pending->guard.get_executor();
      auto resume = [pending = std::move(pending), sent = std::move(sent)]() mutable {
        Handler resumed = std::move(pending->handler);
        std::move(resumed)(std::move(sent));
      };
      boost::asio::post(executor, std::move(resume));
    };
    sender.send(std::move(what), std::move(done));
  };
  auto waiting = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Sent)>(
      std::move(initiate), boost::asio::use_awaitable, std::move(sending));
  co_return co_await std::move(waiting);
}

}  // namespace carnet::net
