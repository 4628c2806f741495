#pragma once
// What a connection makes of the bytes of one client, without the connection: where each request
// ends, what it says, and where it is refused. Takes the bytes in any pieces. For tests and
// fuzz/http_request_fuzz.cc.

#include <string>
#include <string_view>
#include <vector>

#include "api/http_parse.h"

namespace carnet::api::test {

class RequestWalk {
 public:
  static constexpr std::size_t kHeadMax = 16 * 1024;
  static constexpr std::size_t kHeadersMax = 100;
  static constexpr std::size_t kBodyMax = 64 * 1024;

  void feed(std::string_view piece) {
    received_ += piece;
    while (refused_.empty() && (in_body_ ? walk_body() : walk_head())) {
    }
  }
  // One text per request that was whole: target, fields and body.
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  // The code of the refusal that ended the connection; "" if it goes on.
  [[nodiscard]] const std::string& refused() const { return refused_; }
  bool operator==(const RequestWalk& other) const {
    return requests_ == other.requests_ && refused_ == other.refused_;
  }

 private:
  static std::string code_of(const Error& error) {
    return error.code == ErrorCode::kHeadersTooLarge ? "431" : "400";
  }
  bool refuse(std::string code) {
    refused_ = std::move(code);
    return false;
  }
  bool walk_head() {
    while (received_.starts_with("\r\n")) received_.erase(0, 2);
    const auto state = scanner_.scan(std::string_view(received_).substr(0, kHeadMax));
    if (state == HeadScanner::State::kMalformed) return received_ != "\r" && refuse("400");
    if (state == HeadScanner::State::kIncomplete)
      return received_.size() >= kHeadMax && refuse("431");
    head_ = received_.substr(0, scanner_.end());
    received_.erase(0, scanner_.end());
    request_ = {};
    const auto framing = parser_.parse(head_, kHeadersMax, request_);
    if (!framing) return refuse(code_of(framing.error()));
    if (framing->content_length > kBodyMax) return refuse("413");
    framing_ = *framing;
    chunks_ = ChunkedReader(kBodyMax);
    body_.clear();
    return in_body_ = true;
  }
  bool walk_body() {
    if (framing_.chunked) {
      received_.erase(0, chunks_.feed(received_, body_));
      if (chunks_.state() == ChunkedReader::State::kMalformed) return refuse("400");
      if (chunks_.state() == ChunkedReader::State::kTooLarge) return refuse("413");
      if (chunks_.state() == ChunkedReader::State::kMore) return false;
    } else {
      const std::size_t wanted = framing_.content_length - body_.size();
      const std::size_t here = std::min(wanted, received_.size());
      body_ += received_.substr(0, here);
      received_.erase(0, here);
      if (here < wanted) return false;
    }
    std::string text(request_.target);
    for (const Header& header : request_.headers)
      text.append("\n").append(header.name).append(":").append(header.value);
    text.append(parser_.keep_alive() ? "\nkept\n" : "\nlast\n").append(body_);
    requests_.push_back(std::move(text));
    scanner_.reset();
    in_body_ = false;
    return true;
  }

  std::string received_, head_, body_, refused_;
  std::vector<std::string> requests_;
  HeadScanner scanner_;
  HeadParser parser_;
  Request request_;
  Framing framing_;
  ChunkedReader chunks_{kBodyMax};
  bool in_body_ = false;
};

}  // namespace carnet::api::test
