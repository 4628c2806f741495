#pragma once
// Server answers captured from Debian's OpenSSL 3.0 and OpenSSH 9.2, as hexadecimal text in
// tests/data.

#include <fstream>
#include <string>

#include "base/encoding.h"

namespace carnet::probe::test {

inline Bytes vector(const std::string& name) {
  std::ifstream file(std::string(CARNET_SOURCE_DIR) + "/src/probe/tests/data/" + name + ".hex");
  std::string text, line;
  while (std::getline(file, line)) text += line;
  const auto bytes = from_hex(text);
  EXPECT_TRUE(bytes && !bytes->empty()) << name;
  return bytes.value_or(Bytes{});
}

}  // namespace carnet::probe::test
