#include "service/passports.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/memory.h"
#include "evidence/artifact_set.h"
#include "service/passport_files.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr std::size_t kEndpointsWorthTrimming = 1000;

tl::unexpected<Error> no_passport() {
  return make_error(ErrorCode::kNotFound,
                    "This scan has no passport: it did not end in success, or it was made before "
                    "this server had signing keys.");
}

// What the signed file of a format is called; "" for those that are none.
std::string_view name_of(ArtifactFormat format) {
  switch (format) {
    case ArtifactFormat::kJson:
      return evidence::kReportJsonName;
    case ArtifactFormat::kCsv:
      return evidence::kAssetsCsvName;
    case ArtifactFormat::kPdf:
      return evidence::kReportPdfName;
    case ArtifactFormat::kCbom:
      return evidence::kCbomName;
    case ArtifactFormat::kSarif:
      return evidence::kSarifName;
    case ArtifactFormat::kBundle:
      return "";
  }
}

// What sign() needs from the store.
struct ChainFacts {
  std::string tenant_name;
  std::optional<store::ChainHead> head;
};

Result<ChainFacts> read_chain(store::Connection& connection, const TenantId& tenant,
                              const std::string& target_set) {
  CARNET_TRY(row, store::tenants::find(connection, tenant));
  if (!row) return make_error(ErrorCode::kNotFound, "There is no such tenant.");
  ChainFacts facts;
  facts.tenant_name = read_settings(row->settings).branding_name;
  if (facts.tenant_name.empty()) facts.tenant_name = row->name;
  CARNET_TRY(head, store::passports::chain_head(connection, tenant, target_set));
  facts.head = std::move(head);
  return facts;
}

struct SignJob {
  PassportDraftPtr draft;
  evidence::Issue issue;
  Random& random;
};

Task<Result<evidence::Envelope>> sign_there(SignJob job) {
  const SigningPair& pair = job.draft->keys->passport;
  CARNET_CO_TRY(statement,
                evidence::passport_statement(*job.draft->document, job.draft->subjects, job.issue));
  co_return evidence::sign_passport(std::move(statement),
                                    {.ed25519 = pair.ed25519, .mldsa = pair.mldsa}, job.random);
}

Result<std::optional<Artifact>> read_artifact(store::Connection& connection, const ScanId& scan,
                                              ArtifactFormat format, std::size_t room = 0) {
  CARNET_TRY(row, store::passports::find_file(connection, scan, name_of(format)));
  if (!row) return std::optional<Artifact>{};
  CARNET_TRY(bytes, unpack_file(*row, room));
  Artifact artifact = artifact_head(scan.str(), format);
  artifact.bytes = std::move(bytes);
  artifact.sha256 = row->sha256;
  return std::optional<Artifact>(std::move(artifact));
}

Result<Artifact> packed_bundle(const ScanId& scan, std::vector<evidence::BundleEntry> entries) {
  CARNET_TRY(bytes, evidence::bundle_of(std::move(entries)));
  Artifact artifact = artifact_head(scan.str(), ArtifactFormat::kBundle);
  artifact.filename = fmt::format("carnet-evidence-{}.zip", scan.str());
  artifact.sha256 = crypto::sha256_hex(bytes);
  artifact.bytes = std::move(bytes);
  return artifact;
}

}  // namespace

Passports::Passports(store::Database& db, const Clock& clock, Random& random,
                     const SigningKeys& keys, Transparency& log)
    : db_(db), clock_(clock), random_(random), keys_(keys), log_(log) {}

