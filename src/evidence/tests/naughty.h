#pragma once
// Texts that have broken programs before: for tests that artifacts carry them inertly. In the
// manner of the "Big List of Naughty Strings", reduced to one or two of each kind.

#include <string>
#include <vector>

namespace carnet::evidence::test {

inline std::vector<std::string> naughty_strings() {
  std::string stacked = "Z";
  for (int i = 0; i < 40; ++i) stacked += "\xCC\xB6\xCD\x9B\xCC\xA8";  // combining marks
  return {
      "",
      " ",
      "undefined",
      std::string(255, 'W'),
      std::string(120, 'i') + ".example",
      "\xE2\x80\xAEgnp.exe",  // right-to-left override
      "\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",  // Arabic,
                                                                                    // Hebrew
      stacked,
      "\xF0\x9F\x9A\x80\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xF0\x9F\x98\x80",  // emoji
      "\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88 \xED\x95\x9C\xEA\xB5\xAD \xE4\xB8\xAD\xE6\x96\x87",
      "=cmd|'/C calc'!A0",
      "@SUM(1+1)*cmd|' /C calc'!A0",
      "<script>alert(1)</script>",
      "'; DROP TABLE scans;--",
      "(uri='x') \\ %PDF-1.4 >> endobj endstream",
      "javascript:alert(1)",
      "' uri='https://evil.example' rect=[0 0 9 9] '",
      "`unclosed code, %s %n {} {0} $(id) ${HOME}",
      std::string("nul\0inside", 10),
      "\x01\x02\x1B[31m\x7F\r\n\ttab",
      "bad \xFF\xFE utf8 \xC0\xAF \xED\xA0\x80",
      "\xEF\xBB\xBF"
      "bom",
      "../../../etc/passwd",
      "\xE2\x80\xA8line\xE2\x80\xA9paragraph",
      "\xE2\x80\x8Bzero\xE2\x81\xA0width",
      "Powerلُلُصّبُلُلصّبُررً ॣ ॣh ॣ ॣ冗",
  };
}

}  // namespace carnet::evidence::test
