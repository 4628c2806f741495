#include "service/tenant_export.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "base/packed_text.h"
#include "service/audit_chain.h"

namespace carnet::service {
namespace {

constexpr int kAuditRowsAtOnce = 500;
constexpr std::size_t kPieceBytesMax = std::size_t{256} * 1024;
constexpr std::string_view kSchema = "carnet-tenant-export-v1";
constexpr std::string_view kReadme =
    "This is everything that Carnet keeps of one tenant.\r\n"
    "\r\n"
    "Each .ndjson file holds one kind of object, one JSON object a line, in the order of its "
    "ids.\r\n"
    "Times are RFC 3339 in UTC; columns that held JSON are JSON; bytes are base64.\r\n"
    "manifest.json lists every file with its number of lines, its size and its SHA-256.\r\n"
    "An archive without manifest.json is not whole: ask for it again.\r\n"
    "audit.ndjson is the audit trail with its hash chain; its last line is the signed head.\r\n"
    "Check it with: carnet audit verify audit.ndjson --keys carnet-keys.json\r\n"
    "Not in here: keys' and links' secrets, passcodes, webhooks' addresses and secrets; and "
    "what\r\n"
    "follows from what is here (indexes) or lasts for a day at most (kept answers).\r\n"
    "\r\n"
    "All files but the audit trail are one state of the database, that of snapshotAt in\r\n"
    "manifest.json. The trail was sealed after it: it tells of everything that is in here, and "
    "may\r\n"
    "end some entries later.\r\n";

// "secret_mac" becomes "secretMac".
std::string camel(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_' && i + 1 < name.size()) {
      ++i;
      out += static_cast<char>(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    } else {
      out += name[i];
    }
  }
  return out;
}

// JSON without line ends between its tokens, which NDJSON does not allow; what we store has none,
// what another wrote may.
std::string one_line(const std::string& text) {
  if (text.find_first_of("\r\n") == std::string::npos) return text;
  const auto parsed = json::parse(text);
  if (parsed) return json::write(*parsed);
  std::string quoted;
  json::append_string(quoted, text);
  return quoted;
}

void append_cell(std::string& line, const store::governance::Cell& cell, store::ColumnForm form) {
  using store::ColumnForm;
  if (const auto* number = std::get_if<std::int64_t>(&cell)) {
    if (form == ColumnForm::kTime)
      json::append_string(line, to_rfc3339(from_millis(*number)));
    else if (form == ColumnForm::kFlag)
      line += *number != 0 ? "true" : "false";
    else
      line += std::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    json::write_to(line, *real);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    if (form == ColumnForm::kBytes)
      json::append_string(line, to_base64(as_bytes(*text)));
    else if (form == ColumnForm::kJson)
      line += text->empty() ? "null" : one_line(*text);
    else
      json::append_string(line, *text);
  } else {
    line += "null";
  }
}

// One row, as a line of the archive's entry.
Result<void> add_row(ZipStream& zip, const store::TenantTable& table,
                     const std::vector<store::governance::Cell>& cells) {
  std::string line;
  std::size_t at = 0;
  for (const store::TenantColumn& column : table.columns) {
    if (column.form == store::ColumnForm::kWithheld) continue;
    const store::governance::Cell& cell = cells[at];
    line += fmt::format("{}\"{}\":", at == 0 ? "{" : ",", camel(column.name));
    ++at;
    const auto* packed = std::get_if<std::string>(&cell);
    if (column.form == store::ColumnForm::kPacked && packed != nullptr) {
      zip.add(line);
      line.clear();
      const auto sink = [&zip](std::string_view piece) { zip.add(piece); };
      CARNET_TRY_VOID(unpack_text_to(*packed, sink));
      continue;
    }
    append_cell(line, cell, column.form);
  }
  line += "}\n";
  zip.add(line);
  return {};
}

std::string csv_cell(std::string_view text) {
  std::string out = "\"";
  // A spreadsheet must not take it for a formula (docs/evidence.md).
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    out += '\'';
  for (const char c : text) {
    out += c;
    if (c == '"') out += '"';
  }
  out += '"';
  return out;
}

std::string csv_line(const store::AuditRow& row) {
  const std::array<std::string, 15> cells = {std::to_string(row.seq),
                                             row.id.str(),
                                             to_rfc3339(row.at),
                                             row.actor,
                                             row.key_id,
                                             row.role,
                                             row.action,
                                             row.subject,
                                             row.request_id,
                                             row.detail,
                                             row.before,
                                             row.after,
                                             row.tenant_id,
                                             row.prev_hash,
                                             row.hash};
  std::string line;
  for (const std::string& cell : cells) line += (line.empty() ? "" : ",") + csv_cell(cell);
  return line + "\r\n";
}

constexpr std::string_view kCsvHead =
    "\"seq\",\"id\",\"at\",\"actor\",\"keyId\",\"role\",\"action\",\"subject\",\"requestId\","
    "\"detail\",\"before\",\"after\",\"tenantId\",\"prevHash\",\"hash\"\r\n";

}  // namespace

