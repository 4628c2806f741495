// One client: read a head, read a body, ask the handler, write the answer, again. With server.cc
// the only user of Asio's sockets here. Bodies are in connection_body.cc.
//
// Where tls_ is set, bytes pass through it in read_some(), read_head() and write_now(); what waits
// is the socket, in either case.

#include "api/connection.h"

#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kBufferStart = 4096;
constexpr std::size_t kCoalesceMax =
    16 * 1024;  // bodies up to this are copied behind the head: one write, no gather
constexpr std::chrono::milliseconds kLingerTime{2000};
// Reads of a TLS client that always has more ready, before others get their turn.
constexpr int kTlsReadsInARow = 8;

}  // namespace

Connection::Connection(std::shared_ptr<Core> core, asio::ip::tcp::socket socket,
                       net::IpAddress peer, bool counted)
    : core_(std::move(core)),
      state_(*core_->state),
      socket_(std::move(socket)),
      peer_(peer),
      counted_(counted),
      next_(core_->first) {
  if (next_ != nullptr) next_->previous_ = this;
  core_->first = this;
  state_.open.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  if (next_ != nullptr) next_->previous_ = previous_;
  (previous_ != nullptr ? previous_->next_ : core_->first) = next_;
  leave_waiting();
  release_body_memory();
  if (counted_) state_.release_address(peer_);
  state_.open.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::enter(Phase phase, std::chrono::milliseconds timeout) {
  enter(phase);
  deadline_ = core_->now + timeout + state_.options.sweep_interval;
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  deadline_ = SteadyTime::max();
  leave_waiting();
  if (gives_way_) return;
  if (phase == Phase::kHandshake || phase == Phase::kIdle || phase == Phase::kHead) join_waiting();
}

void Connection::join_waiting() {
  waiting_ = true;
  waiting_previous_ = core_->waiting_last;
  (waiting_previous_ != nullptr ? waiting_previous_->waiting_next_ : core_->waiting_first) = this;
  core_->waiting_last = this;
}

void Connection::leave_waiting() {
  if (!waiting_) return;
  (waiting_next_ != nullptr ? waiting_next_->waiting_previous_ : core_->waiting_last) =
      waiting_previous_;
  (waiting_previous_ != nullptr ? waiting_previous_->waiting_next_ : core_->waiting_first) =
      waiting_next_;
  waiting_next_ = waiting_previous_ = nullptr;
  waiting_ = false;
}

void Connection::give_way() {
  leave_waiting();
  gives_way_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::sweep(SteadyTime now, bool draining) {
  const bool idle_end = draining && (phase_ == Phase::kIdle || phase_ == Phase::kHandshake);
  if (now < deadline_ && !idle_end) return;
  if (!idle_end && phase_ != Phase::kIdle && phase_ != Phase::kLingering)
    state_.timed_out.fetch_add(1, std::memory_order_relaxed);
  timed_out_ = true;
  deadline_ = SteadyTime::max();
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::abort() {
  timed_out_ = true;
  wants_close_ = true;
  error_code ignored;
  socket_.close(ignored);
}

Connection::Outcome Connection::refuse(ErrorCode code, std::string detail) {
  return refuse(Error{.code = code,
                      .public_detail = std::move(detail),
                      .internal = {},
                      .fields = {},
                      .retry_after_s = {}});
}

Connection::Outcome Connection::refuse(Error error) {
  refusal_ = std::move(error);
  return Outcome::kRefused;
}

Task<bool> Connection::wait_for(TlsStream::Step step) {
  tls_reads_ = 0;
  const auto what = step == TlsStream::Step::kWantWrite ? asio::ip::tcp::socket::wait_write
                                                        : asio::ip::tcp::socket::wait_read;
  error_code failure;
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

Task<std::size_t> Connection::read_tls(char* into, std::size_t size) {
  while (socket_.is_open()) {
    std::size_t got = 0;
    const TlsStream::Step step = tls_->read(into, size, got);
    if (step == TlsStream::Step::kDone) {
      if (++tls_reads_ < kTlsReadsInARow) co_return got;
      tls_reads_ = 0;
      co_await asio::post(core_->context, asio::use_awaitable);
      co_return got;
    }
    if (step != TlsStream::Step::kWantRead && step != TlsStream::Step::kWantWrite) break;
    const bool ready = co_await wait_for(step);
    if (!ready) break;
  }
  co_return 0;
}

Task<std::size_t> Connection::read_some(char* into, std::size_t size) {
  if (tls_) {
    const std::size_t got = co_await read_tls(into, size);
    co_return got;
  }
  error_code failure;
  const auto target = asio::buffer(into, size);
  const std::size_t got =
      co_await socket_.async_read_some(target, asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return 0;
  co_return got;
}

void Connection::reset_request() {
  request_.method = Method::kOther;
  request_.target = request_.path = request_.query = request_.body = {};
  request_.headers.clear();
  scanner_.reset();
  framing_ = {};
  release_body_memory();
  if (body_.capacity() > kReadChunk) std::string().swap(body_);
  body_.clear();
  timed_out_ = judged_ = known_ = false;
}

Connection::Outcome Connection::parse_head() {
  auto framing =
      parser_.parse({buffer_.get() + begin_, scanner_.end()}, state_.options.headers_max, request_);
  apply_forwarding(request_, peer_, tls_ != nullptr, state_.options.trusted_proxies);
  if (!framing) return refuse(std::move(framing).error());
  framing_ = *framing;
  return Outcome::kOk;
}

Task<Connection::Outcome> Connection::read_head() {
  const std::size_t head_max = state_.options.header_bytes_max;
  while (true) {
    // RFC 9112 section 2.2: an empty line before the request line is ignored.
    while (end_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n')
      begin_ += 2;
    const auto scanned = scanner_.scan({buffer_.get() + begin_, std::min(end_ - begin_, head_max)});
    if (scanned == HeadScanner::State::kMalformed &&
        !(end_ - begin_ == 1 && buffer_[begin_] == '\r'))
      co_return refuse(
          ErrorCode::kMalformedRequest,
          "The request is not valid HTTP: a line must end with CR LF and must not be folded.");
    if (scanned == HeadScanner::State::kComplete) break;
    if (end_ - begin_ >= head_max) break;
    if (end_ > begin_ && phase_ == Phase::kIdle) enter(Phase::kHead, state_.options.header_timeout);
    if (begin_ > 0 && end_ == capacity_) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == capacity_) {
      const std::size_t larger = std::min(head_max + 1, std::max(kBufferStart, capacity_ * 2));
      auto buffer = std::make_unique_for_overwrite<char[]>(larger);
      if (end_ > 0) std::memcpy(buffer.get(), buffer_.get(), end_);
      buffer_ = std::move(buffer);
      capacity_ = larger;
    }
    if (gives_way_) co_return Outcome::kClosed;
    std::size_t got = 0;
    if (tls_) {
      got = co_await read_tls(buffer_.get() + end_, capacity_ - end_);
    } else {
      // As read_some(), without a coroutine of its own: this is where connections spend their time.
      error_code failure;
      const std::size_t read =
          co_await socket_.async_read_some(asio::buffer(buffer_.get() + end_, capacity_ - end_),
                                           asio::redirect_error(asio::use_awaitable, failure));
      got = failure ? 0 : read;
    }
    if (got == 0) {
      const bool slow = timed_out_ && phase_ == Phase::kHead && !wants_close_ && !gives_way_;
      if (!slow) co_return Outcome::kClosed;
      co_return refuse(ErrorCode::kRequestTimeout, "The request's head did not arrive in time.");
    }
    end_ += got;
  }
  if (scanner_.end() == 0)
    co_return refuse(
        ErrorCode::kHeadersTooLarge,
        fmt::format("The request line and headers may have at most {} bytes together.", head_max));
  const Outcome parsed = parse_head();
  begin_ += scanner_.end();
  co_return parsed;
}

Connection::Written Connection::write_tls_now(Pieces& pieces) {
  while (!pieces.first.empty() || !pieces.second.empty()) {
    std::string_view& piece = pieces.first.empty() ? pieces.second : pieces.first;
    if (!socket_.is_open()) return Written::kFailed;
    std::size_t sent = 0;
    const TlsStream::Step step = tls_->write(piece, sent);
    if (step == TlsStream::Step::kWantRead || step == TlsStream::Step::kWantWrite) {
      tls_wants_ = step;
      return Written::kRest;
    }
    if (step != TlsStream::Step::kDone) return Written::kFailed;
    piece.remove_prefix(sent);
  }
  return Written::kAll;
}

Connection::Written Connection::write_now(Pieces& pieces) {
  if (tls_) return write_tls_now(pieces);
  while (!pieces.first.empty() || !pieces.second.empty()) {
    error_code failure;
    std::size_t sent = 0;
    if (pieces.second.empty()) {
      sent = socket_.write_some(asio::buffer(pieces.first.data(), pieces.first.size()), failure);
    } else {
      const std::array<asio::const_buffer, 2> parts{
          asio::buffer(pieces.first.data(), pieces.first.size()),
          asio::buffer(pieces.second.data(), pieces.second.size())};
      sent = socket_.write_some(parts, failure);
    }
    if (failure == asio::error::would_block || failure == asio::error::try_again)
      return Written::kRest;
    if (failure) return Written::kFailed;
    const std::size_t of_first = std::min(sent, pieces.first.size());
    pieces.first.remove_prefix(of_first);
    pieces.second.remove_prefix(sent - of_first);
  }
  return Written::kAll;
}

Task<bool> Connection::write_all(std::string_view first, std::string_view second) {
  Pieces pieces{.first = first, .second = second};
  const Server::Options& options = state_.options;
  std::size_t left = 0;  // at the last wait; 0: there was none
  while (true) {
    const Written written = write_now(pieces);
    if (written != Written::kRest) co_return written == Written::kAll;
    const std::size_t now_left = pieces.first.size() + pieces.second.size();
    if (left == 0) {
      enter(Phase::kWriting, options.write_timeout);
    } else {
      earn_time(left - now_left, options.write_rate_min, options.write_timeout);
    }
    left = now_left;
    const TlsStream::Step wanted = tls_ ? tls_wants_ : TlsStream::Step::kWantWrite;
    const bool ready = co_await wait_for(wanted);
    if (!ready) co_return false;
  }
}

Connection::Pieces Connection::compose(const Response& response, bool keep_alive) {
  const bool head_only = request_.method == Method::kHead;
  out_.clear();
  append_head(out_, response,
              {.http11 = parser_.http11(),
               .keep_alive = keep_alive && (parser_.http11() || !response.stream),
               .date = core_->date_text()});
  const bool bodiless =
      head_only || response.stream || response.status == 204 || response.status == 304;
  std::string_view body = bodiless ? std::string_view{} : response.bytes();
  if (body.size() <= kCoalesceMax) {
    out_ += body;
    body = {};
  }
  return {.first = out_, .second = body};
}

Task<bool> Connection::send(Response response, bool keep_alive) {
  const Pieces pieces = compose(response, keep_alive);
  const bool sent = co_await write_all(pieces.first, pieces.second);
  if (!response.stream || request_.method == Method::kHead) co_return sent&& keep_alive;
  if (!sent) co_return false;
  const bool all_sent = co_await send_stream(std::move(response.stream));
  co_return all_sent&& keep_alive&& parser_.http11();
}

Task<bool> Connection::send_stream(std::unique_ptr<BodyStream> stream) {
  while (true) {
    enter(Phase::kHandling);
    const std::optional<std::string> piece = co_await stream->next();
    if (wants_close_) co_return false;
    if (!piece) break;
    if (piece->empty()) continue;
    out_ = parser_.http11() ? fmt::format("{:x}\r\n", piece->size()) : std::string();
    out_ += *piece;
    if (parser_.http11()) out_ += "\r\n";
    const bool sent = co_await write_all(out_, {});
    if (!sent) co_return false;
  }
  if (stream->broken()) co_return false;  // without its last chunk
  if (!parser_.http11()) co_return true;
  constexpr std::string_view kLastChunk = "0\r\n\r\n";
  const bool ended = co_await write_all(kLastChunk, {});
  co_return ended;
}

// Closing with unread bytes in the kernel's buffer would reset the connection, and the client would
// never see the answer that says why. So: say we are done, and read what still comes, for a moment.
Task<void> Connection::linger(std::size_t bytes_max) {
  error_code failure;
  if (tls_ && socket_.is_open()) tls_->close_notify();
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failure);
  enter(Phase::kLingering, kLingerTime);
  timed_out_ = false;
  std::string scratch(kReadChunk, '\0');
  for (std::size_t total = 0; total < bytes_max && !timed_out_;) {
    const auto target = asio::buffer(scratch.data(), scratch.size());
    total += co_await socket_.async_read_some(target,
                                              asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;
  }
}

Task<void> Connection::serve() {
  while (!gives_way_) {
    reset_request();
    if (begin_ == end_) begin_ = end_ = 0;
    if (!surplus_.empty()) {
      if (surplus_.size() > capacity_) {
        capacity_ = std::max(surplus_.size(), kBufferStart);
        buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
      }
      std::memcpy(buffer_.get(), surplus_.data(), surplus_.size());
      begin_ = 0;
      end_ = surplus_.size();
      surplus_.clear();
    }
    enter(Phase::kIdle, state_.options.idle_timeout);
    if (state_.draining.load(std::memory_order_relaxed) && begin_ == end_) co_return;
    Outcome outcome = co_await read_head();
    if (outcome == Outcome::kOk && (framing_.chunked || framing_.content_length > 0))
      outcome = co_await read_body();
    if (outcome == Outcome::kClosed || outcome == Outcome::kAnswered) co_return;
    if (outcome == Outcome::kRefused) {
      co_await answer_refusal();
      co_return;
    }
    enter(Phase::kHandling);
    Response answer = co_await state_.handler.handle(request_);
    if (wants_close_) co_return;
    const bool keep =
        parser_.keep_alive() && !gives_way_ && !state_.draining.load(std::memory_order_relaxed);
    bool again = false;
    if (answer.stream) {
      again = co_await send(std::move(answer), keep);
    } else {
      // Nearly every answer fits the kernel's buffer and costs no suspension.
      Pieces pieces = compose(answer, keep);
      Written written = write_now(pieces);
      if (written == Written::kRest) {
        const bool sent = co_await write_all(pieces.first, pieces.second);
        written = sent ? Written::kAll : Written::kFailed;
      }
      again = keep && written == Written::kAll;
    }
    if (again) continue;
    if (!timed_out_) co_await linger();
    co_return;
  }
}

Task<void> Connection::answer_refusal() {
  state_.refused.fetch_add(1, std::memory_order_relaxed);
  timed_out_ = false;
  request_.body = {};
  Response answer = state_.handler.refuse(request_, refusal_);
  const bool sent = co_await send(std::move(answer), false);
  static_cast<void>(sent);
  co_await linger();
}

// The stream is made when the first byte is there: a client that says nothing costs a socket.
Task<Connection::Outcome> Connection::handshake() {
  enter(Phase::kHandshake, state_.options.tls_handshake_timeout);
  char first = 0;
  for (ssize_t got = -1; got < 0;) {
    const bool ready = co_await wait_for(TlsStream::Step::kWantRead);
    if (!ready) co_return Outcome::kClosed;
    got = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK);
    // Waiting may end without a cause.
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return Outcome::kClosed;
  }
  if (is_token_char(first))  // the beginning of a method
    co_return refuse(ErrorCode::kMalformedRequest,
                     "This port speaks TLS: ask again with https:// instead of http://.");
  const std::shared_ptr<const TlsIdentity> identity = state_.current_identity();
  tls_ = TlsStream::make(*identity, socket_.native_handle());
  TlsStream::Step step = TlsStream::Step::kFailed;
  while (tls_ && socket_.is_open()) {
    step = tls_->handshake();
    if (step != TlsStream::Step::kWantRead && step != TlsStream::Step::kWantWrite) break;
    const bool ready = co_await wait_for(step);
    if (ready) continue;
    step = TlsStream::Step::kFailed;
    break;
  }
  if (step == TlsStream::Step::kDone) {
    state_.handshakes.fetch_add(1, std::memory_order_relaxed);
    co_return Outcome::kOk;
  }
  state_.handshakes_failed.fetch_add(1, std::memory_order_relaxed);
  tls_.reset();
  // OpenSSL has sent an alert that says why; let it arrive.
  if (!timed_out_ && !wants_close_ && !gives_way_) co_await linger();
  co_return Outcome::kClosed;
}

Task<void> Connection::run(std::unique_ptr<Connection> self, Admission admission) {
  Server::State& state = self->state_;
  const bool tls = state.tls.load(std::memory_order_relaxed);
  if (admission != Admission::kWelcome) {
    if (tls) {  // a handshake to say no would cost what is short
      state.refused.fetch_add(1, std::memory_order_relaxed);
      co_return;
    }
    const bool all = admission == Admission::kTooMany;
    self->refusal_ =
        Error{.code = all ? ErrorCode::kUnavailable : ErrorCode::kRateLimited,
              .public_detail = all ? "The server has as many connections as it can hold."
                                   : "There are too many connections from this address.",
              .internal = {},
              .fields = {},
              .retry_after_s = 5};
    co_await self->answer_refusal();
    co_return;
  }
  Outcome opened = Outcome::kOk;
  if (tls) opened = co_await self->handshake();
  if (opened == Outcome::kClosed) co_return;
  if (opened == Outcome::kRefused) {
    co_await self->answer_refusal();
    co_return;
  }
  co_await self->serve();
  if (self->tls_ && self->socket_.is_open()) self->tls_->close_notify();
}

}  // namespace carnet::api
