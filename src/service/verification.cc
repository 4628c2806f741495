#include "service/verification.h"

#include <algorithm>

namespace carnet::service {
namespace {

constexpr WorkThreads::Limits kThreads{.threads = 1, .waiting_max = 32};

std::optional<crypto::Digest256> digest_of(const std::string& hex) {
  const auto bytes = from_hex(hex);
  crypto::Digest256 digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

}  // namespace

Verification::Verification(const Clock& clock, Passports& passports)
    : clock_(clock), passports_(passports), threads_(kThreads) {}

Task<Result<Verification::FromLog>> Verification::ask_log(std::optional<evidence::Glance> glance) {
  FromLog out;
  if (!glance) co_return out;
  Transparency& log = passports_.log();
  CARNET_CO_TRY(origin, co_await log.origin());
  if (glance->claims.log_origin != origin) co_return out;  // another's log
  const auto digest = digest_of(glance->passport_sha256);
  if (!digest) co_return out;
  const Result<evidence::LogProof> proof = co_await log.proof_of(*digest);
  if (proof) {
    out.proof = evidence::to_string(*proof);
  } else if (proof.error().code == ErrorCode::kNotFound) {
    out.absent = true;
  } else {
    co_return tl::unexpected(proof.error());
  }
  if (!glance->checkpoint) co_return out;
  Result<Transparency::Published> ours = co_await log.checkpoint_at(glance->checkpoint->size);
  if (ours) {
    out.head = evidence::KnownLogHead{.checkpoint = ours->checkpoint, .consistency = {}};
  } else if (ours.error().code == ErrorCode::kValidationFailed) {
    // A tree that is larger than ours: nothing can show that it continues ours, so it is a fork.
    CARNET_CO_TRY(newest, co_await log.checkpoint());
    out.head = evidence::KnownLogHead{.checkpoint = newest.checkpoint,
                                      .consistency = evidence::ConsistencyProof{}};
  } else {
    co_return tl::unexpected(ours.error());
  }
  co_return out;
}

Task<Result<evidence::Verification>> Verification::check(Handed handed) {
  const auto given = std::make_shared<const Handed>(std::move(handed));
  const auto glanced = std::make_shared<std::optional<evidence::Glance>>();
  const std::function<void()> look = [given, glanced] {
    *glanced = evidence::glance({.document = given->document,
                                 .passport = given->passport,
                                 .bundle_limits = given->bundle_limits});
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(look));
  CARNET_CO_TRY(from_log, co_await ask_log(std::move(*glanced)));
  const auto answers = std::make_shared<const FromLog>(std::move(from_log));
  const auto out = std::make_shared<evidence::Verification>();
  const SigningKeysNow keys = passports_.keys().current();
  const Timestamp now = clock_.now();
  const std::function<void()> verify = [given, answers, out, keys, now] {
    const evidence::VerifyInput input{.document = given->document,
                                      .passport = given->passport,
                                      .log_proof = answers->proof,
                                      .trusted = keys ? &keys->published : nullptr,
                                      .known_head = answers->head,
                                      .absent_from_log = answers->absent,
                                      .bundle_limits = given->bundle_limits,
                                      .now = now};
    *out = evidence::verify(input);
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(verify));
  co_return std::move(*out);
}

Task<Result<Verification::OfScan>> Verification::check_scan(ScanId scan) {
  CARNET_CO_TRY(row, co_await passports_.find(scan));
  CARNET_CO_TRY(bundle, co_await passports_.artifact(scan, ArtifactFormat::kBundle));
  CARNET_CO_TRY(report, co_await passports_.artifact(scan, ArtifactFormat::kJson));
  if (!bundle || !report) co_return make_internal("passport without its files");
  OfScan out;
  out.proof = evidence::compact_proof(report->sha256, row.envelope);
  Handed handed{.document = std::move(bundle->bytes),
                .passport = {},
                .bundle_limits = evidence::BundleLimits{}};
  CARNET_CO_TRY(verification, co_await check(std::move(handed)));
  out.verification = std::move(verification);
  co_return out;
}

}  // namespace carnet::service