std::string audit_line(const store::AuditRow& row) {
  std::string line = audit_canonical(row);
  line.insert(line.size() - 1, fmt::format(",\"hash\":\"{}\"", row.hash));
  return line + "\n";
}

std::string audit_head_line(const store::AuditHeadRow& head) {
  if (!head.signature.empty()) return head.signature + "\n";
  return fmt::format("{{\"head\":{},\"signatures\":[]}}\n", audit_head_message(head));
}

// ---- The trail
// ------------------------------------------------------------------------------------------------------

AuditExport::AuditExport(store::Database& db, std::string tenant, store::AuditHeadRow head,
                         AuditFormat format)
    : db_(db), tenant_(std::move(tenant)), head_(std::move(head)), format_(format) {}

Task<Result<std::optional<std::string>>> AuditExport::next() {
  using Rows = std::vector<store::AuditRow>;
  using Piece = std::optional<std::string>;
  if (stage_ == Stage::kEnd) co_return Piece{};
  std::string text;
  if (stage_ == Stage::kBegin && format_ == AuditFormat::kCsv) text = kCsvHead;
  stage_ = Stage::kRows;
  const int limit = static_cast<int>(std::min<std::int64_t>(head_.seq - seq_, kAuditRowsAtOnce));
  Rows rows;
  if (limit > 0) {
    const auto work = [tenant = tenant_, seq = seq_,
                       limit](store::Connection& connection) -> Result<Rows> {
      return store::audit::sealed_after(connection, tenant, seq, limit);
    };
    CARNET_CO_TRY(page, co_await db_.read<Rows>(work));
    rows = std::move(page);
  }
  for (const store::AuditRow& row : rows)
    text += format_ == AuditFormat::kCsv ? csv_line(row) : audit_line(row);
  if (!rows.empty()) seq_ = rows.back().seq;
  // Rows that are missing are not made up for: whoever checks the file sees it.
  if (rows.empty() || seq_ >= head_.seq) {
    stage_ = Stage::kEnd;
    if (format_ == AuditFormat::kNdjson) text += audit_head_line(head_);
  }
  co_return Piece(std::move(text));
}

// ---- Everything
// -----------------------------------------------------------------------------------------------------

// All that the thread touches; it may be at work when the export is dropped.
struct TenantExport::Packing {
  explicit Packing(Timestamp at) : zip(at) {}

  void begin_entry(std::string name) {
    zip.begin(std::move(name));
    open = true;
    rows = 0;
    after.clear();
  }
  void end_entry() {
    const ZipStream::Entry entry = zip.end();
    files.push_back(boost::json::object{
        {"name", entry.name}, {"rows", rows}, {"bytes", entry.bytes}, {"sha256", entry.sha256}});
    open = false;
  }
  // Reads one page of a table into its entry; true if it was the last.
  Result<bool> add_page(const store::TenantTable& table, const TenantId& tenant) {
    using Page = store::governance::TablePage;
    if (!open) begin_entry(table.kind + ".ndjson");
    const auto work = [this, &table, &tenant](store::Connection& connection) -> Result<Page> {
      return store::governance::read_page(connection, table, tenant, after);
    };
    CARNET_TRY(page, snapshot->read<Page>(work));
    for (const auto& cells : page.rows) CARNET_TRY_VOID(add_row(zip, table, cells));
    rows += static_cast<std::int64_t>(page.rows.size());
    after = std::move(page.last);
    if (page.rows.size() == static_cast<std::size_t>(table.page_rows)) return false;
    end_entry();
    return true;
  }

  std::unique_ptr<store::Snapshot> snapshot;
  ZipStream zip;
  boost::json::array files;
  bool open = false;  // an entry is begun
  std::int64_t rows = 0;
  std::vector<store::governance::KeyValue> after;
};

