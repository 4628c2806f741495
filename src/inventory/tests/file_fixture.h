#pragma once
// Files made by other programs (openssl, ssh-keygen) in a folder that goes with the fixture, and
// reading them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "inventory/file_reader.h"
#include "tests/support/temp_dir.h"

namespace carnet::inventory {

class FileReaderTest : public testing::Test {
 protected:
  // Runs a shell command in the folder; its standard output without the last line break.
  std::string run(const std::string& command) const {
    const std::string whole = "cd '" + folder_.path().string() + "' && " + command + " 2>/dev/null";
    std::FILE* pipe = ::popen(whole.c_str(), "re");
    std::string out;
    std::array<char, 4096> block{};
    while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
      out.append(block.data(), got);
    }
    EXPECT_EQ(::pclose(pipe), 0) << command;
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }

  std::string text(const std::string& name) const {
    std::ifstream file(folder_.file(name), std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    EXPECT_TRUE(file.good()) << name;
    return out.str();
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_.file(name), std::ios::binary) << bytes;
  }

  FileReading read_text(const std::string& bytes, const Secret* passphrase = nullptr) const {
    auto reading =
        read_file({.name = "a file", .bytes = as_bytes(bytes), .passphrase = passphrase});
    EXPECT_TRUE(reading.has_value()) << (reading ? "" : reading.error().public_detail);
    return reading ? std::move(*reading) : FileReading{};
  }
  FileReading read(const std::string& name, const Secret* passphrase = nullptr) const {
    return read_text(text(name), passphrase);
  }

  // "SHA256:…" over the SubjectPublicKeyInfo that openssl writes for a key or certificate.
  std::string pin_of(const std::string& key_command) const {
    return "SHA256:" + run(key_command +
                           " | openssl pkey -pubin -outform DER | "
                           "openssl dgst -sha256 -binary | base64 -w0 | tr -d =");
  }

  test::TempDir folder_;
};

inline std::vector<std::string> kinds_of(const FileReading& reading) {
  std::vector<std::string> out;
  for (const FileEntry& entry : reading.file.entries) out.push_back(entry.kind);
  return out;
}

inline std::vector<std::string> codes_of(const FileReading& reading) {
  std::vector<std::string> out;
  for (const FileError& error : reading.file.errors) out.push_back(error.code);
  return out;
}

}  // namespace carnet::inventory
