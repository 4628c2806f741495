// One client: read a head, read a body, ask the handler, write the answer, again. With server.cc
// the only user of Asio's sockets here, and the only user of Beast, whose parser reads the start
// line, the fields and chunked bodies.
//
// A TLS stream would take the place of socket_ in read_some() and write_all(): nothing else touches
// it.

#include "api/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"

namespace carnet::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kBufferStart = 4096;
constexpr std::size_t kReadChunk = 16 * 1024;
constexpr std::size_t kCoalesceMax =
    16 * 1024;  // bodies up to this are copied behind the head: one write, no gather
constexpr std::size_t kTargetMax = 8 * 1024;
constexpr std::chrono::milliseconds kLingerTime{2000};
constexpr std::size_t kLingerBytesMax = 1024 * 1024;

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::kGet;
    case http::verb::head:
      return Method::kHead;
    case http::verb::post:
      return Method::kPost;
    case http::verb::put:
      return Method::kPut;
    case http::verb::patch:
      return Method::kPatch;
    case http::verb::delete_:
      return Method::kDelete;
    case http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// Keeps views of the head (it stays where it is in buffer_) and appends chunked body bytes.
class Connection::Parser final : public http::basic_parser<true> {
 public:
  Parser(Request& request, std::string& body, std::size_t headers_max)
      : request_(request), body_(body), headers_max_(headers_max) {}

  [[nodiscard]] bool too_many_headers() const { return too_many_; }
  [[nodiscard]] bool http11() const { return http11_; }

 private:
  void on_request_impl(http::verb verb, boost::beast::string_view, boost::beast::string_view target,
                       int version, error_code&) override {
    request_.method = method_of(verb);
    request_.target = view(target);
    http11_ = version >= 11;
  }
  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code& ec) override {
    if (head_done_) return;  // trailers are read and dropped
    if (request_.headers.size() >= headers_max_) {
      too_many_ = true;
      ec = http::error::header_limit;
      return;
    }
    request_.headers.push_back({.name = view(name), .value = view(value)});
  }
  void on_header_impl(error_code&) override { head_done_ = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body,
                                 error_code&) override {
    body_.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
  std::string& body_;
  std::size_t headers_max_;
  bool http11_ = true;
  bool head_done_ = false;
  bool too_many_ = false;
};

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
  const bool idle_end = draining && phase_ == Phase::kIdle;
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

Task<std::size_t> Connection::read_some(char* into, std::size_t size) {
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
  http11_ = true;
  keep_alive_ = true;
}

Connection::Outcome Connection::parse_head() {
  if (!parsers_) parsers_ = std::make_unique<std::optional<Parser>>();
  parser_ = &parsers_->emplace(request_, body_, state_.options.headers_max);
  parser_->header_limit(static_cast<std::uint32_t>(state_.options.header_bytes_max + 1));
  parser_->body_limit(boost::none);  // the route decides, below
  error_code failure;
  parser_->put(asio::buffer(buffer_.get() + begin_, scanner_.end()), failure);
  apply_forwarding(request_, peer_, state_.options.trusted_proxies);
  if (parser_->too_many_headers())
    return refuse(ErrorCode::kHeadersTooLarge, fmt::format("A request may have at most {} headers.",
                                                           state_.options.headers_max));
  if (failure)
    return refuse(ErrorCode::kMalformedRequest,
                  fmt::format("The request is not valid HTTP: {}.", failure.message()));
  http11_ = parser_->http11();
  keep_alive_ = parser_->keep_alive();
  auto framing = check_head(request_, http11_);
  if (!framing) return refuse(std::move(framing).error());
  framing_ = *framing;
  if (request_.target.size() > kTargetMax)
    return refuse(ErrorCode::kHeadersTooLarge,
                  fmt::format("A request target may have at most {} characters.", kTargetMax));
  return Outcome::kOk;
}

Task<Connection::Outcome> Connection::read_head() {
  const std::size_t head_max = state_.options.header_bytes_max;
  while (true) {
    // RFC 9112 section 2.2: an empty line before the request line is ignored.
    while (end_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n')
      begin_ += 2;
    const auto scanned = scanner_.scan({buffer_.get() + begin_, end_ - begin_});
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
    // As read_some(), without a coroutine of its own: this is where connections spend their time.
    error_code failure;
    const std::size_t read =
        co_await socket_.async_read_some(asio::buffer(buffer_.get() + end_, capacity_ - end_),
                                         asio::redirect_error(asio::use_awaitable, failure));
    const std::size_t got = failure ? 0 : read;
    if (got == 0) {
      const bool slow = timed_out_ && phase_ == Phase::kHead && !wants_close_;
      if (!slow) co_return Outcome::kClosed;
      co_return refuse(ErrorCode::kRequestTimeout, "The request's head did not arrive in time.");
    }
    end_ += got;
  }
  if (scanner_.end() == 0 || scanner_.end() > head_max)
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
  const Outcome outcome = co_await read_sized_body(limit);
  co_return outcome;
}

Task<Connection::Outcome> Connection::read_sized_body(std::size_t) {
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
  }
  request_.body = body_;
  co_return Outcome::kOk;
}

