#pragma once
// Files and other people's programs, for tests that check artifacts from outside.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temp_dir.h"

namespace carnet::evidence::test {

using carnet::test::TempDir;

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the command printed, errors among it; the test fails unless it ends with 0.
inline std::string shell(const std::string& command) {
  const std::string whole = "PATH=/usr/bin:/bin; export PATH; ( " + command + " ) 2>&1";
  std::FILE* pipe = ::popen(whole.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string out;
  std::array<char, 4096> chunk{};
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe))
    out.append(chunk.data(), got);
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << out;
  return out;
}

}  // namespace carnet::evidence::test
