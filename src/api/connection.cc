// One client: read a head, read a body, ask the handler, write the answer, again. With server.cc
// the only user of Asio's sockets here.
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
constexpr std::size_t kReadChunk = 16 * 1024;
constexpr std::size_t kCoalesceMax =
    16 * 1024;  // bodies up to this are copied behind the head: one write, no gather
constexpr std::chrono::milliseconds kLingerTime{2000};
constexpr std::size_t kLingerBytesMax = 1024 * 1024;
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
  release_body_memory();
  if (counted_) state_.release_address(peer_);
  state_.open.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::enter(Phase phase, std::chrono::milliseconds timeout) {
  phase_ = phase;
  deadline_ = core_->now + timeout + state_.options.sweep_interval;
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  deadline_ = SteadyTime::max();
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

bool Connection::grow_body_memory(std::size_t bytes) {
  if (state_.body_memory.fetch_add(bytes, std::memory_order_relaxed) + bytes >
      state_.options.body_memory_max) {
    state_.body_memory.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  body_memory_ += bytes;
  return true;
}

void Connection::release_body_memory() {
  if (body_memory_ == 0) return;
  state_.body_memory.fetch_sub(body_memory_, std::memory_order_relaxed);
  body_memory_ = 0;
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
  timed_out_ = false;
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
      const bool slow = timed_out_ && phase_ == Phase::kHead && !wants_close_;
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

Task<bool> Connection::send_continue() {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  return write_all(kContinue, {});
}

void Connection::earn_time(std::size_t bytes, std::size_t rate_min,
                           std::chrono::milliseconds timeout) {
  const std::chrono::milliseconds earned(bytes * 1000 / rate_min);
  deadline_ = std::min(deadline_ + earned, core_->now + timeout + state_.options.sweep_interval);
}

Task<Connection::Outcome> Connection::read_body() {
  const std::size_t limit = state_.handler.body_bytes_max(request_);
  if (framing_.content_length > limit)
    co_return refuse(ErrorCode::kPayloadTooLarge,
                     fmt::format("The body may have at most {} bytes here.", limit));
  enter(Phase::kBody, state_.options.body_timeout);
  if (framing_.expects_continue && begin_ == end_) {
    const bool sent = co_await send_continue();
    if (!sent) co_return Outcome::kClosed;
    enter(Phase::kBody, state_.options.body_timeout);
  }
  if (framing_.chunked) {
    const Outcome outcome = co_await read_chunked_body(limit);
    co_return outcome;
  }
  const Outcome outcome = co_await read_sized_body();
  co_return outcome;
}

Task<Connection::Outcome> Connection::read_sized_body() {
  const auto length = static_cast<std::size_t>(framing_.content_length);
  const std::size_t here = std::min(length, end_ - begin_);
  body_.assign(buffer_.get() + begin_, here);
  begin_ += here;
  while (body_.size() < length) {
    const std::size_t had = body_.size();
    const std::size_t step = std::min(kReadChunk, length - had);
    if (!grow_body_memory(step))
      co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
    body_.resize(had + step);
    const std::size_t got = co_await read_some(body_.data() + had, step);
    body_.resize(had + got);
    if (got == 0) {
      if (!timed_out_ || wants_close_) co_return Outcome::kClosed;
      co_return refuse(ErrorCode::kRequestTimeout, "The request's body did not arrive in time.");
    }
    earn_time(got, state_.options.body_rate_min, state_.options.body_timeout);
  }
  request_.body = body_;
  co_return Outcome::kOk;
}

Task<Connection::Outcome> Connection::read_chunked_body(std::size_t limit) {
  ChunkedReader reader(limit);
  std::string scratch;  // buffer_ holds the head that request_ points into
  std::string_view bytes(buffer_.get() + begin_, end_ - begin_);
  if (!grow_body_memory(bytes.size() + kReadChunk))
    co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
  while (true) {
    const std::size_t used = reader.feed(bytes, body_);
    if (scratch.empty()) begin_ += used;
    if (reader.state() == ChunkedReader::State::kTooLarge)
      co_return refuse(ErrorCode::kPayloadTooLarge,
                       fmt::format("The body may have at most {} bytes here.", limit));
    if (reader.state() == ChunkedReader::State::kMalformed)
      co_return refuse(ErrorCode::kMalformedRequest,
                       "The chunked body is malformed, or has too much besides its data.");
    if (reader.state() == ChunkedReader::State::kDone) {
      if (!scratch.empty()) surplus_ = bytes.substr(used);
      break;
    }
    scratch.resize(kReadChunk);
    const std::size_t got = co_await read_some(scratch.data(), scratch.size());
    if (got == 0) {
      if (!timed_out_ || wants_close_) co_return Outcome::kClosed;
      co_return refuse(ErrorCode::kRequestTimeout, "The request's body did not arrive in time.");
    }
    earn_time(got, state_.options.body_rate_min, state_.options.body_timeout);
    if (!grow_body_memory(got))
      co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
    bytes = std::string_view(scratch).substr(0, got);
  }
  request_.body = body_;
  co_return Outcome::kOk;
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
Task<void> Connection::linger() {
  error_code failure;
  if (tls_ && socket_.is_open()) tls_->close_notify();
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failure);
  enter(Phase::kLingering, kLingerTime);
  timed_out_ = false;
  std::string scratch(kBufferStart, '\0');
  for (std::size_t total = 0; total < kLingerBytesMax && !timed_out_;) {
    const auto target = asio::buffer(scratch.data(), scratch.size());
    total += co_await socket_.async_read_some(target,
                                              asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;
  }
}

Task<void> Connection::serve() {
  while (true) {
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
    if (outcome == Outcome::kClosed) co_return;
    if (outcome == Outcome::kRefused) {
      co_await answer_refusal();
      co_return;
    }
    enter(Phase::kHandling);
    Response answer = co_await state_.handler.handle(request_);
    if (wants_close_) co_return;
    const bool keep = parser_.keep_alive() && !state_.draining.load(std::memory_order_relaxed);
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
  if (!timed_out_ && !wants_close_) co_await linger();
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