TenantExport::TenantExport(store::Database& db, const Clock& clock, WorkThreads& threads,
                           Begin begin, store::AuditHeadRow head)
    : clock_(clock),
      threads_(threads),
      tenant_(std::move(begin.tenant)),
      head_(std::move(head)),
      begun_(begin.at),
      packing_(std::make_shared<Packing>(begun_)),
      audit_(db, tenant_.id.str(), head_, AuditFormat::kNdjson) {
  packing_->snapshot = std::move(begin.snapshot);
}

TenantExport::~TenantExport() = default;

Task<Result<void>> TenantExport::next_page() {
  const store::TenantTable& table = store::tenant_tables()[table_];
  if (table.kind.empty()) {
    ++table_;
    co_return Result<void>{};
  }
  const auto ended = std::make_shared<Result<bool>>(false);
  const auto work = [packing = packing_, ended, &table, tenant = tenant_.id] {
    *ended = packing->add_page(table, tenant);
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(work));
  if (!*ended) co_return tl::unexpected(ended->error());
  if (**ended) ++table_;
  co_return Result<void>{};
}

Task<Result<void>> TenantExport::next_audit() {
  if (!packing_->open) packing_->begin_entry("audit.ndjson");
  CARNET_CO_TRY(piece, co_await audit_.next());
  if (piece) {
    const auto pack = [packing = packing_, text = std::move(*piece)] { packing->zip.add(text); };
    co_return co_await threads_.run(pack);
  }
  packing_->rows = audit_.rows() + 1;  // with the head
  packing_->end_entry();
  stage_ = Stage::kEnd;
  co_return Result<void>{};
}

void TenantExport::write_beginning() {
  Packing& packing = *packing_;
  packing.begin_entry("README.txt");
  packing.zip.add(kReadme);
  packing.end_entry();
  const boost::json::object tenant{{"id", tenant_.id.str()},
                                   {"name", tenant_.name},
                                   {"slug", tenant_.slug},
                                   {"createdAt", to_rfc3339(tenant_.created_at)},
                                   {"state", store::to_string(tenant_.state)}};
  packing.begin_entry("tenant.ndjson");
  packing.zip.add(json::write(tenant) + "\n");
  packing.rows = 1;
  packing.end_entry();
  packing.begin_entry("settings.ndjson");
  packing.zip.add(fmt::format("{{\"settings\":{},\"authorizedTargets\":{}}}\n",
                              one_line(tenant_.settings), one_line(tenant_.authorized_targets)));
  packing.rows = 1;
  packing.end_entry();
}

void TenantExport::write_manifest() {
  const boost::json::object manifest{{"schema", kSchema},
                                     {"tenantId", tenant_.id.str()},
                                     {"snapshotAt", to_rfc3339(begun_)},
                                     {"finishedAt", to_rfc3339(clock_.now())},
                                     {"auditHead", {{"seq", head_.seq}, {"hash", head_.hash}}},
                                     {"files", packing_->files}};
  packing_->zip.begin("manifest.json");
  packing_->zip.add(json::write_pretty(manifest));
  packing_->zip.end();
  packing_->zip.finish();
}

Task<Result<void>> TenantExport::produce() {
  switch (stage_) {
    case Stage::kBegin:
      write_beginning();
      stage_ = Stage::kTables;
      break;
    case Stage::kTables: {
      if (table_ < store::tenant_tables().size()) co_return co_await next_page();
      packing_->snapshot.reset();
      stage_ = Stage::kAudit;
      break;
    }
    case Stage::kAudit:
      co_return co_await next_audit();
    case Stage::kEnd:
      write_manifest();
      stage_ = Stage::kDone;
      break;
    case Stage::kDone:
      break;
  }
  co_return Result<void>{};
}

Task<Result<std::optional<std::string>>> TenantExport::next() {
  using Piece = std::optional<std::string>;
  if (packing_->snapshot && clock_.now() - begun_ > kExportTimeMax)
    co_return make_error(ErrorCode::kUnavailable,
                         "The export took too long and was broken off; take it over a faster "
                         "connection, or with less else going on.");
  while (sent_ == ready_.size() && stage_ != Stage::kDone) {
    CARNET_CO_TRY_VOID(co_await produce());
    ready_ = packing_->zip.take();
    sent_ = 0;
  }
  if (sent_ == ready_.size()) co_return Piece{};
  std::string piece = ready_.substr(sent_, kPieceBytesMax);
  sent_ += piece.size();
  co_return Piece(std::move(piece));
}

}  // namespace carnet::service
