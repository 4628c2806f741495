#pragma once
// Files handed in over the network: what they hold is read at once, on a thread of its own, and
// what is kept for 24 h is the observation alone, for scans that name the session. No byte of a
// file is stored or logged. Thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task.h"
#include "inventory/file_reader.h"
#include "service/context.h"
#include "service/work_threads.h"
#include "store/database.h"
#include "store/uploads.h"

namespace carnet::service {

inline constexpr std::chrono::hours kUploadLifetime{24};
inline constexpr int kUploadsPerTenantMax = 100;
inline constexpr std::size_t kUploadEntriesMax = 10000;  // of all files of one upload

class Uploads {
 public:
  Uploads(store::Database& db, const Clock& clock, Random& random);

  struct File {
    std::string name;        // for the result; "" is "upload"
    std::string_view bytes;  // lives as long as the call
  };
  struct FileFault {
    std::string file;
    inventory::FileError error;
  };
  struct FileSummary {
    std::string name, format;
    int entries = 0;    // certificates, keys and what else stands for itself
    int endpoints = 0;  // rows of a list
  };
  struct Receipt {
    store::UploadId id;
    Timestamp expires_at{};
    int entry_count = 0;     // everything that was read
    int endpoint_count = 0;  // of it rows of endpoint lists
    std::vector<FileSummary> files;
    std::vector<FileFault> faults;
  };
  // kValidationFailed if nothing in any file can be used (naming each), kConflict if the tenant has
  // too many sessions, kUnavailable if too many uploads wait. A part that cannot be read is a
  // fault of the receipt.
  [[nodiscard]] Task<Result<Receipt>> accept(const Actor& actor, std::vector<File> files,
                                             Secret passphrase);

  [[nodiscard]] Task<void> purge();  // drops what has expired; called every few minutes
  // Before the contexts of waiting coroutines are destroyed.
  void report(MetricText& out) { threads_.report(out, "uploads"); }
  void stop() { threads_.stop(); }

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  WorkThreads threads_;
};

}  // namespace carnet::service
