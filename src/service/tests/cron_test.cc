// Cron lines and time zones. The times come from croniter and Python's zoneinfo
// (data/make_cron_times.py), the rules from crontab(5).

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "service/cron.h"
#include "service/time_zone.h"

namespace carnet::service {
namespace {

Timestamp at(std::string_view text) { return parse_rfc3339(text).value(); }

// The faults of a line, joined.
std::string faults(std::string_view line) {
  FieldErrors bad;
  if (Cron::parse(line, "cron", bad)) return {};
  std::string out;
  const Error error = bad.take().value();
  for (const FieldError& fault : error.fields) {
    EXPECT_EQ(fault.field, "cron");
    EXPECT_EQ(fault.pointer, "/cron");
    EXPECT_EQ(fault.code, "bad_cron");
    out += (out.empty() ? "" : "\n") + fault.detail;
  }
  EXPECT_FALSE(out.empty()) << line;
  return out;
}

std::vector<std::string> times(std::string_view line, std::string_view zone, std::string_view after,
                               std::size_t count) {
  FieldErrors bad;
  const std::optional<Cron> cron = Cron::parse(line, "cron", bad);
  EXPECT_TRUE(cron.has_value()) << line << ": " << faults(line);
  const Result<TimeZone> found = TimeZone::find(zone, "timeZone");
  EXPECT_TRUE(found.has_value()) << zone;
  std::vector<std::string> out;
  if (!cron || !found) return out;
  Timestamp time = at(after);
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<Timestamp> next = next_instant(*cron, *found, time);
    if (!next) break;
    time = *next;
    out.push_back(to_rfc3339(time));
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(Cron, ComesWhenTwoOtherProgramsSay) {
  std::ifstream table(CARNET_SOURCE_DIR "/src/service/tests/data/cron_times.txt");
  std::string row;
  int rows = 0;
  while (std::getline(table, row)) {
    if (row.starts_with('#')) continue;
    Texts parts;
    for (std::size_t from = 0; from <= row.size();) {
      const std::size_t bar = std::min(row.find(" | ", from), row.size());
      parts.push_back(row.substr(from, bar - from));
      from = bar + 3;
    }
    ASSERT_EQ(parts.size(), 4U) << row;
    Texts wanted;
    std::istringstream words(parts[3]);
    for (std::string word; words >> word;) wanted.push_back(word);
    EXPECT_EQ(times(parts[0], parts[1], parts[2], wanted.size()), wanted) << row;
    ++rows;
  }
  EXPECT_EQ(rows, 600);
}

// The examples of crontab(5).
TEST(Cron, ReadsTheManualsExamples) {
  EXPECT_EQ(times("5 0 * * *", "UTC", "2026-11-24T00:05:00Z", 2),
            (Texts{"2026-11-25T00:05:00Z", "2026-11-26T00:05:00Z"}));
  EXPECT_EQ(times("15 14 1 * *", "UTC", "2026-11-24T00:00:00Z", 2),
            (Texts{"2026-12-01T14:15:00Z", "2027-01-01T14:15:00Z"}));
  EXPECT_EQ(times("0 22 * * 1-5", "UTC", "2026-11-27T21:00:00Z", 2),  // a Friday
            (Texts{"2026-11-27T22:00:00Z", "2026-11-30T22:00:00Z"}));
  EXPECT_EQ(times("23 0-23/2 * * *", "UTC", "2026-11-24T21:00:00Z", 2),
            (Texts{"2026-11-24T22:23:00Z", "2026-11-25T00:23:00Z"}));
  EXPECT_EQ(times("5 4 * * sun", "UTC", "2026-11-24T00:00:00Z", 2),
            (Texts{"2026-11-29T04:05:00Z", "2026-12-06T04:05:00Z"}));
  // "30 4 1,15 * 5": the 1st and the 15th of each month, and every Friday.
  EXPECT_EQ(times("30 4 1,15 * 5", "UTC", "2026-11-24T00:00:00Z", 5),
            (Texts{"2026-11-27T04:30:00Z", "2026-12-01T04:30:00Z", "2026-12-04T04:30:00Z",
                   "2026-12-11T04:30:00Z", "2026-12-15T04:30:00Z"}));
  // A field that begins with * is not restricted: every other day, if it is a Monday.
  EXPECT_EQ(times("0 0 */2 * mon", "UTC", "2026-11-01T00:00:00Z", 3),
            (Texts{"2026-11-09T00:00:00Z", "2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"}));
}

TEST(Cron, TakesNamesSundaysAndMacros) {
  const Texts sundays{"2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"};
  for (const std::string_view line : {"0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * 0,7",
                                      "@weekly", " @Weekly ", "0\t0  *  * 7-7"})
    EXPECT_EQ(times(line, "UTC", "2026-11-24T00:00:00Z", 2), sundays) << line;
  EXPECT_EQ(times("0 0 * * fri-sun", "UTC", "2026-11-24T00:00:00Z", 3),
            (Texts{"2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"}));
  EXPECT_EQ(times("0 0 * * */7", "UTC", "2026-11-24T00:00:00Z", 2), sundays);
  EXPECT_EQ(times("0 0 1 Jan,jul *", "UTC", "2026-11-24T00:00:00Z", 2),
            (Texts{"2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"}));
  EXPECT_EQ(times("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", 1), (Texts{"2104-02-29T00:00:00Z"}));
}

TEST(Cron, SaysWhichFieldIsWrongAndWhatItMayBe) {
  EXPECT_EQ(faults("75 3 * * *"), "minute: 75 is out of range; it may be 0 to 59");
  EXPECT_EQ(faults("0 24 * * *"), "hour: 24 is out of range; it may be 0 to 23");
  EXPECT_EQ(faults("0 0 0 * *"), "day of month: 0 is out of range; it may be 1 to 31");
  EXPECT_EQ(faults("0 0 * 13 *"), "month: 13 is out of range; it may be 1 to 12 or jan to dec");
  EXPECT_EQ(faults("0 0 * * 8"),
            "day of week: 8 is out of range; it may be 0 to 7 or sun to sat (0 and 7 are Sunday)");
  EXPECT_EQ(faults("0 0 * foo *"),
            "month: \"foo\" is not a value; it may be 1 to 12 or jan to dec");
  EXPECT_EQ(faults("0 mon * * *"), "hour: \"mon\" is not a value; it may be 0 to 23");
  EXPECT_EQ(faults("-5 0 * * *"),
            "minute: a value is missing; it may be 0 to 59, *, a range (1-5) or a list (1,3)");
  EXPECT_EQ(faults("1,,2 0 * * *"),
            "minute: a value is missing; it may be 0 to 59, *, a range (1-5) or a list (1,3)");
  EXPECT_EQ(faults("5/10 0 * * *"), "minute: a step goes with * or a range: 5-59/10");
  EXPECT_EQ(faults("*/0 0 * * *"), "minute: the step \"0\" is not a whole number from 1 to 59");
  EXPECT_EQ(faults("*/ 0 * * *"), "minute: the step \"\" is not a whole number from 1 to 59");
  EXPECT_EQ(faults("0 17-9 * * *"),
            "hour: the range 17-9 ends before it begins; write it as two, joined by a comma");
  EXPECT_EQ(faults("0 0 30 2 *"), "day of month: no month of \"2\" has a day \"30\"");
  EXPECT_EQ(faults("0 0 31 feb,apr,jun *"),
            "day of month: no month of \"feb,apr,jun\" has a day \"31\"");
  EXPECT_EQ(faults("99 99 * * *"),
            "minute: 99 is out of range; it may be 0 to 59\nhour: 99 is out of range; it may be 0 "
            "to 23");
  EXPECT_EQ(faults("0 0 * *"),
            "must have five fields, has 4: minute, hour, day of month, month, day of week, as in "
            "\"30 3 * * mon\"");
  EXPECT_EQ(faults("0 0 0 * * ?").substr(0, 29), "must have five fields, has 6:");
  // Quartz has more than crontab(5).
  EXPECT_EQ(faults("0 0 ? * *"),
            "day of month: \"?\" is of Quartz, not of crontab(5); it may be 1 to 31");
  for (const std::string_view line : {"0 0 L * *", "0 0 LW * *", "0 0 15W * *", "0 0 * * 5L",
                                      "0 0 * * 6#3", "0 0 * * fri#2", "0 0 1,L * *"})
    EXPECT_NE(faults(line).find("is of Quartz, not of crontab(5)"), std::string::npos) << line;
  EXPECT_EQ(faults("0 jul * * *"), "hour: \"jul\" is not a value; it may be 0 to 23");
  EXPECT_TRUE(faults("@reboot").starts_with("must be a cron line"));
  EXPECT_TRUE(faults("").starts_with("must be a cron line"));
  EXPECT_TRUE(faults("99999999999999999999 0 * * *").starts_with("minute: "));
  // The caller's text is shown cut and plain.
  EXPECT_EQ(faults("\x1b[31m 0 * * *"), "minute: \"?[31m\" is not a value; it may be 0 to 59");
  EXPECT_LT(faults(std::string(200, 'x') + " 0 * * *").size(), 100U);
}

TEST(Cron, EveryLineEndsWhateverItHolds) {
  std::uint32_t state = 20261124;
  const auto next = [&state] { return state = state * 1664525U + 1013904223U; };
  constexpr std::string_view kLetters = "0123456789*/-, @jansu\t?L#";
  for (int i = 0; i < 20000; ++i) {
    std::string line;
    for (std::uint32_t n = (next() >> 16U) % 24; n > 0; --n)
      line += kLetters[(next() >> 16U) % kLetters.size()];
    FieldErrors bad;
    const std::optional<Cron> cron = Cron::parse(line, "cron", bad);
    EXPECT_EQ(cron.has_value(), bad.empty()) << line;
    if (cron) EXPECT_TRUE(cron->next(LocalMinutes{}).has_value()) << line;
  }
}

TEST(TimeZones, TheClockIsPutForward) {
  // Berlin, 29 March 2026: 02:00 to 03:00 does not come. What falls there is run when it ends,
  // once.
  EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            (Texts{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}));
  EXPECT_EQ(times("*/15 2-3 29 3 *", "Europe/Berlin", "2026-03-28T00:00:00Z", 5),
            (Texts{"2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z",
                   "2026-03-29T01:45:00Z", "2027-03-29T00:00:00Z"}));
  // A whole day, 30 December 2011, did not come in Samoa.
  EXPECT_EQ(times("0 12 * * *", "Pacific/Apia", "2011-12-28T23:00:00Z", 3),
            (Texts{"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}));
}

TEST(TimeZones, TheClockIsPutBack) {
  // Berlin, 25 October 2026: 02:00 to 03:00 comes twice; the first counts.
  EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:30:00Z", 3),
            (Texts{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"}));
  // Asked in the second of the two hours.
  EXPECT_EQ(times("45 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1),
            (Texts{"2026-10-26T01:45:00Z"}));
  // Half an hour back, on Lord Howe.
  EXPECT_EQ(times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2),
            (Texts{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}));
}

TEST(TimeZones, OnlyThoseOfTheDatabase) {
  for (const std::string_view name :
       {"UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Ushuaia", "America/Port-au-Prince"})
    EXPECT_TRUE(TimeZone::find(name, "timeZone").has_value()) << name;
  for (const std::string_view name :
       {"", "europe/berlin", "Europe/Atlantis", "../../etc/passwd", "/usr/share/zoneinfo/UTC",
        "posix/Europe/Berlin", "right/UTC", "localtime", "zone.tab", "Europe", "UTC ", "Europe/"}) {
    const Result<TimeZone> found = TimeZone::find(name, "timeZone");
    ASSERT_FALSE(found.has_value()) << name;
    EXPECT_EQ(found.error().code, ErrorCode::kValidationFailed) << name;
    EXPECT_EQ(found.error().fields.at(0).field, "timeZone");
    EXPECT_EQ(found.error().fields.at(0).detail,
              "must be a time zone of the IANA database, as Europe/Berlin or UTC");
  }
}

}  // namespace
}  // namespace carnet::service
