#include "service/uploads.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "inventory/endpoint_json.h"
#include "net/target.h"
#include "probe/engine.h"
#include "service/audit.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr WorkThreads::Limits kThreads{.threads = 1, .waiting_max = 16};
constexpr int kPurgeAtOnce = 100;           // limit: internal
constexpr std::size_t kFaultsMax = 1000;    // of all files of one upload
constexpr std::size_t kNameBytesMax = 255;  // limit: internal

// What was read of all files, on the way to a row.
struct Digested {
  Uploads::Receipt receipt;
  bj::array targets;
  bj::array endpoints;
  std::vector<FieldError> refused;
};

class Digester {
 public:
  explicit Digester(const Secret& passphrase) : passphrase_(passphrase) {}

  void add(const Uploads::File& file, std::size_t index) {
    const std::string name =
        file.name.empty() ? std::string("upload") : file.name.substr(0, kNameBytesMax);
    const auto reading =
        inventory::read_file({.name = name,
                              .bytes = as_bytes(file.bytes),
                              .passphrase = passphrase_.empty() ? nullptr : &passphrase_});
    if (!reading) return refuse(name, index, reading.error().public_detail);
    Uploads::FileSummary summary{
        .name = reading->file.name, .format = reading->file.format, .entries = 0, .endpoints = 0};
    for (const inventory::FileError& error : reading->file.errors) fault(summary.name, error);
    for (const inventory::ListedEndpoint& row : reading->listed) list(row, summary);
    summary.entries = static_cast<int>(reading->file.entries.size());
    if (reading->jwks) summary.entries += static_cast<int>(reading->jwks->keys.size());
    keep(*reading, summary, index);
    out_.receipt.files.push_back(std::move(summary));
  }

  Digested take() { return std::move(out_); }

 private:
  void refuse(const std::string& name, std::size_t index, std::string detail) {
    out_.refused.push_back({.field = "file",
                            .pointer = fmt::format("/{}", index),
                            .code = "unsupported_file",
                            .detail = fmt::format("\"{}\": {}", name, detail)});
    fault(name, {.line = 0, .offset = 0, .code = "unsupported_file", .detail = std::move(detail)});
  }

  void fault(const std::string& name, inventory::FileError error) {
    if (out_.receipt.faults.size() < kFaultsMax) {
      out_.receipt.faults.push_back({.file = name, .error = std::move(error)});
    }
  }

  // A row is kept if a scan could take it.
  void list(const inventory::ListedEndpoint& row, Uploads::FileSummary& summary) {
    const auto bad = [&](std::string code, std::string detail) {
      fault(summary.name,
            {.line = row.line, .offset = 0, .code = std::move(code), .detail = std::move(detail)});
    };
    if (out_.targets.size() >= inventory::kListedEndpointsMax) return;
    auto target = net::parse_target(row.target);
    if (!target) {
      return bad("invalid_target",
                 fmt::format("\"{}\": {}", row.target, target.error().public_detail));
    }
    const probe::PlanRequest plan{
        .targets = {},
        .kinds = row.kind.empty() ? std::vector<std::string>{} : std::vector{row.kind},
        .ports = {}};
    if (!probe::plan(plan)) {
      return bad("unknown_kind", fmt::format("\"{}\" is no kind that can be scanned.", row.kind));
    }
    ++summary.endpoints;
    ++out_.receipt.endpoint_count;
    ++out_.receipt.entry_count;
    out_.targets.push_back({{"target", target->key()}, {"kind", row.kind}});
  }

  void keep(const inventory::FileReading& reading, Uploads::FileSummary& summary,
            std::size_t index) {
    if (entries_ + static_cast<std::size_t>(summary.entries) > kUploadEntriesMax) {
      return refuse(summary.name, index,
                    fmt::format("One upload may hold at most {} entries.", kUploadEntriesMax));
    }
    entries_ += static_cast<std::size_t>(summary.entries);
    out_.receipt.entry_count += summary.entries;
    if (summary.entries == 0) return;
    if (const auto endpoint = inventory::file_endpoint(reading)) {
      out_.endpoints.push_back(inventory::endpoint_to_json(*endpoint));
    }
  }