Result<PassportDraftPtr> Passports::draft(
    std::shared_ptr<const inventory::ScanDocument> document) const {
  auto draft = std::make_shared<PassportDraft>();
  draft->keys = keys_.current();
  if (!draft->keys) return PassportDraftPtr{};
  draft->document = std::move(document);
  draft->target_set = evidence::target_set_of(*draft->document);
  std::vector<store::PassportFileRow>& files = draft->files;
  for (evidence::ArtifactSource& source : evidence::artifact_sources()) {
    FilePacker packer(std::move(source.name), std::move(source.media_type));
    CARNET_TRY_VOID(
        source.write(*draft->document, [&packer](std::string_view piece) { packer.add(piece); }));
    files.push_back(packer.finish());
    // What one file left behind is not to stand beside the next.
    if (draft->document->endpoints.size() >= kEndpointsWorthTrimming) give_back_memory();
  }
  for (evidence::NamedArtifact& guide : evidence::guide_of(*draft->document))
    files.push_back(
        pack_file(std::move(guide.name), std::move(guide.media_type), std::move(guide.bytes)));
  files.push_back(
      pack_file(std::string(evidence::kKeysName), "application/json", draft->keys->published_json));
  const auto by_name = [](const store::PassportFileRow& a, const store::PassportFileRow& b) {
    return a.name < b.name;
  };
  std::sort(files.begin(), files.end(), by_name);
  for (const store::PassportFileRow& file : files)
    draft->subjects.push_back({.name = file.name, .sha256 = file.sha256});
  return PassportDraftPtr(std::move(draft));
}

Task<Result<SignedPassportPtr>> Passports::sign(TenantId tenant, ScanId scan,
                                                PassportDraftPtr draft,
                                                boost::asio::any_io_executor work) {
  const auto read = [tenant, draft](store::Connection& connection) -> Result<ChainFacts> {
    return read_chain(connection, tenant, draft->target_set);
  };
  CARNET_CO_TRY(facts, co_await db_.read<ChainFacts>(read));
  CARNET_CO_TRY(origin, co_await log_.origin());
  evidence::Issue issue;
  issue.issuer_url = issuer_url_;
  issue.tenant_name = std::move(facts.tenant_name);
  issue.log_origin = std::move(origin);
  // The clock may have been set back since the keys were made.
  issue.issued_at = std::max(clock_.now(), draft->keys->passport.not_before);
  if (facts.head)
    issue.previous =
        evidence::PreviousPassport{.sha256 = facts.head->sha256, .scan_id = facts.head->scan_id};
  const Timestamp issued_at = issue.issued_at;
  SignJob job{.draft = draft, .issue = std::move(issue), .random = random_};
  Task<Result<evidence::Envelope>> signing = sign_there(std::move(job));
  CARNET_CO_TRY(envelope, co_await boost::asio::co_spawn(work, std::move(signing),
                                                         boost::asio::use_awaitable));
  auto out = std::make_shared<SignedPassport>();
  out->digest = evidence::envelope_digest(envelope);
  out->previous = std::move(facts.head);
  out->row.scan_id = scan;
  out->row.tenant_id = tenant;
  out->row.target_set = draft->target_set;
  out->row.sha256 = to_hex(out->digest);
  out->row.envelope = evidence::envelope_json(envelope);
  out->row.issued_at = issued_at;
  out->row.not_after = issued_at + evidence::kPassportLife;
  co_return SignedPassportPtr(std::move(out));
}

Result<bool> Passports::still_next(store::Connection& connection, const SignedPassport& passport) {
  // Of two that end at once, the second is to see the first.
  CARNET_TRY_VOID(
      connection.lock("chain/" + passport.row.tenant_id.str() + '/' + passport.row.target_set));
  CARNET_TRY(head, store::passports::chain_head(connection, passport.row.tenant_id,
                                                passport.row.target_set));
  return head == passport.previous;
}

Result<void> Passports::store(store::Connection& connection, const PassportDraft& draft,
                              const SignedPassport& passport) const {
  CARNET_TRY(entry, log_.append(connection, passport.digest));
  store::PassportRow row = passport.row;
  row.log_index = static_cast<std::int64_t>(entry.index);
  CARNET_TRY_VOID(store::passports::insert(connection, row));
  for (const store::PassportFileRow& file : draft.files)
    CARNET_TRY_VOID(store::passports::insert_file(connection, row.scan_id, file));
  return {};
}

