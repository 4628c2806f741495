#pragma once
// From bytes to a Request, without I/O: a head that has come whole, and a chunked body in whatever
// pieces it comes. With HeadScanner and check_head (http_head.h) this is all that decides where a
// request ends; fuzz/http_request_fuzz.cc drives the same classes. Not shared between threads.

#include <memory>

#include "api/http_head.h"

namespace carnet::api {

// Beast's parser for the start line and the fields, and check_head() behind it. One object serves
// one connection, a request at a time.
class HeadParser {
 public:
  HeadParser();
  ~HeadParser();
  HeadParser(const HeadParser&) = delete;
  HeadParser& operator=(const HeadParser&) = delete;

  // `head` is what HeadScanner found, the blank line included; it must stay where it is as long as
  // `request`, whose views point into it, and which is filled as far as the head could be read.
  // Errors: kHeadersTooLarge for more than `headers_max` fields or a target over 8 KiB,
  // kMalformedRequest for the rest, with a sentence that says what.
  [[nodiscard]] Result<Framing> parse(std::string_view head, std::size_t headers_max,
                                      Request& request);
  // Of the last head, also of one that was refused.
  [[nodiscard]] bool http11() const { return http11_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

 private:
  class Fields;
  std::unique_ptr<std::optional<Fields>> fields_;  // allocated once, made anew for each head
  bool http11_ = true;
  bool keep_alive_ = false;
};

// A chunked body (RFC 9112 section 7.1), a byte at a time, so that where the pieces are cut makes
// no difference. Strict: digits of a size right at the line's start, CR LF at every line's end, no
// control characters, trailers that are fields. Extensions and trailers are read and dropped.
class ChunkedReader {
 public:
  enum class State { kMore, kDone, kMalformed, kTooLarge };
  explicit ChunkedReader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Appends the data to `body` (the same string each time) and gives how many of `bytes` were this
  // body's: all of them, unless it has ended.
  std::size_t feed(std::string_view bytes, std::string& body);
  [[nodiscard]] State state() const { return state_; }

 private:
  enum class At {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf
  };
  [[nodiscard]] State step(char byte, std::size_t had);
  [[nodiscard]] State step_size(char byte);
  [[nodiscard]] State end_size_line(std::size_t had);
  [[nodiscard]] State step_trailer(char byte);

  std::size_t body_bytes_max_;
  State state_ = State::kMore;
  At at_ = At::kSize;
  std::uint64_t left_ = 0;    // of this chunk: its size, then what is still to come
  std::size_t digits_ = 0;    // of the size
  std::size_t line_ = 0;      // bytes of this chunk's size line
  std::size_t trailers_ = 0;  // bytes of all trailers
  std::size_t overhead_ = 0;  // bytes that were no data
};

}  // namespace carnet::api
