// A file of JSON: a key set, or a CycloneDX inventory.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "base/json.h"
#include "inventory/cbom.h"
#include "inventory/file_internal.h"
#include "inventory/jwks.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

// "… line 3, column 7 …" of json::parse.
int line_in(const std::string& detail) {
  const std::size_t at = detail.find("line ");
  int line = 0;
  if (at != std::string::npos) {
    std::from_chars(detail.data() + at + 5, detail.data() + detail.size(), line);
  }
  return line;
}

Place place_of(const std::vector<std::int64_t>& offsets, std::size_t index, std::string_view text) {
  if (index >= offsets.size()) return {};
  const std::int64_t at = offsets[index];
  const auto lines = std::count(text.begin(), text.begin() + at, '\n');
  return {static_cast<int>(lines) + 1, at};
}

void read_key_set(const bj::value& value, std::string_view text, FileSink& sink) {
  sink.format("JWKS");
  const std::vector<std::int64_t> offsets = element_offsets(text, "keys");
  const auto fault = [&](std::size_t index, std::string detail) {
    sink.error(place_of(offsets, index, text), "bad_key", std::move(detail));
  };
  sink.out().jwks = read_jwks(value, fault);
}

void read_cyclonedx(const bj::object& bom, std::string_view text, FileSink& sink) {
  const bj::value* version = bom.if_contains("specVersion");
  const bool told = version != nullptr && version->is_string();
  const std::string spec = told ? std::string(version->get_string().subview(0, 8)) : "?";
  sink.format("CycloneDX " + spec);
  const std::vector<std::int64_t> offsets = element_offsets(text, "components");
  const CbomSinks sinks{.entry =
                            [&](FileEntry entry, std::size_t index) {
                              const Place place = place_of(offsets, index, text);
                              entry.line = place.line;
                              entry.offset = place.offset;
                              sink.entry(std::move(entry));
                            },
                        .fault =
                            [&](std::size_t index, std::string detail) {
                              sink.error(place_of(offsets, index, text), "bad_component",
                                         std::move(detail));
                            }};
  read_cbom(bom, sinks);
}

// A walk over the text alone, which json::parse has accepted: strings are skipped whole.
class OffsetScanner {
 public:
  OffsetScanner(std::string_view text, std::string_view member) : text_(text), member_(member) {}

  std::vector<std::int64_t> scan() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        open(c);
      } else if (c == '}' || c == ']') {
        --depth_;
        if (depth_ == 1) inside_ = false;
      } else if (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        if (c == ',' && depth_ == 1) key_ = {};
      } else {
        element();
      }
    }
    return std::move(out_);
  }

 private:
  void string() {
    if (inside_ && depth_ == 2) out_.push_back(static_cast<std::int64_t>(at_));
    const std::size_t begin = at_ + 1;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    if (depth_ == 1 && key_.empty() && at_ <= text_.size()) {
      key_ = text_.substr(begin, at_ - begin);
    }
  }
  void open(char c) {
    if (inside_ && depth_ == 2) out_.push_back(static_cast<std::int64_t>(at_));
    if (depth_ == 1 && c == '[' && key_ == member_) inside_ = true;
    ++depth_;
  }
  // A number or a word: each of its characters comes here, the first counts.
  void element() {
    const bool first = at_ == 0 || text_[at_ - 1] == '[' || text_[at_ - 1] == ',' ||
                       text_[at_ - 1] == ' ' || text_[at_ - 1] == '\n';
    if (inside_ && depth_ == 2 && first) out_.push_back(static_cast<std::int64_t>(at_));
  }

  std::string_view text_;
  std::string_view member_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool inside_ = false;
  std::string_view key_;
  std::vector<std::int64_t> out_;
};

}  // namespace

std::vector<std::int64_t> element_offsets(std::string_view text, std::string_view member) {
  return OffsetScanner(text, member).scan();
}

bool read_json_file(std::string_view text, FileSink& sink) {
  const auto value = json::parse(text);
  if (!value) {
    // What looks like JSON and is none is told as such, with the place of the fault.
    sink.format("JSON");
    sink.error({line_in(value.error().public_detail), 0}, "malformed_json",
               value.error().public_detail);
    return true;
  }
  if (is_jwks(*value)) {
    read_key_set(*value, text, sink);
    return true;
  }
  const bj::object* object = value->if_object();
  const bj::value* format = object != nullptr ? object->if_contains("bomFormat") : nullptr;
  if (format == nullptr || !format->is_string() || format->get_string() != "CycloneDX") {
    return false;
  }
  read_cyclonedx(*object, text, sink);
  return true;
}

}  // namespace carnet::inventory
