#pragma once
// Reads one HTTP/1.x answer out of bytes as they come: status, the body by its length, in chunks or
// to the end of the stream. No redirect, no compression, no second answer. Pure; bounded by
// `body_bytes_max` and 32 KiB of head, trailer and 1xx answers together. How the bytes are cut
// makes no difference. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carnet::probe {

class HttpReplyReader {
 public:
  enum class State { kMore, kDone, kBroken, kTooLarge };

  explicit HttpReplyReader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  State feed(std::string_view bytes);
  // The stream has ended.
  State finish();

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& body() const { return body_; }
  [[nodiscard]] const std::string& location() const { return location_; }  // of a redirect

 private:
  enum class Phase {
    kStatus,
    kHead,
    kLength,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kToEnd,
    kDone
  };
  enum class Line { kNone, kTaken, kTooLong };

  State step();
  State step_line();
  State read_status(std::string_view line);
  State read_head(std::string_view line);
  State end_head();
  State read_chunk_size(std::string_view line);
  bool read_field(std::string_view line);
  State fail(State why);
  // The next line without its end, cut off the waiting bytes; kNone if it is not whole yet.
  Line take_line(std::size_t bytes_max, std::string& line);

  std::size_t body_bytes_max_;
  std::string waiting_;
  std::string body_, location_;
  int status_ = 0;
  Phase phase_ = Phase::kStatus;
  State ended_ = State::kMore;
  bool chunked_ = false;
  bool has_length_ = false;
  std::size_t head_bytes_ = 0;  // of the status lines, the fields and the trailer
  std::uint64_t left_ = 0;      // of the body or the chunk
};

}  // namespace carnet::probe
