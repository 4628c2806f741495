// The only user of Beast, whose parser reads the start line and the fields.

#include "api/http_parse.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"

namespace carnet::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kTargetMax = 8 * 1024;
constexpr std::size_t kChunkLineMax = 1024;
constexpr std::size_t kChunkSizeDigitsMax = 16;
constexpr std::size_t kTrailerBytesMax = 8 * 1024;
// What chunks may cost besides their data: this, and eight times the data.
constexpr std::size_t kChunkOverheadMax = 64 * 1024;

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

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of a field's value or an extension: RFC 9110 section 5.5.
bool is_text_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

}  // namespace

// Keeps views of the head.
class HeadParser::Fields final : public http::basic_parser<true> {
 public:
  Fields(Request& request, std::size_t headers_max)
      : request_(request), headers_max_(headers_max) {}

  [[nodiscard]] bool too_many() const { return too_many_; }
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
    if (request_.headers.size() >= headers_max_) {
      too_many_ = true;
      ec = http::error::header_limit;
      return;
    }
    request_.headers.push_back({.name = view(name), .value = view(value)});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view, error_code&) override {
    return 0;
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
  std::size_t headers_max_;
  bool http11_ = true;
  bool too_many_ = false;
};

HeadParser::HeadParser() = default;
HeadParser::~HeadParser() = default;

Result<Framing> HeadParser::parse(std::string_view head, std::size_t headers_max,
                                  Request& request) {
  if (!fields_) fields_ = std::make_unique<std::optional<Fields>>();
  Fields& fields = fields_->emplace(request, headers_max);
  fields.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  fields.body_limit(boost::none);  // the route decides
  error_code failure;
  fields.put(asio::buffer(head.data(), head.size()), failure);
  http11_ = true;
  keep_alive_ = false;
  if (fields.too_many())
    return make_error(ErrorCode::kHeadersTooLarge,
                      fmt::format("A request may have at most {} headers.", headers_max));
  if (failure)
    return make_error(ErrorCode::kMalformedRequest,
                      fmt::format("The request is not valid HTTP: {}.", failure.message()));
  http11_ = fields.http11();
  keep_alive_ = fields.keep_alive();
  CARNET_TRY(framing, check_head(request, http11_));
  if (request.target.size() > kTargetMax)
    return make_error(ErrorCode::kHeadersTooLarge,
                      fmt::format("A request target may have at most {} characters.", kTargetMax));
  return framing;
}

std::size_t ChunkedReader::feed(std::string_view bytes, std::string& body) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ == State::kMore) {
    if (at_ == At::kData) {
      const std::size_t here =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      body.append(bytes.data() + at, here);
      at += here;
      left_ -= here;
      if (left_ == 0) at_ = At::kDataCr;
      continue;
    }
    ++overhead_;
    state_ = step(bytes[at], body.size());
    ++at;
    if (state_ == State::kMore && overhead_ > body.size() * 8 + kChunkOverheadMax)
      state_ = State::kMalformed;
  }
  return at;
}

ChunkedReader::State ChunkedReader::step(char byte, std::size_t had) {
  const auto expect = [this, byte](char wanted, At next) {
    at_ = next;
    return byte == wanted ? State::kMore : State::kMalformed;
  };
  switch (at_) {
    case At::kSize:
    case At::kExtension:
      return step_size(byte);
    case At::kSizeLf:
      return byte == '\n' ? end_size_line(had) : State::kMalformed;
    case At::kData:
      return State::kMalformed;  // feed() takes data itself
    case At::kDataCr:
      return expect('\r', At::kDataLf);
    case At::kDataLf:
      return expect('\n', At::kSize);
    case At::kTrailerStart:
    case At::kTrailerName:
    case At::kTrailerValue:
      return step_trailer(byte);
    case At::kTrailerLf:
      return expect('\n', At::kTrailerStart);
    case At::kEndLf:
      return byte == '\n' ? State::kDone : State::kMalformed;
  }
  return State::kMalformed;
}

ChunkedReader::State ChunkedReader::step_size(char byte) {
  if (++line_ > kChunkLineMax) return State::kMalformed;
  if (at_ == At::kSize) {
    if (const int digit = hex_digit(byte); digit >= 0) {
      left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      return ++digits_ <= kChunkSizeDigitsMax ? State::kMore : State::kMalformed;
    }
    if (digits_ == 0) return State::kMalformed;
    if (byte == ';') {
      at_ = At::kExtension;
      return State::kMore;
    }
  }
  if (byte == '\r') {
    at_ = At::kSizeLf;
    return State::kMore;
  }
  return at_ == At::kExtension && is_text_char(byte) ? State::kMore : State::kMalformed;
}

ChunkedReader::State ChunkedReader::end_size_line(std::size_t had) {
  line_ = digits_ = 0;
  at_ = left_ == 0 ? At::kTrailerStart : At::kData;
  return left_ > body_bytes_max_ - had ? State::kTooLarge : State::kMore;
}

ChunkedReader::State ChunkedReader::step_trailer(char byte) {
  if (++trailers_ > kTrailerBytesMax) return State::kMalformed;
  if (at_ == At::kTrailerValue) {
    if (byte == '\r') at_ = At::kTrailerLf;
    return byte == '\r' || is_text_char(byte) ? State::kMore : State::kMalformed;
  }
  if (at_ == At::kTrailerStart && byte == '\r') {
    at_ = At::kEndLf;
    return State::kMore;
  }
  if (at_ == At::kTrailerName && byte == ':') {
    at_ = At::kTrailerValue;
    return State::kMore;
  }
  at_ = At::kTrailerName;
  return is_token_char(byte) ? State::kMore : State::kMalformed;
}

}  // namespace carnet::api
