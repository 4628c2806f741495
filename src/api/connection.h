#pragma once
// What server.cc (accepting, sweeping) and connection.cc (one client) share. Not for other files:
// it pulls in Asio.
//
// One Core per io_context. Everything in a Core and in its Connections is touched by that context's
// thread alone; what several cores share is atomic or behind a mutex in Server::State.

#include <mutex>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/http_parse.h"
#include "api/server.h"
#include "api/tls.h"

namespace carnet::api {

class Connection;
struct Core;

inline constexpr std::size_t kReadChunk = 16 * 1024;
inline constexpr std::size_t kLingerBytesMax = 1024 * 1024;

struct AddressHash {
  std::size_t operator()(const net::IpAddress& address) const {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
  }
};

struct Server::State {
  State(Options o, Handler& h, const Log& l) : options(std::move(o)), handler(h), log(l) {}

  const Options options;
  Handler& handler;
  const Log& log;
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> open{0}, accepted{0}, refused{0}, timed_out{0}, made_room{0};
  std::atomic<std::uint64_t> handshakes{0}, handshakes_failed{0};
  std::atomic<std::size_t> body_memory{0};
  std::atomic<std::size_t> unknown_body_memory{0};  // the part of it without a valid key
  std::mutex address_mutex;
  std::unordered_map<net::IpAddress, std::size_t, AddressHash>
      per_address;  // open connections; bounded by them
  std::vector<std::shared_ptr<Core>> cores;
  std::mutex listen_mutex;
  std::atomic<bool> tls{false};  // every connection begins with a handshake
  std::mutex identity_mutex;
  std::shared_ptr<const TlsIdentity> identity;

  [[nodiscard]] std::shared_ptr<const TlsIdentity> current_identity();

  // False if that address (IPv6: its /64) has as many connections as it may.
  [[nodiscard]] bool take_address(const net::IpAddress& address);
  void release_address(const net::IpAddress& address);
};

struct Core : std::enable_shared_from_this<Core> {
  Core(std::shared_ptr<Server::State> s, boost::asio::io_context& c)
      : state(std::move(s)), context(c), sweeper(c) {}

  std::shared_ptr<Server::State> state;
  boost::asio::io_context& context;
  boost::asio::steady_timer sweeper;
  std::vector<boost::asio::ip::tcp::acceptor> acceptors;
  Connection* first = nullptr;  // doubly linked through the connections
  // Likewise those of them that owe a request, from whoever has done so the longest.
  Connection* waiting_first = nullptr;
  Connection* waiting_last = nullptr;
  SteadyTime now = std::chrono::steady_clock::now();
  int reserve_fd = -1;  // given up for a moment to refuse a client when no descriptor is left
  bool stopped = false;
  std::int64_t date_second = -1;
  std::string date;

  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  [[nodiscard]] std::string_view date_text();
};

// Why a connection is kept from its normal course from the start.
enum class Admission { kWelcome, kTooMany, kTooManyFromAddress };

class Connection {
 public:
  Connection(std::shared_ptr<Core> core, boost::asio::ip::tcp::socket socket, net::IpAddress peer,
             bool counted);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves requests until the connection ends; the coroutine owns the connection.
  [[nodiscard]] static Task<void> run(std::unique_ptr<Connection> self, Admission admission);

  // From the sweeper: ends what has passed its deadline, or is idle when draining.
  void sweep(SteadyTime now, bool draining);
  // Makes room for another: the connection ends, unless a request of it is here already; then with
  // the answer to that.
  void give_way();
  void abort();
  [[nodiscard]] Connection* next() const { return next_; }

 private:
  enum class Phase { kHandshake, kIdle, kHead, kBody, kHandling, kWriting, kLingering };
  enum class Outcome { kOk, kClosed, kRefused, kAnswered };
  enum class Written { kAll, kRest, kFailed };

  [[nodiscard]] Task<Outcome> handshake();
  [[nodiscard]] Task<void> serve();
  [[nodiscard]] Task<void> answer_refusal();
  [[nodiscard]] Task<Outcome> read_head();
  [[nodiscard]] Outcome parse_head();
  [[nodiscard]] Task<Outcome> read_body();
  [[nodiscard]] Task<Outcome> read_sized_body();
  [[nodiscard]] Task<Outcome> read_chunked_body(std::size_t limit);
  // Asks the handler, once a request, whether the body is worth reading; kAnswered: it was not.
  [[nodiscard]] Task<Outcome> judge_head();
  // Room for bytes of the body that are to be read.
  [[nodiscard]] Task<Outcome> make_body_room(std::size_t bytes);
  [[nodiscard]] Task<bool> send_continue();
  [[nodiscard]] Task<bool> send(Response response, bool keep_alive);
  [[nodiscard]] Task<bool> send_stream(std::unique_ptr<BodyStream> stream);
  // Puts the answer's head into out_, with the body behind it if that is small; gives what is to be
  // written.
  struct Pieces {
    std::string_view first, second;
  };
  [[nodiscard]] Pieces compose(const Response& response, bool keep_alive);
  // Writes what fits the kernel's buffer, without suspending; `pieces` is then what is left.
  [[nodiscard]] Written write_now(Pieces& pieces);
  [[nodiscard]] Written write_tls_now(Pieces& pieces);
  [[nodiscard]] Task<bool> write_all(std::string_view first, std::string_view second);
  [[nodiscard]] Task<void> linger(std::size_t bytes_max = kLingerBytesMax);
  // 0: closed, failed or timed out.
  [[nodiscard]] Task<std::size_t> read_some(char* into, std::size_t size);
  [[nodiscard]] Task<std::size_t> read_tls(char* into, std::size_t size);
  [[nodiscard]] Task<bool> wait_for(TlsStream::Step step);
  // Puts the deadline off by what these bytes take at the slowest rate; never further away than a
  // whole timeout from now, so that a quick start does not pay for a standstill.
  void earn_time(std::size_t bytes, std::size_t rate_min, std::chrono::milliseconds timeout);
  Outcome refuse(ErrorCode code, std::string detail);
  Outcome refuse(Error error);
  [[nodiscard]] bool grow_body_memory(std::size_t bytes);
  void release_body_memory();
  void enter(Phase phase, std::chrono::milliseconds timeout);
  void enter(Phase phase);
  void join_waiting();
  void leave_waiting();
  void reset_request();

  std::shared_ptr<Core> core_;
  Server::State& state_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsStream> tls_;                           // null: plain
  TlsStream::Step tls_wants_ = TlsStream::Step::kWantWrite;  // what stopped the last write
  int tls_reads_ = 0;                                        // since the last wait
  net::IpAddress peer_;
  bool counted_;
  Connection* next_ = nullptr;
  Connection* previous_ = nullptr;
  Connection* waiting_next_ = nullptr;
  Connection* waiting_previous_ = nullptr;
  bool waiting_ = false;
  bool gives_way_ = false;
  Phase phase_ = Phase::kIdle;
  SteadyTime deadline_ = SteadyTime::max();
  bool timed_out_ = false;
  bool wants_close_ = false;

  std::unique_ptr<char[]>
      buffer_;  // received bytes of this request (and of those pipelined behind it)
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0, end_ = 0;
  HeadScanner scanner_;
  Request request_;
  Framing framing_;
  HeadParser parser_;
  std::string body_;     // when it is not whole in buffer_
  std::string surplus_;  // bytes behind a chunked body: the next request's
  std::size_t body_memory_ = 0, unknown_body_memory_ = 0;
  bool judged_ = false, known_ = false;  // by the handler
  Error refusal_;
  std::string out_;
};

}  // namespace carnet::api
