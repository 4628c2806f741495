#pragma once
// The words of the pages: how dates, sizes, counts and scores are written, what a band or a status
// means in plain English, what a problem page says. Pure functions; thread-safe. Tone: calm and
// exact; nothing is promised that was not observed.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "inventory/model.h"
#include "service/artifacts.h"

namespace carnet::web {

// `text` without what could deceive or break a page even after escaping: control characters become
// spaces; bidirectional embeddings, overrides and isolates (U+202A–U+202E, U+2066–U+2069),
// invisible format characters and bytes that are not UTF-8 become U+FFFD, so that a reader sees
// that something was there. Tabs and line ends become spaces.
[[nodiscard]] std::string displayable(std::string_view text);

[[nodiscard]] std::string long_date(Timestamp time);  // "24 November 2026, 05:30 UTC"
[[nodiscard]] std::string long_day(
    std::string_view iso);  // "2030-12-31" → "31 December 2030"; else as it came
// "in 6 days", "in 5 hours", "in less than an hour"; "now" once `until` is reached.
[[nodiscard]] std::string time_left(Timestamp now, Timestamp until);
[[nodiscard]] std::string byte_size(
    std::size_t bytes);                           // "812 B", "14.2 KB", "1.3 MB" (powers of 1000)
[[nodiscard]] std::string decimal(double value);  // one decimal at most: "41.5", "78"
// "1 asset", "3 assets".
[[nodiscard]] std::string counted(long long count, std::string_view one, std::string_view many);
// Host of an http(s) URL ("csrc.nist.gov"), "" for anything that is not one.
[[nodiscard]] std::string url_host(std::string_view url);
// "example.org:443", "[2001:db8::1]:443"; no port for 0.
[[nodiscard]] std::string host_port(std::string_view host, int port);

// A word for class names and symbols ("at-risk") and one for people ("At risk").
struct Label {
  std::string_view token, text;
};
[[nodiscard]] Label status_label(inventory::AssetStatus status);
// "met" → Met; an unknown word counts as "cannot-tell".
[[nodiscard]] Label framework_label(std::string_view result);
// Band → token for class names and one sentence that says what it means; `band` "" means that there
// is no score.
struct BandWords {
  std::string_view token, range, meaning;
};
[[nodiscard]] BandWords band_words(std::string_view band);

struct FormatWords {
  std::string_view name, purpose;
};
[[nodiscard]] FormatWords format_words(service::ArtifactFormat format);

// What a link of this scope opens, as the end of "It opens …".
[[nodiscard]] std::string_view scope_words(std::string_view scope);

struct ProblemWords {
  std::string_view title, explanation, advice;
};
// For a code of problem+json as a visitor of a link meets it; general words for a code that is not
// known.
[[nodiscard]] ProblemWords problem_words(std::string_view code);

}  // namespace carnet::web