Task<Result<std::optional<Artifact>>> Passports::artifact(ScanId scan, ArtifactFormat format) {
  using Found = std::optional<Artifact>;
  if (format == ArtifactFormat::kBundle) co_return co_await bundle(scan);
  const auto work = [scan, format](store::Connection& connection) -> Result<Found> {
    connection.as_system();  // as for all of these, the caller has checked whose scan it is
    return read_artifact(connection, scan, format);
  };
  co_return co_await db_.read<Found>(work);
}

Task<Result<std::optional<Artifact>>> Passports::bundle(ScanId scan) {
  struct Stored {
    std::optional<store::PassportRow> row;
    std::vector<evidence::BundleEntry> entries;
  };
  const auto work = [scan](store::Connection& connection) -> Result<Stored> {
    connection.as_system();
    Stored stored;
    CARNET_TRY(row, store::passports::find(connection, scan));
    if (!row) return stored;
    CARNET_TRY(files, store::passports::files(connection, scan));
    for (store::PassportFileRow& file : files) {
      CARNET_TRY(entry, bundle_entry(std::move(file)));
      stored.entries.push_back(std::move(entry));
    }
    stored.row = std::move(row);
    return stored;
  };
  CARNET_CO_TRY(stored, co_await db_.read<Stored>(work));
  if (!stored.row) co_return std::optional<Artifact>{};
  CARNET_CO_TRY(proof, co_await log_proof(*stored.row));
  stored.entries.push_back(
      {.name = std::string(evidence::kPassportName), .bytes = std::move(stored.row->envelope)});
  stored.entries.push_back(
      {.name = std::string(evidence::kLogProofName), .bytes = std::move(proof)});
  // Packing takes long enough to be no work for an io thread; the readers' threads unpack as well.
  const auto entries =
      std::make_shared<const std::vector<evidence::BundleEntry>>(std::move(stored.entries));
  const auto pack = [scan, entries](store::Connection&) { return packed_bundle(scan, *entries); };
  CARNET_CO_TRY(artifact, co_await db_.read<Artifact>(pack));
  co_return std::optional<Artifact>(std::move(artifact));
}

Task<Result<store::PassportRow>> Passports::find(ScanId scan) {
  const auto work = [scan](store::Connection& connection) -> Result<store::PassportRow> {
    connection.as_system();
    CARNET_TRY(row, store::passports::find(connection, scan));
    if (!row) return no_passport();
    return *std::move(row);
  };
  co_return co_await db_.read<store::PassportRow>(work);
}

Artifact Passports::document_of(const store::PassportRow& row) {
  Artifact artifact;
  artifact.content_type = "application/vnd.dsse.envelope.v1+json";
  artifact.filename = fmt::format("carnet-passport-{}.json", row.scan_id.str());
  artifact.bytes = row.envelope;
  artifact.sha256 = row.sha256;
  return artifact;
}

Task<Result<std::string>> Passports::log_proof(const store::PassportRow& row) {
  const auto bytes = from_hex(row.sha256);
  crypto::Digest256 digest{};
  if (!bytes || bytes->size() != digest.size()) co_return make_internal("passport: bad digest");
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  CARNET_CO_TRY(proof, co_await log_.proof_of(digest));
  co_return evidence::to_string(proof);
}

Task<Result<Passports::SignedReport>> Passports::signed_report(ScanId scan) {
  CARNET_CO_TRY(row, co_await find(scan));
  const auto work = [scan, envelope = std::move(row.envelope)](
                        store::Connection& connection) -> Result<SignedReport> {
    connection.as_system();
    constexpr std::size_t kRoomForName = 256;
    CARNET_TRY(report, read_artifact(connection, scan, ArtifactFormat::kJson,
                                     envelope.size() + kRoomForName));
    if (!report) return make_internal("passport without its report");
    SignedReport out;
    out.proof = evidence::compact_proof(report->sha256, envelope);
    out.artifact = std::move(*report);
    out.artifact.bytes = evidence::with_signature_block(std::move(out.artifact.bytes), envelope);
    out.artifact.sha256 = crypto::sha256_hex(out.artifact.bytes);
    out.artifact.filename = fmt::format("carnet-report-{}-signed.json", scan.str());
    return out;
  };
  co_return co_await db_.read<SignedReport>(work);
}

}  // namespace carnet::service
