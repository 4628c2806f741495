// From the bytes that somebody hands in to an envelope and what comes with it.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "evidence/verify_parts.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

constexpr std::string_view kZipHead = "PK\x03\x04";
constexpr std::string_view kEmptyZipHead = "PK\x05\x06";
constexpr std::string_view kReportSchema = "urn:carnet:schema:report:";
constexpr std::string_view kSignatureMember = "signature";
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kArchive = "archive";
constexpr std::string_view kEnvelope = "envelope";

Refusal unreadable(std::string words) {
  return {.verdict = Verdict::kUnreadable, .check = failed(kEnvelope, std::move(words))};
}

Refusal forged(std::string_view id, std::string words) {
  return {.verdict = Verdict::kForged, .check = failed(id, std::move(words))};
}

std::string_view text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  const bj::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view{} : std::string_view(text->data(), text->size());
}

std::variant<Taken, Refusal> take_bundle(const VerifyInput& input) {
  auto entries = read_bundle(input.document, input.bundle_limits);
  if (!entries) {
    if (entries.error().code == ErrorCode::kPayloadTooLarge)
      return unreadable(entries.error().public_detail);
    return forged(kArchive, "The archive is not as it was made: " + entries.error().public_detail);
  }
  Taken taken{.kind = DocumentKind::kBundle, .entries = std::move(*entries)};
  const BundleEntry* passport = taken.entry(kPassportName);
  if (passport == nullptr)
    return forged(kEnvelope,
                  "The bundle has no passport.json: it was taken out, or nobody ever signed this "
                  "bundle.");
  auto envelope = read_envelope(passport->bytes);
  if (!envelope) return forged(kEnvelope, "passport.json: " + envelope.error().public_detail);
  taken.envelope = std::move(*envelope);
  if (const BundleEntry* proof = taken.entry(kLogProofName)) taken.log_proof = proof->bytes;
  return taken;
}

std::variant<Taken, Refusal> with_envelope(Taken taken, Result<Envelope> envelope) {
  if (!envelope) return unreadable(envelope.error().public_detail);
  taken.envelope = std::move(*envelope);
  return taken;
}

std::variant<Taken, Refusal> take_report(bj::object report) {
  const bj::value block = *report.if_contains("signature");
  report.erase("signature");
  Taken taken{.kind = DocumentKind::kReport};
  taken.report = json::write_canonical(report);
  return with_envelope(std::move(taken), read_envelope(block));
}

// The signature of a compact proof: the envelope as an object, as its text, or as base64url of it.
Result<Envelope> compact_envelope(const bj::value& signature) {
  if (signature.is_object()) return read_envelope(signature);
  const bj::string* text = signature.if_string();
  if (text == nullptr)
    return make_error(ErrorCode::kValidationFailed, "The proof's signature is not a text.");
  const std::string_view view(text->data(), text->size());
  if (view.size() > 2 * kEnvelopeBytesMax)
    return make_error(ErrorCode::kValidationFailed, "The proof's signature is too long.");
  if (const auto bytes = from_base64url(view)) return read_envelope(as_text(*bytes));
  return read_envelope(view);
}

std::variant<Taken, Refusal> take_proof(const bj::object& proof) {
  std::string_view hash = text_of(proof, "content_hash");
  if (hash.starts_with(kHashPrefix)) hash.remove_prefix(kHashPrefix.size());
  const auto digest = from_hex(hash);
  const bj::value* signature = proof.if_contains("signature");
  if (!digest || digest->size() != crypto::Digest256{}.size() || signature == nullptr)
    return unreadable(
        "A proof has content_hash, a SHA-256 in hexadecimal, and signature, a passport's "
        "envelope.");
  Taken taken{.kind = DocumentKind::kProof};
  taken.content_hash = to_hex(*digest);
  return with_envelope(std::move(taken), compact_envelope(*signature));
}

std::variant<Taken, Refusal> take_json(const VerifyInput& input) {
  auto value = json::parse(input.document);
  if (!value && trim_ascii(input.document).starts_with('{'))
    return unreadable("This is no JSON that has one reading. " + value.error().public_detail);
  if (!value || !value->is_object())
    return unreadable(
        "This is neither a passport, nor a report, nor an evidence bundle; for another file name "
        "the passport that lists it.");
  bj::object& object = value->get_object();
  Taken taken{.kind = DocumentKind::kPassport};
  if (object.contains("payload") && object.contains("signatures"))
    return with_envelope(std::move(taken), read_envelope(*value));
  if (const bj::value* proof = object.if_contains("proof"); proof != nullptr && proof->is_object())
    return take_proof(proof->get_object());
  if (!text_of(object, "schema").starts_with(kReportSchema))
    return unreadable("This JSON is neither a passport, nor a report, nor a proof.");
  if (!object.contains("signature"))
    return forged(
        kEnvelope,
        "This report has no signature block, so nobody vouches for it. Verify it together "
        "with its passport.");
  return take_report(std::move(object));
}

}  // namespace

const BundleEntry* Taken::entry(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const BundleEntry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

std::variant<Taken, Refusal> take_apart(const VerifyInput& input) {
  std::variant<Taken, Refusal> out;
  if (!input.passport.empty()) {
    out = with_envelope(Taken{.kind = DocumentKind::kFile}, read_envelope(input.passport));
  } else if (input.document.starts_with(kZipHead) || input.document.starts_with(kEmptyZipHead)) {
    out = take_bundle(input);
  } else {
    out = take_json(input);
  }
  if (auto* taken = std::get_if<Taken>(&out); taken != nullptr && taken->log_proof.empty())
    taken->log_proof = input.log_proof;
  return out;
}

std::string with_signature_block(std::string report, std::string_view envelope) {
  report.resize(report.rfind('}'));
  report += fmt::format(R"(,"{}":{}}})", kSignatureMember, envelope);
  return report;
}

CompactProof compact_proof(std::string_view report_sha256, std::string_view envelope) {
  return {.content_hash = fmt::format("{}{}", kHashPrefix, report_sha256),
          .signature = to_base64url(as_bytes(envelope))};
}

}  // namespace carnet::evidence
