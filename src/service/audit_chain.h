#pragma once
// What makes the audit trail tamper-evident: the rows of a tenant (and the platform's own) form a
// chain in which each row's hash covers the row and the hash before it, and the chain's end is
// signed with the log's keys. docs/governance.md specifies the bytes.
//
// Rows are written without a place, in the transaction of what they tell; chaining them there would
// let every write of a tenant wait for the one before. AuditSealer places them afterwards, within
// about a second. Until then a row is not protected.

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/task.h"
#include "evidence/key_set.h"
#include "evidence/note.h"
#include "service/work_threads.h"
#include "store/repositories.h"

namespace carnet::service {

inline constexpr int kAuditSealRowsMax = 500;  // rows in one transaction of the sealer

// The canonical form (RFC 8785) of a row with its place, without its hash: what the hash is over.
[[nodiscard]] std::string audit_canonical(const store::AuditRow& row);
// SHA-256 over that, in lower-case hex. The first row's prev_hash is 64 zeros.
[[nodiscard]] std::string audit_hash(const store::AuditRow& row);
inline constexpr std::string_view kAuditNoHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

// The bytes that a head's signatures are over.
[[nodiscard]] std::string audit_head_message(const store::AuditHeadRow& head);
// {"head": {…}, "signatures": […]}: a head as it is exported. `signature` of the row holds it.
[[nodiscard]] std::string signed_audit_head(const store::AuditHeadRow& head,
                                            const evidence::HybridSignature& signature);

// Follows a chain row by row. A value; not shared between threads.
class AuditWalk {
 public:
  struct Fault {
    std::int64_t seq = 0;  // the first place that is wrong
    std::string reason;    // a sentence
  };
  // The next row in the order of seq. False, and fault() is set, if it does not follow.
  bool take(const store::AuditRow& row);
  // Whether the chain ends where the head says, and whether the head's signatures are good and by
  // log keys of `keys`.
  bool finish(const store::AuditHeadRow& head, const evidence::KeySet& keys);
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }
  [[nodiscard]] std::int64_t seq() const { return seq_; }  // rows that are in order
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  bool fail(std::int64_t seq, std::string reason);
  std::int64_t seq_ = 0;
  std::string hash_{kAuditNoHash};
  std::optional<Fault> fault_;
};

// Gives rows their places. Several may run at once, on other instances too: each step is decided by
// a conditional update of the head. Thread-safe.
class AuditSealer {
 public:
  // `signer` may be null (a server without keys): then heads are not signed. What is referred to
  // must outlive it.
  AuditSealer(store::Database& db, const Clock& clock, const Log& log,
              const evidence::Signer* signer);
  // Seals all that waits, of everybody; the number of rows. Called each second by the leader for
  // "audit". Goes on with the next tenant after an error and gives the first error.
  [[nodiscard]] Task<Result<int>> tick();
  // All rows of one tenant ("" for the platform) that are committed when it is called; the head
  // after.
  [[nodiscard]] Task<Result<store::AuditHeadRow>> seal(std::string tenant);
  // carnet_audit_unsealed_rows, carnet_audit_unsealed_oldest_seconds,
  // carnet_audit_seal_failures_total, carnet_audit_sealed_rows_total; the first two as of the last
  // tick of this instance.
  void report(MetricText& out);
  void stop();

 private:
  struct Step {
    store::AuditHeadRow from, to;
    std::vector<store::AuditRow> rows;
  };
  [[nodiscard]] Task<Result<Step>> next_step(std::string tenant);

  store::Database& db_;
  const Clock& clock_;
  const Log& log_;
  const evidence::Signer* signer_;
  WorkThreads threads_;
  std::atomic<std::int64_t> unsealed_{0}, oldest_at_ms_{0};
  std::atomic<std::uint64_t> failures_{0}, sealed_{0};
};

}  // namespace carnet::service
