#pragma once
// The passport of a finished scan: made, signed and stored in the transaction that finishes the
// scan, and given out again byte for byte for as long as the scan is kept. Thread-safe.
//
// How one comes about: draft() makes every file that it will name (seconds for a large scan, so on
// a work thread); sign() reads who comes before it in the chain and signs; the caller's transaction
// asks still_next() and, if nobody came between, calls store(), which also appends the envelope's
// digest to the log. Otherwise it signs again: a chain never forks, however many scans of one
// target end at once.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "evidence/verify.h"
#include "inventory/model.h"
#include "service/artifacts.h"
#include "service/signing_keys.h"
#include "service/transparency.h"
#include "store/database.h"
#include "store/passports.h"

namespace carnet::service {

// Every file that a passport will name, packed, with the keys of that moment: one of the files is
// the key set, so it is signed with these keys and no others.
struct PassportDraft {
  std::shared_ptr<const inventory::ScanDocument> document;
  SigningKeysNow keys;
  std::vector<store::PassportFileRow> files;
  std::vector<evidence::Subject> subjects;
  std::string target_set;
};
using PassportDraftPtr = std::shared_ptr<const PassportDraft>;

struct SignedPassport {
  store::PassportRow row;
  std::optional<store::ChainHead> previous;
  crypto::Digest256 digest{};  // of the envelope
};
using SignedPassportPtr = std::shared_ptr<const SignedPassport>;

class Passports {
 public:
  Passports(store::Database& db, const Clock& clock, Random& random, const SigningKeys& keys,
            Transparency& log);

  // Where this service is reached; stands in every passport. Before the first scan ends.
  void set_issuer_url(std::string url) { issuer_url_ = std::move(url); }
  [[nodiscard]] const SigningKeys& keys() const { return keys_; }
  [[nodiscard]] Transparency& log() const { return log_; }

  // Blocks. Null: this server has no signing keys. kConflict: a sample that could pass for real, or
  // the reverse. kInternal: an artifact could not be made.
  [[nodiscard]] Result<PassportDraftPtr> draft(
      std::shared_ptr<const inventory::ScanDocument> document) const;
  // Signs on `work`.
  [[nodiscard]] Task<Result<SignedPassportPtr>> sign(TenantId tenant, ScanId scan,
                                                     PassportDraftPtr draft,
                                                     boost::asio::any_io_executor work);
  // In the transaction that will store it: false if another came between.
  [[nodiscard]] static Result<bool> still_next(store::Connection& connection,
                                               const SignedPassport& passport);
  // In the same transaction: the passport, its files, its entry in the log.
  [[nodiscard]] Result<void> store(store::Connection& connection, const PassportDraft& draft,
                                   const SignedPassport& passport) const;

  // A file that was signed, as it was signed; nullopt if the scan has no passport or the passport
  // does not name that file. For kBundle the bundle, the same bytes every time. The caller has
  // checked whose scan it is.
  [[nodiscard]] Task<Result<std::optional<Artifact>>> artifact(ScanId scan, ArtifactFormat format);
  // The envelope; kNotFound with words for the caller if there is none.
  [[nodiscard]] Task<Result<store::PassportRow>> find(ScanId scan);
  // The envelope as a download.
  [[nodiscard]] static Artifact document_of(const store::PassportRow& row);
  // The proof that leads from the passport to a checkpoint; the same bytes every time.
  [[nodiscard]] Task<Result<std::string>> log_proof(const store::PassportRow& row);
  // report.json with the envelope inside it, and the same as two short texts.
  struct SignedReport {
    Artifact artifact;
    evidence::CompactProof proof;
  };
  [[nodiscard]] Task<Result<SignedReport>> signed_report(ScanId scan);

 private:
  [[nodiscard]] Task<Result<std::optional<Artifact>>> bundle(ScanId scan);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const SigningKeys& keys_;
  Transparency& log_;
  std::string issuer_url_;
};

}  // namespace carnet::service
