#include "probe/http_reply.h"

#include <charconv>
#include <utility>

#include "base/text.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kHeadBytesMax = 32 * 1024;  // limit: internal
constexpr std::size_t kLineBytesMax = 8 * 1024;   // limit: internal
constexpr std::size_t kLocationMax = 2048;        // limit: internal

bool to_number(std::string_view text, int base, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

HttpReplyReader::State HttpReplyReader::fail(State why) {
  ended_ = why;
  return why;
}

HttpReplyReader::State HttpReplyReader::feed(std::string_view bytes) {
  if (ended_ != State::kMore) return ended_;
  waiting_.append(bytes);
  while (phase_ != Phase::kDone) {
    const std::size_t before = waiting_.size();
    const Phase phase = phase_;
    const State state = step();
    if (state != State::kMore) return fail(state);
    if (waiting_.size() == before && phase == phase_) return State::kMore;
  }
  return fail(State::kDone);
}

HttpReplyReader::State HttpReplyReader::finish() {
  if (ended_ != State::kMore) return ended_;
  return fail(phase_ == Phase::kToEnd ? State::kDone : State::kBroken);
}

HttpReplyReader::Line HttpReplyReader::take_line(std::size_t bytes_max, std::string& line) {
  const std::size_t end = waiting_.find('\n');
  // A line that is not whole yet ends behind what is here: too long now is too long then.
  if (std::min(end, waiting_.size()) >= bytes_max) return Line::kTooLong;
  if (end == std::string::npos) return Line::kNone;
  line = waiting_.substr(0, end);
  waiting_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return Line::kTaken;
}

bool HttpReplyReader::read_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_ascii(line.substr(colon + 1));
  if (iequals_ascii(name, "Content-Length")) {
    // Two lengths that differ are an attack or a fault (RFC 9112 section 6.3).
    const std::uint64_t before = left_;
    const bool repeated = std::exchange(has_length_, true);
    return to_number(value, 10, left_) && (!repeated || left_ == before);
  }
  if (iequals_ascii(name, "Transfer-Encoding")) {
    chunked_ = iequals_ascii(value, "chunked");
    return chunked_;
  }
  if (iequals_ascii(name, "Content-Encoding")) return iequals_ascii(value, "identity");
  if (iequals_ascii(name, "Location")) location_ = value.substr(0, kLocationMax);
  return true;
}

HttpReplyReader::State HttpReplyReader::read_status(std::string_view line) {
  std::uint64_t code = 0;
  const bool good = line.starts_with("HTTP/1.") && line.size() >= 12 &&
                    to_number(line.substr(9, 3), 10, code) && code >= 100;
  if (!good) return State::kBroken;
  status_ = static_cast<int>(code);
  phase_ = Phase::kHead;
  return State::kMore;
}

HttpReplyReader::State HttpReplyReader::read_head(std::string_view line) {
  if (line.empty()) return end_head();
  return read_field(line) ? State::kMore : State::kBroken;
}

HttpReplyReader::State HttpReplyReader::end_head() {
  if (status_ < 200) {  // 1xx: the answer itself comes behind it
    chunked_ = has_length_ = false;
    left_ = 0;
    location_.clear();
    phase_ = Phase::kStatus;
  } else if (chunked_) {
    phase_ = Phase::kChunkSize;
  } else if (has_length_) {
    if (left_ > body_bytes_max_) return State::kTooLarge;
    phase_ = left_ == 0 ? Phase::kDone : Phase::kLength;
  } else {
    phase_ = Phase::kToEnd;
  }
  return State::kMore;
}

HttpReplyReader::State HttpReplyReader::read_chunk_size(std::string_view line) {
  const std::string_view size = trim_ascii(line.substr(0, line.find(';')));
  if (!to_number(size, 16, left_)) return State::kBroken;
  if (left_ > body_bytes_max_ - std::min(body_bytes_max_, body_.size())) return State::kTooLarge;
  phase_ = left_ == 0 ? Phase::kTrailer : Phase::kChunk;
  return State::kMore;
}

// The phases that go by lines.
HttpReplyReader::State HttpReplyReader::step_line() {
  const bool head = phase_ == Phase::kStatus || phase_ == Phase::kHead || phase_ == Phase::kTrailer;
  const std::size_t before = waiting_.size();
  std::string line;
  const Line got = take_line(head ? kHeadBytesMax - head_bytes_ : kLineBytesMax, line);
  if (got == Line::kTooLong) return head ? State::kTooLarge : State::kBroken;
  if (got == Line::kNone) return State::kMore;
  if (head) head_bytes_ += before - waiting_.size();
  switch (phase_) {
    case Phase::kStatus:
      return read_status(line);
    case Phase::kHead:
      return read_head(line);
    case Phase::kChunkSize:
      return read_chunk_size(line);
    case Phase::kChunkEnd:
      phase_ = Phase::kChunkSize;
      return line.empty() ? State::kMore : State::kBroken;
    default:
      if (line.empty()) phase_ = Phase::kDone;
      return State::kMore;
  }
}

HttpReplyReader::State HttpReplyReader::step() {
  switch (phase_) {
    case Phase::kLength:
    case Phase::kChunk: {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, waiting_.size()));
      body_.append(waiting_, 0, take);
      waiting_.erase(0, take);
      left_ -= take;
      if (left_ == 0) phase_ = phase_ == Phase::kChunk ? Phase::kChunkEnd : Phase::kDone;
      return State::kMore;
    }
    case Phase::kToEnd:
      if (body_.size() + waiting_.size() > body_bytes_max_) return State::kTooLarge;
      body_ += waiting_;
      waiting_.clear();
      return State::kMore;
    case Phase::kDone:
      return State::kMore;
    default:
      return step_line();
  }
}

}  // namespace carnet::probe
