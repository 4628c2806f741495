#include "web/words.h"

#include <gtest/gtest.h>

#include "web/tests/fixture.h"

namespace carnet::web {
namespace {

TEST(Displayable, KeepsWhatPeopleWrite) {
  for (const char* text :
       {"Prüfung 2026 – Ω", "監査", "שלום", "مراجعة", "👩‍💻 team", "a & b < c"}) {
    EXPECT_EQ(displayable(text), text);
  }
}

TEST(Displayable, MakesVisibleWhatDeceives) {
  EXPECT_EQ(displayable("a\xE2\x80\xAE"
                        "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(displayable("a\xE2\x80\x8B"
                        "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(displayable("a\xF3\xA0\x81\x81"
                        "b"),
            "a\xEF\xBF\xBD"
            "b");  // tag character
  EXPECT_EQ(displayable("a\nb\x1B[0m"), "a b [0m");
  EXPECT_EQ(displayable(std::string_view("a\0b", 3)), "a b");
}

TEST(Displayable, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(displayable("\xFFz"), "\xEF\xBF\xBDz");
  EXPECT_EQ(displayable("\xC0\xBC"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(displayable("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(displayable("\xE2\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // cut off
}

TEST(Words, Dates) {
  EXPECT_EQ(long_date(fixture::at("2026-01-02T03:04:59Z")), "2 January 2026, 03:04 UTC");
  EXPECT_EQ(long_date(fixture::at("2028-02-29T23:59:59.999Z")), "29 February 2028, 23:59 UTC");
  EXPECT_EQ(long_day("2030-12-31"), "31 December 2030");
  EXPECT_EQ(long_day("mid 2030"), "mid 2030");
}

TEST(Words, TimeLeft) {
  const Timestamp now = fixture::at("2026-11-24T00:00:00Z");
  EXPECT_EQ(time_left(now, now), "now");
  EXPECT_EQ(time_left(now, now + std::chrono::minutes(59)), "in less than an hour");
  EXPECT_EQ(time_left(now, now + std::chrono::minutes(60)), "in 1 hour");
  EXPECT_EQ(time_left(now, now + std::chrono::hours(47)), "in 47 hours");
  EXPECT_EQ(time_left(now, now + std::chrono::hours(48)), "in 2 days");
}

TEST(Words, Numbers) {
  EXPECT_EQ(decimal(41.5), "41.5");
  EXPECT_EQ(decimal(100), "100");
  EXPECT_EQ(decimal(-0.01), "0");
  EXPECT_EQ(byte_size(999), "999 B");
  EXPECT_EQ(byte_size(1000), "1 KB");
  EXPECT_EQ(byte_size(1'340'000), "1.3 MB");
  EXPECT_EQ(counted(1, "asset", "assets"), "1 asset");
  EXPECT_EQ(counted(0, "asset", "assets"), "0 assets");
}

TEST(Words, Places) {
  EXPECT_EQ(host_port("example.org", 443), "example.org:443");
  EXPECT_EQ(host_port("2001:db8::1", 22), "[2001:db8::1]:22");
  EXPECT_EQ(host_port("bundle.pem", 0), "bundle.pem");
  EXPECT_EQ(url_host("https://www.bsi.bund.de/x"), "bsi.bund.de");
  EXPECT_EQ(url_host("https://nist.gov@evil.example/"), "");
  EXPECT_EQ(url_host("javascript:alert(1)"), "");
  EXPECT_EQ(url_host("PCI DSS 4.0.1"), "");
}

TEST(Words, EveryBandAndResultHasItsOwn) {
  EXPECT_EQ(band_words("Critical").token, "critical");
  EXPECT_EQ(band_words("At Risk").range, "40 to below 65");
  EXPECT_EQ(band_words("Developing").token, "developing");
  EXPECT_EQ(band_words("Prepared").token, "prepared");
  EXPECT_EQ(band_words("").token, "none");
  EXPECT_EQ(framework_label("not-met").text, "Not met");
  EXPECT_EQ(framework_label("anything").text, "Cannot tell");
}

}  // namespace
}  // namespace carnet::web
