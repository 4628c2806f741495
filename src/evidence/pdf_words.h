#pragma once
// How the PDF report writes texts, dates and numbers. Private to evidence/. Pure functions.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "inventory/model.h"

namespace carnet::evidence {

// `text` as one line that can be drawn and cannot deceive: controls and line ends become spaces,
// what turns the direction of text, invisible format characters, bytes that are not UTF-8 and
// characters that no font of ours has become U+FFFD.
[[nodiscard]] std::string drawable(std::string_view text);

[[nodiscard]] std::string long_date(Timestamp time);        // "24 November 2026"
[[nodiscard]] std::string date_and_time(Timestamp time);    // "24 November 2026, 05:30 UTC"
[[nodiscard]] std::string long_day(std::string_view iso);   // "2030-12-31" → "31 December 2030"
[[nodiscard]] std::string short_day(std::string_view iso);  // "31 Dec 2030"
[[nodiscard]] std::string score_text(double score);         // "41.5"
[[nodiscard]] std::string plain_number(double value);       // "10", "8.1"
[[nodiscard]] std::string counted(long long count, std::string_view one, std::string_view many);
// 10000 → "10,000"
[[nodiscard]] std::string grouped(long long value);
[[nodiscard]] std::string place_of(std::string_view host, int port);
[[nodiscard]] std::string_view status_words(inventory::AssetStatus status);  // "At risk"
[[nodiscard]] std::string_view result_words(std::string_view result);        // "Not met"
[[nodiscard]] std::string capitalised(std::string_view word);                // "high" → "High"
// The year with its fraction, for axes: 2026.9.
[[nodiscard]] double year_of(Timestamp time);
// The same of "2030-12-31"; 0 for what is no date.
[[nodiscard]] double year_of(std::string_view iso);
// The year of such a number. Spans are told in tenths of a year, so the last days of 2034 by a span
// of 8.1 years are the beginning of 2035.
[[nodiscard]] int year_shown(double year);
// What may stand in a link's URI attribute; "" if the URL is not plain http(s).
[[nodiscard]] std::string link_target(std::string_view url);

}  // namespace carnet::evidence
