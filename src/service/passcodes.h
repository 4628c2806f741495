#pragma once
// Passcodes of share links, kept as Argon2id (RFC 9106) with two passes over 19 MiB, the first
// choice of OWASP's password storage guidance. What is hashed is keyed with a secret of the server
// first, so that a copy of the database alone does not allow guessing. The work is done on threads
// of its own, at most one for each core at once, so that memory stays bounded. Thread-safe.

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/secret.h"
#include "service/work_threads.h"

namespace carnet::service {

class Passcodes {
 public:
  Passcodes(Random& random, const Secret& pepper, int threads);

  // "$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH", salt and hash in base64 without padding (PHC string
  // format). kUnavailable if too many wait.
  [[nodiscard]] Task<Result<std::string>> hash(Secret passcode);
  // Whether `passcode` is the one that `stored` was made from. The comparison takes the same time
  // whatever it finds.
  [[nodiscard]] Task<Result<bool>> verify(Secret passcode, std::string stored);
  void report(MetricText& out) { threads_.report(out, "passcodes"); }
  void stop() { threads_.stop(); }

  static constexpr std::size_t kCharsMin = 8;
  static constexpr std::size_t kCharsMax = 128;

 private:
  Random& random_;
  Secret key_;
  WorkThreads threads_;
};

}  // namespace carnet::service
