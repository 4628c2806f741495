#include "api/pipeline.h"
#include "base/encoding.h"
#include "base/text.h"

namespace carnet::api {
namespace {

// "0.8" as 800; nullopt for what is no qvalue.
std::optional<int> parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int value = (text[0] - '0') * 1000;
  int weight = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
    value += (c - '0') * weight;
    weight /= 10;
  }
  return value <= 1000 ? std::optional(value) : std::nullopt;
}

struct Range {
  std::string_view type;
  int quality = 1000;
};

std::optional<Range> parse_range(std::string_view item) {
  const std::vector<std::string_view> parts = split(item, ';');
  Range range{.type = trim_ascii(parts[0]), .quality = 1000};
  if (range.type.find('/') == std::string_view::npos) return std::nullopt;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string_view parameter = trim_ascii(parts[i]);
    if (parameter.size() < 2 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=')
      continue;
    const auto quality = parse_quality(parameter.substr(2));
    if (!quality) return std::nullopt;
    range.quality = *quality;
  }
  return range;
}

// How well a range describes a type: 3 exactly, 2 "text/*", 1 "*/*", 0 not.
int closeness(std::string_view range, std::string_view type) {
  if (range == "*/*") return 1;
  const std::string_view bare = type.substr(0, type.find(';'));
  if (iequals_ascii(range, bare)) return 3;
  const std::size_t slash = bare.find('/') + 1;
  return range.size() == slash + 1 && range.back() == '*' &&
                 iequals_ascii(range.substr(0, slash), bare.substr(0, slash))
             ? 2
             : 0;
}

}  // namespace

std::string_view negotiate(std::string_view accept, std::string_view offered) {
  const std::string_view first = offered.substr(0, offered.find(", "));
  if (accept.empty() || accept == "*/*") return first;
  std::vector<Range> ranges;
  for (const std::string_view item : split(accept, ',')) {
    if (trim_ascii(item).empty()) continue;
    const auto range = parse_range(item);
    if (!range) return first;
    ranges.push_back(*range);
  }
  std::string_view best;
  int best_quality = 0;
  for (std::string_view rest = offered; !rest.empty();) {
    const std::size_t comma = rest.find(", ");
    const std::string_view type = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 2);
    int closest = 0;
    int quality = 0;
    for (const Range& range : ranges) {
      const int close = closeness(range.type, type);
      if (close <= closest) continue;
      closest = close;
      quality = range.quality;
    }
    if (quality > best_quality) {
      best_quality = quality;
      best = type;
    }
  }
  return best;
}

std::string etag_of(std::string_view bytes) {
  const crypto::Digest256 digest = crypto::sha256(bytes);
  return '"' + to_base64url(std::span(digest).first(18)) + '"';
}

bool etag_matches(std::string_view header, std::string_view etag) {
  for (std::string_view item : split(header, ',')) {
    item = trim_ascii(item);
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag) return true;
  }
  return false;
}

}  // namespace carnet::api
