#pragma once
// Verifying what somebody hands in, and what this server issued itself, against the keys that it
// publishes and the log that it keeps. Thread-safe. Parsing and checking run on threads of their
// own, so that a large document holds up nobody's answer; what does not find room there is refused.

#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "evidence/verify.h"
#include "service/passports.h"
#include "service/work_threads.h"

namespace carnet::service {

class Verification {
 public:
  static constexpr std::size_t kStrangersFilesMax = 64;
  static constexpr std::size_t kStrangersFileBytesMax = std::size_t{64} * 1024 * 1024;
  static constexpr std::size_t kStrangersBundleBytesMax = std::size_t{128} * 1024 * 1024;
  Verification(const Clock& clock, Passports& passports);

  struct Handed {
    std::string document;  // see evidence::VerifyInput
    std::string passport;  // for a file that carries none; or ""
    // What a stranger's bundle may unpack to; our own are read whole.
    evidence::BundleLimits bundle_limits{.entries_max = kStrangersFilesMax,
                                         .entry_bytes_max = kStrangersFileBytesMax,
                                         .total_bytes_max = kStrangersBundleBytesMax};
  };
  // kUnavailable if too many wait. A document that is forged or unreadable is no error.
  [[nodiscard]] Task<Result<evidence::Verification>> check(Handed handed);

  // The bundle of a scan of our own, and the compact proof of its report. The caller has checked
  // whose scan it is. kNotFound: it has no passport.
  struct OfScan {
    evidence::Verification verification;
    evidence::CompactProof proof;
  };
  [[nodiscard]] Task<Result<OfScan>> check_scan(ScanId scan);

  // Before the contexts of waiting coroutines are destroyed.
  void report(MetricText& out) { threads_.report(out, "verification"); }
  void stop() { threads_.stop(); }

 private:
  // What our own log says about a document that names it.
  struct FromLog {
    std::string proof;
    std::optional<evidence::KnownLogHead> head;
    bool absent = false;
  };
  [[nodiscard]] Task<Result<FromLog>> ask_log(std::optional<evidence::Glance> glance);

  const Clock& clock_;
  Passports& passports_;
  WorkThreads threads_;
};

}  // namespace carnet::service
