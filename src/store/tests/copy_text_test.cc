// The text form of rows, held against PostgreSQL's documentation of COPY (section "Text Format").

#include "store/copy_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace carnet::store {
namespace {

std::string text_of(std::string_view plain) {
  std::string out;
  append_copy_text(out, plain);
  return out;
}

TEST(CopyText, EscapesAsCopyDoes) {
  EXPECT_EQ(text_of("plain é漢"), "plain é漢");
  EXPECT_EQ(text_of("a\tb\nc\rd\\e\bf\vg\fh"), R"(a\tb\nc\rd\\e\bf\vg\fh)");
  EXPECT_EQ(text_of("\\N"), R"(\\N)");
  EXPECT_EQ(text_of(""), "");
  EXPECT_EQ(text_of(std::string_view("a\0b", 3)), R"(a\000b)");
  EXPECT_EQ(text_of("\x01\x1b\x7f"), "\x01\x1b\x7f");
}

TEST(CopyText, ReadsWhatItWrites) {
  std::string line;
  append_copy_text(line, std::string_view("x\t\n\\\r\0y", 7));
  line += '\t';
  append_copy_null(line);
  line += '\t';
  append_copy_text(line, "\\N");
  line += '\t';
  append_copy_integer(line, std::numeric_limits<std::int64_t>::min());
  line += '\t';
  append_copy_real(line, 0.1);
  line += '\t';
  append_copy_blob(line, std::string_view("\x00\xff\\n", 4));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  CopyRow row;
  ASSERT_TRUE(row.parse(line, 6));
  EXPECT_EQ(row.text(0), std::string_view("x\t\n\\\r\0y", 7));
  EXPECT_TRUE(row.is_null(1));
  EXPECT_FALSE(row.is_null(2));
  EXPECT_EQ(row.text(2), "\\N");
  EXPECT_EQ(row.integer(3), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.real(4), 0.1);
  EXPECT_EQ(row.blob(5), std::string("\x00\xff\\n", 4));
}

TEST(CopyText, ValuesOfAnotherTypeAreTold) {
  CopyRow row;
  ASSERT_TRUE(row.parse("12x\t\t\\\\x6\t\\\\x6G\t9223372036854775808", 5));
  EXPECT_FALSE(row.integer(0));
  EXPECT_FALSE(row.real(0));
  EXPECT_FALSE(row.integer(1));
  EXPECT_FALSE(row.blob(1));
  EXPECT_FALSE(row.blob(2));
  EXPECT_FALSE(row.blob(3));
  EXPECT_FALSE(row.integer(4));
}

TEST(CopyText, MalformedLinesAreRefused) {
  CopyRow row;
  EXPECT_FALSE(row.parse("a", 2));
  EXPECT_FALSE(row.parse("a\tb\tc", 2));
  EXPECT_FALSE(row.parse("a\\", 1));
  EXPECT_FALSE(row.parse("\\q", 1));
  EXPECT_FALSE(row.parse("\\001", 1));
  EXPECT_TRUE(row.parse("", 1));
}

}  // namespace
}  // namespace carnet::store
