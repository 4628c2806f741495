#include "api/http_head.h"

#include <gtest/gtest.h>

namespace carnet::api {
namespace {

TEST(HeadScannerTest, FindsTheEndHoweverTheBytesArrive) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const std::string data = head + "next";
  HeadScanner whole;
  EXPECT_EQ(whole.scan(data), HeadScanner::State::kComplete);
  EXPECT_EQ(whole.end(), head.size());
  HeadScanner bytewise;
  for (std::size_t n = 1; n < head.size(); ++n)
    ASSERT_EQ(bytewise.scan(std::string_view(data).substr(0, n)), HeadScanner::State::kIncomplete)
        << n;
  EXPECT_EQ(bytewise.scan(std::string_view(data).substr(0, head.size())),
            HeadScanner::State::kComplete);
  EXPECT_EQ(bytewise.end(), head.size());
}

TEST(HeadScannerTest, RefusesWhatIsAmbiguous) {
  for (const char* bad :
       {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", "\x16\x03\x01", " GET / HTTP/1.1\r\n\r\n", "\n"}) {
    HeadScanner scanner;
    EXPECT_EQ(scanner.scan(bad), HeadScanner::State::kMalformed) << bad;
  }
}

TEST(ImfFixdateTest, Rfc9110Example) {
  EXPECT_EQ(imf_fixdate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(PercentDecodeTest, DecodesOnce) {
  EXPECT_EQ(percent_decode("a%20b%2520"), "a b%20");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%4g"), std::nullopt);
}

TEST(QueryTest, FirstValueDecoded) {
  Request request;
  request.query = "a=1&b=x%20y+z&a=2&c&d=%zz";
  EXPECT_EQ(request.query_value("a"), "1");
  EXPECT_EQ(request.query_value("b"), "x y z");
  EXPECT_EQ(request.query_value("c"), "");
  EXPECT_EQ(request.query_value("d"), std::nullopt);
  EXPECT_EQ(request.query_value("e"), std::nullopt);
}

TEST(AppendHeadTest, BodilessAnswersHaveNoLength) {
  Response response;
  response.status = 304;
  response.body = "kept out";
  std::string out;
  append_head(out, response, {.date = "D"});
  EXPECT_EQ(out, "HTTP/1.1 304 Not Modified\r\nDate: D\r\n\r\n");
}

}  // namespace
}  // namespace carnet::api
