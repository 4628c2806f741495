#pragma once
// What a tenant takes away: its audit trail as NDJSON or CSV, and everything as a ZIP. Both are
// read from the database page by page while they are sent, so that their length costs no memory.
// The trail ends with the row that was the last when it was asked for. The ZIP is one state of the
// database (store/snapshot.h), and its trail, sealed afterwards, tells of everything in it.
//
// A source is used by one coroutine at a time. Limits: a ZIP that takes longer than kExportTimeMax
// breaks off, because a snapshot keeps the database from tidying up.

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "service/audit_chain.h"
#include "service/work_threads.h"
#include "service/zip_stream.h"
#include "store/governance.h"
#include "store/repositories.h"
#include "store/snapshot.h"

namespace carnet::service {

// Text that is made while it is sent. nullopt at the end; after an error there is no more.
class TextSource {
 public:
  virtual ~TextSource() = default;
  [[nodiscard]] virtual Task<Result<std::optional<std::string>>> next() = 0;
};

enum class AuditFormat { kNdjson, kCsv };

// A row's line with its newline: NDJSON is the canonical form that is hashed, with "hash" beside.
[[nodiscard]] std::string audit_line(const store::AuditRow& row);
// The last line of NDJSON: {"head", "signatures"}.
[[nodiscard]] std::string audit_head_line(const store::AuditHeadRow& head);

// What an exported trail (NDJSON) is, checked without its service.
struct AuditFileVerdict {
  std::string tenant;  // "" for the platform's
  std::int64_t rows = 0;
  store::AuditHeadRow head;
  std::optional<AuditWalk::Fault> fault;
};
// kValidationFailed with a sentence if a line is none of an export, or the head is missing.
[[nodiscard]] Result<AuditFileVerdict> check_audit_lines(std::istream& lines,
                                                         const evidence::KeySet& keys);

// Rows 1 to head.seq of "" (the platform) or a tenant.
class AuditExport final : public TextSource {
 public:
  AuditExport(store::Database& db, std::string tenant, store::AuditHeadRow head,
              AuditFormat format);
  Task<Result<std::optional<std::string>>> next() override;
  [[nodiscard]] std::int64_t rows() const { return seq_; }  // given so far

 private:
  store::Database& db_;
  std::string tenant_;
  store::AuditHeadRow head_;
  AuditFormat format_;
  std::int64_t seq_ = 0;
  enum class Stage { kBegin, kRows, kEnd } stage_ = Stage::kBegin;
};

// How long a ZIP may take, from its snapshot on.
inline constexpr std::chrono::minutes kExportTimeMax{30};

class TenantExport final : public TextSource {
 public:
  // A snapshot and what it says of the tenant.
  struct Begin {
    std::unique_ptr<store::Snapshot> snapshot;
    Timestamp at{};
    store::TenantRow tenant;
  };
  // `threads` reads and packs; it and `db` and `clock` outlive this. `head` is of the trail, sealed
  // after the snapshot.
  TenantExport(store::Database& db, const Clock& clock, WorkThreads& threads, Begin begin,
               store::AuditHeadRow head);
  ~TenantExport() override;
  TenantExport(const TenantExport&) = delete;
  TenantExport& operator=(const TenantExport&) = delete;
  // Pieces of at most 256 KiB. kUnavailable once kExportTimeMax is over.
  Task<Result<std::optional<std::string>>> next() override;

 private:
  enum class Stage { kBegin, kTables, kAudit, kEnd, kDone };
  struct Packing;  // what the thread works on

  [[nodiscard]] Task<Result<void>> produce();
  [[nodiscard]] Task<Result<void>> next_page();
  [[nodiscard]] Task<Result<void>> next_audit();
  void write_beginning();
  void write_manifest();

  const Clock& clock_;
  WorkThreads& threads_;
  store::TenantRow tenant_;
  store::AuditHeadRow head_;
  Timestamp begun_;
  std::shared_ptr<Packing> packing_;
  AuditExport audit_;
  Stage stage_ = Stage::kBegin;
  std::size_t table_ = 0;
  std::string ready_;  // made and not yet given, from sent_ on
  std::size_t sent_ = 0;
};

}  // namespace carnet::service
