#pragma once
// SHA-256 (FIPS 180-4) of what comes in pieces. Belongs to one thread.

#include <memory>
#include <string>
#include <string_view>

#include "crypto/hash.h"

namespace carnet::crypto {

class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  ~Sha256Stream();

  void add(std::string_view piece);
  [[nodiscard]] Digest256 finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carnet::crypto