Task<Connection::Outcome> Connection::read_chunked_body(std::size_t limit) {
  // Beast wants unconsumed bytes again at the start of the next buffer.
  std::string pending(buffer_.get() + begin_, end_ - begin_);
  begin_ = end_ = 0;
  if (!grow_body_memory(pending.size() + kReadChunk))
    co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
  // begin_ moved, but request_ still points into buffer_: nothing is written there until the
  // request is over.
  parser_->body_limit(limit);
  parser_->eager(true);
  std::size_t overhead = 0;
  while (true) {
    error_code failure;
    const std::size_t used =
        pending.empty() ? 0 : parser_->put(asio::buffer(pending.data(), pending.size()), failure);
    overhead += used;
    pending.erase(0, used);
    if (parser_->is_done()) break;
    if (failure == http::error::body_limit)
      co_return refuse(ErrorCode::kPayloadTooLarge,
                       fmt::format("The body may have at most {} bytes here.", limit));
    if (failure && failure != http::error::need_more)
      co_return refuse(ErrorCode::kMalformedRequest,
                       fmt::format("The chunked body is malformed: {}.", failure.message()));
    // Chunk headers, extensions and trailers are bounded, alone and in sum.
    if (pending.size() >= kReadChunk || overhead > body_.size() * 8 + 4 * kReadChunk)
      co_return refuse(ErrorCode::kMalformedRequest,
                       "The chunked body has too much besides its data.");
    const std::size_t had = pending.size();
    if (!grow_body_memory(kReadChunk))
      co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
    pending.resize(had + kReadChunk);
    const std::size_t got = co_await read_some(pending.data() + had, kReadChunk);
    pending.resize(had + got);
    if (got == 0) {
      if (!timed_out_ || wants_close_) co_return Outcome::kClosed;
      co_return refuse(ErrorCode::kRequestTimeout, "The request's body did not arrive in time.");
    }
  }
  surplus_ = std::move(pending);
  request_.body = body_;
  co_return Outcome::kOk;
}

Connection::Written Connection::write_now(Pieces& pieces) {
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
  while (true) {
    const Written written = write_now(pieces);
    if (written != Written::kRest) co_return written == Written::kAll;
    enter(Phase::kWriting, state_.options.write_timeout);
    error_code failure;
    co_await socket_.async_wait(asio::ip::tcp::socket::wait_write,
                                asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return false;
  }
}

Connection::Pieces Connection::compose(const Response& response, bool keep_alive) {
  const bool head_only = request_.method == Method::kHead;
  out_.clear();
  append_head(out_, response,
              {.http11 = http11_,
               .keep_alive = keep_alive && (http11_ || !response.stream),
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
  co_return all_sent&& keep_alive&& http11_;
}

Task<bool> Connection::send_stream(std::unique_ptr<BodyStream> stream) {
  while (true) {
    enter(Phase::kHandling);
    const std::optional<std::string> piece = co_await stream->next();
    if (wants_close_) co_return false;
    if (!piece) break;
    if (piece->empty()) continue;
    out_ = http11_ ? fmt::format("{:x}\r\n", piece->size()) : std::string();
    out_ += *piece;
    if (http11_) out_ += "\r\n";
    const bool sent = co_await write_all(out_, {});
    if (!sent) co_return false;
  }
  if (!http11_) co_return true;
  constexpr std::string_view kLastChunk = "0\r\n\r\n";
  const bool ended = co_await write_all(kLastChunk, {});
  co_return ended;
}

// Closing with unread bytes in the kernel's buffer would reset the connection, and the client would
// never see the answer that says why. So: say we are done, and read what still comes, for a moment.
Task<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  enter(Phase::kLingering, kLingerTime);
  timed_out_ = false;
  std::string scratch(kBufferStart, '\0');
  for (std::size_t total = 0; total < kLingerBytesMax && !timed_out_;) {
    const std::size_t got = co_await read_some(scratch.data(), scratch.size());
    if (got == 0) break;
    total += got;
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
      state_.refused.fetch_add(1, std::memory_order_relaxed);
      timed_out_ = false;
      request_.body = {};
      Response answer = state_.handler.refuse(request_, refusal_);
      const bool sent = co_await send(std::move(answer), false);
      static_cast<void>(sent);
      co_await linger();
      co_return;
    }
    enter(Phase::kHandling);
    Response answer = co_await state_.handler.handle(request_);
    if (wants_close_) co_return;
    const bool keep = keep_alive_ && !state_.draining.load(std::memory_order_relaxed);
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

Task<void> Connection::run(std::unique_ptr<Connection> self, Admission admission) {
  if (admission == Admission::kWelcome) {
    co_await self->serve();
    co_return;
  }
  self->state_.refused.fetch_add(1, std::memory_order_relaxed);
  const bool all = admission == Admission::kTooMany;
  const Error error{.code = all ? ErrorCode::kUnavailable : ErrorCode::kRateLimited,
                    .public_detail = all ? "The server has as many connections as it can hold."
                                         : "There are too many connections from this address.",
                    .internal = {},
                    .fields = {},
                    .retry_after_s = 5};
  Response answer = self->state_.handler.refuse(self->request_, error);
  const bool sent = co_await self->send(std::move(answer), false);
  static_cast<void>(sent);
  co_await self->linger();
}

}  // namespace carnet::api
