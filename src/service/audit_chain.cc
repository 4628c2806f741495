#include "service/audit_chain.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/mldsa.h"

namespace carnet::service {
namespace {

constexpr std::string_view kHeadSchema = "carnet-audit-head-v1";

boost::json::object head_json(const store::AuditHeadRow& head) {
  return {{"schema", boost::json::string_view(kHeadSchema.data(), kHeadSchema.size())},
          {"tenantId", head.tenant_id},
          {"seq", head.seq},
          {"hash", head.hash},
          {"at", to_rfc3339(head.at)}};
}

boost::json::object signature_json(std::string_view algorithm,
                                   std::span<const std::uint8_t> public_key,
                                   std::span<const std::uint8_t> signature) {
  return {{"algorithm", boost::json::string_view(algorithm.data(), algorithm.size())},
          {"keyid", evidence::keyid_of(public_key)},
          {"signature", to_base64(signature)}};
}

std::string text_member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains({name.data(), name.size()});
  const boost::json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

bool verifies(const evidence::PublicKey& key, std::string_view message, const Bytes& signature) {
  if (key.algorithm == evidence::KeyAlgorithm::kMlDsa65)
    return crypto::mldsa_verify(crypto::MlDsa::k65, key.public_key, {.message = as_bytes(message)},
                                signature);
  crypto::Ed25519PublicKey raw{};
  crypto::Ed25519Signature bytes{};
  if (key.public_key.size() != raw.size() || signature.size() != bytes.size()) return false;
  std::copy(key.public_key.begin(), key.public_key.end(), raw.begin());
  std::copy(signature.begin(), signature.end(), bytes.begin());
  return crypto::ed25519_verify(
      {.public_key = raw, .message = as_bytes(message), .signature = bytes});
}

// What is wrong with the head's signatures; "" for nothing.
std::string fault_of_signatures(const store::AuditHeadRow& head, const evidence::KeySet& keys) {
  if (head.signature.empty()) return "The chain's head is not signed.";
  const auto parsed = json::parse(head.signature);
  const boost::json::value* list =
      parsed && parsed->is_object() ? parsed->get_object().if_contains("signatures") : nullptr;
  if (list == nullptr || !list->is_array()) return "The head's signatures cannot be read.";
  const std::string message = audit_head_message(head);
  bool classical = false;
  bool post_quantum = false;
  for (const boost::json::value& entry : list->get_array()) {
    if (!entry.is_object()) return "The head's signatures cannot be read.";
    const evidence::PublicKey* key = keys.find(text_member(entry.get_object(), "keyid"));
    const auto signature = from_base64(text_member(entry.get_object(), "signature"));
    if (key == nullptr || key->use != evidence::KeyUse::kLog || !signature) continue;
    if (!verifies(*key, message, *signature))
      return fmt::format("The head's {} signature is not over this head.",
                         evidence::to_string(key->algorithm));
    (key->algorithm == evidence::KeyAlgorithm::kMlDsa65 ? post_quantum : classical) = true;
  }
  if (classical && post_quantum) return {};
  return "The head is not signed, by Ed25519 and by ML-DSA-65, with log keys of this key set.";
}

}  // namespace

std::string audit_canonical(const store::AuditRow& row) {
  // detail, before and after are the texts that are stored, so that whoever checks the hash need
  // not write JSON numbers as we do.
  const boost::json::object object{
      {"action", row.action},        {"actor", row.actor},       {"after", row.after},
      {"at", to_rfc3339(row.at)},    {"before", row.before},     {"detail", row.detail},
      {"id", row.id.str()},          {"keyId", row.key_id},      {"prevHash", row.prev_hash},
      {"requestId", row.request_id}, {"role", row.role},         {"seq", row.seq},
      {"subject", row.subject},      {"tenantId", row.tenant_id}};
  return json::write_canonical(object);
}

std::string audit_hash(const store::AuditRow& row) {
  return crypto::sha256_hex(audit_canonical(row));
}

std::string audit_head_message(const store::AuditHeadRow& head) {
  return json::write_canonical(head_json(head));
}

std::string signed_audit_head(const store::AuditHeadRow& head,
                              const evidence::HybridSignature& signature) {
  const boost::json::array signatures{
      signature_json(evidence::to_string(evidence::KeyAlgorithm::kEd25519), signature.ed25519_key,
                     signature.ed25519),
      signature_json(evidence::to_string(evidence::KeyAlgorithm::kMlDsa65), signature.mldsa65_key,
                     signature.mldsa65)};
  return json::write(boost::json::object{{"head", head_json(head)}, {"signatures", signatures}});
}

// ---- Walking
// --------------------------------------------------------------------------------------------------------

bool AuditWalk::fail(std::int64_t seq, std::string reason) {
  if (!fault_) fault_ = Fault{.seq = seq, .reason = std::move(reason)};
  return false;
}

bool AuditWalk::take(const store::AuditRow& row) {
  if (fault_) return false;
  const std::int64_t expected = seq_ + 1;
  if (row.seq != expected)
    return fail(expected,
                fmt::format("Row {} is missing: row {} follows row {}.", expected, row.seq, seq_));
  if (row.prev_hash != hash_)
    return fail(expected, fmt::format("Row {} does not name the hash of the row before it; one of "
                                      "them was changed, put in or moved.",
                                      expected));
  if (row.hash != audit_hash(row))
    return fail(expected,
                fmt::format("Row {} is not what was sealed: its hash is another.", expected));
  seq_ = expected;
  hash_ = row.hash;
  return true;
}

bool AuditWalk::finish(const store::AuditHeadRow& head, const evidence::KeySet& keys) {
  if (fault_) return false;
  if (head.seq > seq_)
    return fail(seq_ + 1, fmt::format("Row {} is missing: the chain ends with row {}, and its head "
                                      "says {}.",
                                      seq_ + 1, seq_, head.seq));
  if (head.seq < seq_)
    return fail(head.seq + 1, fmt::format("Row {} is behind the chain's head.", head.seq + 1));
  if (seq_ == 0 && head.hash.empty()) return true;
  if (head.hash != hash_)
    return fail(seq_, fmt::format("Row {} is not the one that the chain's head names.", seq_));
  if (std::string fault = fault_of_signatures(head, keys); !fault.empty())
    return fail(seq_, std::move(fault));
  return true;
}

}  // namespace carnet::service
