#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/text.h"

#include <boost/json.hpp>

namespace carnet {
namespace {

TEST(Clock, WritesAndReadsRfc3339) {
  EXPECT_EQ(to_rfc3339(from_millis(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_millis(951782400123)), "2000-02-29T00:00:00.123Z");
  EXPECT_EQ(parse_rfc3339("2000-02-29T01:00:00.123+01:00"), from_millis(951782400123));
  for (const char* bad :
       {"", "2001-02-29T00:00:00Z", "2000-01-01", "2000-01-01T00:00:00", "2000-01-01T24:00:00Z",
        "2000-01-01T00:00:00Zx", "2000-01-01T00:00:00.Z", "2000-13-01T00:00:00Z"})
    EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
}

TEST(Encoding, Rfc4648Vectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(from_base64(coded).value()), plain);
  }
  EXPECT_FALSE(from_base64("Zg"));    // padding missing
  EXPECT_FALSE(from_base64("Zh=="));  // stray bits
  EXPECT_FALSE(from_base64("Zm 9v"));
  EXPECT_EQ(to_base64url(from_hex("fbff").value()), "-_8");
  EXPECT_FALSE(from_hex("abc"));
}

TEST(Encoding, Crc32CheckValue) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
}  // the published check value

TEST(Encoding, Base62) {
  EXPECT_EQ(to_base62(0, 6), "000000");
  EXPECT_EQ(to_base62(61, 2), "0z");
  EXPECT_EQ(to_base62(0xFFFFFFFF, 6), "4gfFC3");
}

TEST(Ids, AreOrderedAndTyped) {
  SystemRandom random;
  const ScanId early = ScanId::generate(from_millis(1000), random),
               late = ScanId::generate(from_millis(2000), random);
  EXPECT_LT(early.str(), late.str());
  EXPECT_EQ(early.str().size(), 5 + 26u);
  EXPECT_TRUE(ScanId::parse(early.str()));
  EXPECT_FALSE(ShareId::parse(early.str()));
  EXPECT_FALSE(ScanId::parse("scan_zzzzzzzzzzzzzzzzzzzzzzzzzz"));
  EXPECT_FALSE(ScanId::parse("scan_' OR 1=1"));
}

TEST(Text, Utf8) {
  EXPECT_TRUE(is_valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad :
       {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xFF"})
    EXPECT_FALSE(is_valid_utf8(bad));
  EXPECT_EQ(utf8_length("\xE2\x82\xAC\xF0\x9F\x98\x80"), 2u);
  EXPECT_TRUE(has_forbidden_control("a\x01"));
  EXPECT_TRUE(has_forbidden_control("\xC2\x85"));
  EXPECT_FALSE(has_forbidden_control("tab\tline\n\xC2\xA0"));
}

TEST(Json, RefusesWhatIsNotStrict) {
  for (const char* bad :
       {"", "{", "{\"a\":1,}", "[1,2]x", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "1e999",
        "\"\xC0\x80\"", "{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}", "NaN", "01"}) {
    const auto value = json::parse(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_EQ(value.error().code, ErrorCode::kMalformedJson);
  }
  EXPECT_FALSE(json::parse(std::string(40, '[') + std::string(40, ']')));
  EXPECT_EQ(
      json::parse("{\"a\" 1}").error().public_detail.find("line 1, column") == std::string::npos,
      false);
  EXPECT_TRUE(json::parse(" {\"a\":[1,{\"a\":\"\\\"\"}]} "));
}

TEST(Json, WritesNumbersAsEcmaScriptDoes) {  // RFC 8785 appendix B
  const std::pair<double, const char*> vectors[] = {
      {0.0, "0"},
      {100.0, "100"},
      {41.5, "41.5"},
      {1e21, "1e+21"},
      {1e-7, "1e-7"},
      {9007199254740992., "9007199254740992"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {295147905179352830000., "295147905179352830000"},
      {0.000001, "0.000001"},
      {333333333.33333329, "333333333.3333333"}};
  for (const auto& [number, text] : vectors)
    EXPECT_EQ(json::write(boost::json::value(number)), text);
  EXPECT_EQ(
      json::write_canonical(json::parse(R"({"b":1,"a":{"d":"\u0007\u20ac","c":[]}})").value()),
      "{\"a\":{\"c\":[],\"d\":\"\\u0007\xE2\x82\xAC\"},\"b\":1}");
}

}  // namespace
}  // namespace carnet
