#include "base/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.h"

namespace carnet {
namespace {

TEST(TerminalText, ActsOnNothing) {
  EXPECT_EQ(terminal_text("plain, Größe, 中文, عربي"), "plain, Größe, 中文, عربي");
  EXPECT_EQ(terminal_text("\x1b[31mred\x1b[0m\r\n\t\b\x7f"), "?[31mred?[0m?????");
  EXPECT_EQ(terminal_text("\xC2\x9B"
                          "31m"),
            "?31m")
      << "CSI as one C1 control";
  EXPECT_EQ(terminal_text("\u202Egnp.exe\u2066\u2069"), "?gnp.exe??");
  EXPECT_EQ(terminal_text("a\u200Bb\u2060c\uFEFFd\u2028e"), "a?b?c?d?e");
  EXPECT_EQ(terminal_text("\U000E0041"), "?") << "tag character";
  EXPECT_EQ(terminal_text("👩\u200D💻 می\u200Cخواهم"), "👩\u200D💻 می\u200Cخواهم");
  EXPECT_EQ(terminal_text(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(terminal_text("\xFF\xC0\xAF\xED\xA0\x80z\xF0\x9F\x98"), "??????z???");
  EXPECT_EQ(terminal_text(""), "");
  EXPECT_TRUE(is_inert("👩\u200D💻"));
  EXPECT_FALSE(is_inert("\u200F"));
}

TEST(TerminalText, Escaped) {
  std::string out;
  append_inert(out, "x\u202Ey\xC2\x9B\xFFz\U000E0041é");
  EXPECT_EQ(out, "x\\u202ey\\u009b\\ufffdz\\udb40\\udc41é");
}

// One line for one event, whatever is in it, and nothing that a terminal would act on.
TEST(Log, OneInertLineForOneEvent) {
  const SystemClock clock;
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const Log log(clock, ends[1], format, LogLevel::kInfo);
    log.info("seen", {{"a", "x\r\n2026-01-01T00:00:00Z error forged"},
                      {"b", "\x07"},
                      {"c",
                       "\xC2\x9B"
                       "31m\u202E"},
                      {"d", "level=\"error\""},
                      {"e", "\x1b]0;title\x07"}});
    ::close(ends[1]);
    std::string line(4096, '\0');
    line.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], line.data(), line.size()))));
    ::close(ends[0]);
    ASSERT_TRUE(line.ends_with('\n'));
    line.pop_back();
    EXPECT_TRUE(is_inert(line)) << line;
    EXPECT_NE(line.find(R"(x\r\n2026)"), std::string::npos) << line;
    EXPECT_NE(line.find(R"(\u0007)"), std::string::npos) << line;
    EXPECT_NE(line.find(R"(\u009b31m\u202e)"), std::string::npos) << line;
    EXPECT_NE(line.find(R"(level=\"error\")"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace carnet
