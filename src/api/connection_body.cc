// The bodies of requests: how they are read, what they may hold in memory, and for whom.

#include "api/connection.h"

namespace carnet::api {

bool Connection::grow_body_memory(std::size_t bytes) {
  const auto take = [bytes](std::atomic<std::size_t>& used, std::size_t most) {
    if (used.fetch_add(bytes, std::memory_order_relaxed) + bytes <= most) return true;
    used.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  };
  if (!take(state_.body_memory, state_.options.body_memory_max)) return false;
  if (!known_) {
    if (!take(state_.unknown_body_memory, state_.options.unknown_body_memory_max)) {
      state_.body_memory.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    unknown_body_memory_ += bytes;
  }
  body_memory_ += bytes;
  return true;
}

void Connection::release_body_memory() {
  if (body_memory_ == 0) return;
  state_.body_memory.fetch_sub(body_memory_, std::memory_order_relaxed);
  state_.unknown_body_memory.fetch_sub(unknown_body_memory_, std::memory_order_relaxed);
  body_memory_ = unknown_body_memory_ = 0;
}

Task<Connection::Outcome> Connection::judge_head() {
  if (judged_) co_return Outcome::kOk;
  judged_ = true;
  enter(Phase::kHandling);
  HeadVerdict verdict = co_await state_.handler.judge_head(request_);
  if (wants_close_) co_return Outcome::kClosed;
  if (verdict.refused) {
    // Where this request ends is not known, and nothing behind it is looked at.
    const bool sent = co_await send(std::move(*verdict.refused), false);
    static_cast<void>(sent);
    // Many a client sends all of its body before it looks for an answer.
    const std::size_t most = std::max(kLingerBytesMax, state_.handler.body_bytes_max(request_));
    if (!timed_out_) co_await linger(most);
    co_return Outcome::kAnswered;
  }
  if (verdict.known) {
    known_ = true;
    state_.unknown_body_memory.fetch_sub(unknown_body_memory_, std::memory_order_relaxed);
    unknown_body_memory_ = 0;
  }
  enter(Phase::kBody, state_.options.body_timeout);
  co_return Outcome::kOk;
}

Task<Connection::Outcome> Connection::make_body_room(std::size_t bytes) {
  if (body_.size() + bytes > state_.options.unknown_body_max) {
    const Outcome judged = co_await judge_head();
    if (judged != Outcome::kOk) co_return judged;
  }
  if (grow_body_memory(bytes)) co_return Outcome::kOk;
  // Those without a key have taken what is theirs; who has one need not wait for them.
  const Outcome judged = co_await judge_head();
  if (judged != Outcome::kOk || grow_body_memory(bytes)) co_return judged;
  co_return refuse(ErrorCode::kUnavailable, "The server is reading too much at once.");
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
  if (framing_.content_length > std::max(end_ - begin_, state_.options.unknown_body_max)) {
    const Outcome judged = co_await judge_head();
    if (judged != Outcome::kOk) co_return judged;
  }
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
    const Outcome room = co_await make_body_room(step);
    if (room != Outcome::kOk) co_return room;
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
  const Outcome first_room = co_await make_body_room(bytes.size() + kReadChunk);
  if (first_room != Outcome::kOk) co_return first_room;
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
    const Outcome room = co_await make_body_room(got);
    if (room != Outcome::kOk) co_return room;
    bytes = std::string_view(scratch).substr(0, got);
  }
  request_.body = body_;
  co_return Outcome::kOk;
}

}  // namespace carnet::api
