#pragma once
// The HTTP listener: accepts connections, reads requests within limits, hands them to a Handler and
// writes the answers, in the clear or by TLS. Made by app/; must outlive the run() of the
// io_contexts it listens on.
//
// Threads: one io_context per core, each run by exactly one thread; every context has its own
// acceptor on every endpoint (SO_REUSEPORT), and a connection lives and dies on the context that
// accepted it. Public functions may be called from any thread; listen() once, before the contexts
// run.
//
// Limits are those of Options; docs/limits.md names them all. Anything malformed is answered by
// Handler::refuse() and the connection closed.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http.h"
#include "base/error.h"
#include "base/log.h"
#include "base/task.h"
#include "net/ip.h"

namespace boost::asio {
class io_context;
}

namespace carnet::api {

class TlsIdentity;  // tls.h

// What is thought of a request whose body is still to come.
struct HeadVerdict {
  std::optional<Response> refused;  // the answer, if the body need not be read for it
  bool known = false;               // a valid key stands behind the request
};

// What answers requests. Called on the io thread of the connection; must not block it.
class Handler {
 public:
  virtual ~Handler() = default;
  // The most body bytes this request may have; asked when the headers are in, before the body is
  // read.
  [[nodiscard]] virtual std::size_t body_bytes_max(const Request& head) const = 0;
  // Asked at most once, when more of a body is to come than is read of anybody's. `head` has no
  // body, and lives until the answer. What is refused is answered and the connection closed; what
  // is not is handed to handle() once it is whole, and looked at again there. Does not throw.
  [[nodiscard]] virtual Task<HeadVerdict> judge_head(const Request& head) = 0;
  // Does not throw. `request` and everything it points to live until the answer has been sent.
  [[nodiscard]] virtual Task<Response> handle(const Request& request) = 0;
  // The answer to a request that the listener refuses (malformed, too large, too slow, too many
  // connections). `head` has what was readable: possibly nothing. Does not throw.
  [[nodiscard]] virtual Response refuse(const Request& head, const Error& error) = 0;
};

class Server {
 public:
  struct Options {
    std::vector<net::Cidr> trusted_proxies;  // whose X-Forwarded-For and -Proto count
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t headers_max = 100;
    std::size_t connections_max = 10000;             // then one that waits for a request makes room
    std::size_t connections_per_address_max = 1024;  // trusted proxies are not counted
    std::size_t body_memory_max =
        256 * 1024 * 1024;  // of all requests being read; more are answered 503
    std::size_t unknown_body_memory_max = 64 * 1024 * 1024;  // of those without a valid key
    std::size_t unknown_body_max = 64 * 1024;  // of one body, before judge_head() is asked
    std::chrono::milliseconds header_timeout{10000};
    std::chrono::milliseconds body_timeout{30000};
    std::size_t body_rate_min = 16 * 1024;  // bytes a second, past the first body_timeout
    std::chrono::milliseconds idle_timeout{75000};
    std::chrono::milliseconds write_timeout{30000};  // also without any progress
    std::size_t write_rate_min = 4 * 1024;           // bytes a second, past the first write_timeout
    std::chrono::milliseconds tls_handshake_timeout{10000};
    std::chrono::milliseconds sweep_interval{500};  // how exact the timeouts are
  };

  struct Counts {
    std::uint64_t open = 0, accepted = 0, refused = 0, timed_out = 0;
    std::uint64_t handshakes = 0, handshakes_failed = 0;  // of TLS
    std::uint64_t open_max = 0;                           // connections_max
    std::uint64_t made_room = 0;                          // closed to let another in
    std::uint64_t body_bytes = 0, body_bytes_max = 0;     // of bodies being read
    std::uint64_t unknown_body_bytes = 0, unknown_body_bytes_max = 0;
  };

  Server(Options options, Handler& handler, const Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before listen(): every connection is TLS with this identity. After: new connections take it,
  // those that are open keep theirs. A listener that began in the clear stays so.
  void use_tls(std::shared_ptr<const TlsIdentity> identity);

  // Binds every endpoint ("127.0.0.1:8080", "[::1]:0", ":8080" for all addresses) on every context
  // and begins to accept. Gives the bound addresses in the same order and form, ports filled in.
  // The error's public_detail is fit for the terminal ("Cannot listen on 127.0.0.1:8080: address
  // already in use."); then nothing is bound. An address where another process listens is refused
  // even if that one shares its port.
  [[nodiscard]] Result<std::vector<std::string>> listen(
      const std::vector<std::string>& endpoints,
      const std::vector<boost::asio::io_context*>& contexts);

  // Accepts no more, closes idle connections, lets requests in flight finish and closes after their
  // answer. Returns at once; counts().open falls to 0 when all are done.
  void drain();
  // Closes everything at once.
  void stop();

  [[nodiscard]] Counts counts() const;

  struct State;  // connection.h

 private:
  std::shared_ptr<State> state_;  // connections hold it too: they may end after the Server
};

}  // namespace carnet::api