  const Secret& passphrase_;
  Digested out_;
  std::size_t entries_ = 0;
};

Error nothing_usable(Digested& digested) {
  std::vector<FieldError> fields = std::move(digested.refused);
  for (const Uploads::FileFault& fault : digested.receipt.faults) {
    if (fields.size() >= 20) break;
    if (fault.error.code == "unsupported_file") continue;
    const std::string where =
        fault.error.line > 0 ? fmt::format("line {}: ", fault.error.line) : "";
    fields.push_back(
        {.field = "file",
         .pointer = "",
         .code = fault.error.code,
         .detail = fmt::format("\"{}\": {}{}", fault.file, where, fault.error.detail)});
  }
  if (fields.empty()) {
    fields.push_back({.field = "file",
                      .pointer = "",
                      .code = "empty",
                      .detail = "must hold a certificate, a key or an endpoint"});
  }
  return make_validation_error(std::move(fields)).value();
}

}  // namespace

Uploads::Uploads(store::Database& db, const Clock& clock, Random& random)
    : db_(db), clock_(clock), random_(random), threads_(kThreads) {}

Task<Result<Uploads::Receipt>> Uploads::accept(const Actor& actor, std::vector<File> files,
                                               Secret passphrase) {
  const auto given = std::make_shared<const std::vector<File>>(std::move(files));
  const auto secret = std::make_shared<const Secret>(std::move(passphrase));
  const auto digested = std::make_shared<Digested>();
  const auto texts = std::make_shared<std::pair<std::string, std::string>>();
  const std::function<void()> work = [given, secret, digested, texts] {
    Digester digester(*secret);
    for (std::size_t i = 0; i < given->size(); ++i) digester.add((*given)[i], i);
    *digested = digester.take();
    texts->first = json::write(digested->targets);
    texts->second = json::write(digested->endpoints);
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(work));
  if (digested->receipt.entry_count == 0) co_return tl::unexpected(nothing_usable(*digested));

  store::UploadRow row;
  row.created_at = clock_.now();
  row.expires_at = row.created_at + kUploadLifetime;
  row.id = store::UploadId::generate(row.created_at, random_);
  row.tenant_id = actor.tenant;
  row.created_by = actor.audit_name();
  row.file_count = static_cast<int>(digested->endpoints.size());
  row.targets = std::move(texts->first);
  row.endpoints = std::move(texts->second);
  bj::object detail;
  detail["files"] = digested->receipt.files.size();
  detail["entries"] = digested->receipt.entry_count;
  detail["endpoints"] = digested->receipt.endpoint_count;
  const store::AuditRow trail =
      audit_row(actor, "upload.create", row.id.str(), json::write(detail), row.created_at, random_);
  const auto put = [row, trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.lock("uploads/" + row.tenant_id.str()));
    CARNET_TRY(have, store::uploads::count(connection, row.tenant_id, row.created_at));
    if (have >= kUploadsPerTenantMax) {
      return make_error(ErrorCode::kConflict,
                        fmt::format("This tenant has {} uploads already; each ends after 24 hours.",
                                    kUploadsPerTenantMax));
    }
    CARNET_TRY_VOID(store::uploads::insert(connection, row));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(put));
  Receipt receipt = std::move(digested->receipt);
  receipt.id = row.id;
  receipt.expires_at = row.expires_at;
  co_return receipt;
}

Task<void> Uploads::purge() {
  const Timestamp now = clock_.now();
  const auto work = [now](store::Connection& connection) -> Result<int> {
    return store::uploads::purge(connection, now, kPurgeAtOnce);
  };
  for (;;) {
    const Result<int> dropped = co_await db_.write<int>(work);
    if (!dropped || *dropped < kPurgeAtOnce) co_return;
  }
}

}  // namespace carnet::service
