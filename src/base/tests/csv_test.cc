#include "base/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carnet {
namespace {

using testing::ElementsAre;

TEST(Csv, WhatIsWrittenIsReadBack) {
  std::string text;
  append_csv_row(
      text, {"plain", "", "a \"quote\"", "two\r\nlines", "a,b;c", "=SUM(A1)", "-1", "'quoted"});
  append_csv_row(text, {"x", "y"});
  EXPECT_NE(text.find("\"'=SUM(A1)\""), std::string::npos);
  CsvRecords records(text);
  auto first = records.next();
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->malformed);
  EXPECT_THAT(first->cells, ElementsAre("plain", "", "a \"quote\"", "two\r\nlines", "a,b;c",
                                        "=SUM(A1)", "-1", "'quoted"));
  EXPECT_THAT(records.next()->cells, ElementsAre("x", "y"));
  EXPECT_EQ(records.number(), 2U);
  EXPECT_FALSE(records.next());
}

TEST(Csv, QuotesBeforeAFormulaAreKept) {
  const std::vector<std::string> cells = {"'=1", "''=1", "'-", "'plain", "''", "'", "=", "'\t"};
  for (const std::string& cell : cells) {
    std::string text;
    append_csv_row(text, {cell, "end"});
    EXPECT_FALSE(text.starts_with("\"=")) << text;
    CsvRecords records(text);
    EXPECT_THAT(records.next()->cells, ElementsAre(cell, "end"));
  }
}

TEST(Csv, WhatIsMalformedSaysSo) {
  for (const std::string_view text : {"\"open", "\"a\"b,c\n"}) {
    CsvRecords records(text);
    EXPECT_TRUE(records.next()->malformed) << text;
  }
  const std::string wide(100, ',');
  CsvRecords many(wide);
  const auto record = many.next();
  EXPECT_TRUE(record->malformed);
  EXPECT_EQ(record->cells.size(), 64U);
}

}  // namespace
}  // namespace carnet
