#include "evidence/dsse.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

tl::unexpected<Error> bad(std::string_view what) {
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("This is not a DSSE envelope: {}.", what));
}

std::optional<Bytes> either_base64(std::string_view text) {
  if (auto standard = from_base64(text)) return standard;
  while (text.ends_with('=')) text.remove_suffix(1);
  return from_base64url(text);
}

const bj::string* text_member(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value == nullptr ? nullptr : value->if_string();
}

std::string_view view(const bj::string& text) { return {text.data(), text.size()}; }

void note_foreign(const bj::object& object, std::initializer_list<std::string_view> known,
                  Envelope& out) {
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::find(known.begin(), known.end(), name) == known.end())
      out.foreign_members.emplace_back(name);
  }
}

Result<DsseSignature> read_signature(const bj::value& value, Envelope& out) {
  const bj::object* object = value.if_object();
  if (object == nullptr) return bad("a signature is not an object");
  const bj::string* keyid = text_member(*object, "keyid");
  const bj::string* sig = text_member(*object, "sig");
  if (keyid == nullptr || sig == nullptr) return bad("a signature has no keyid or no sig");
  auto bytes = either_base64(view(*sig));
  if (!bytes) return bad("a signature is not base64");
  note_foreign(*object, {"keyid", "sig"}, out);
  return DsseSignature{.keyid = std::string(view(*keyid)), .sig = std::move(*bytes)};
}

}  // namespace

std::string pre_authentication_encoding(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(),
                     payload);
}

std::string envelope_json(const Envelope& envelope) {
  bj::array signatures;
  for (const DsseSignature& signature : envelope.signatures)
    signatures.push_back({{"keyid", signature.keyid}, {"sig", to_base64(signature.sig)}});
  bj::object json;
  json["payload"] = to_base64(as_bytes(envelope.payload));
  json["payloadType"] = envelope.payload_type;
  json["signatures"] = std::move(signatures);
  return json::write_canonical(json);
}

crypto::Digest256 envelope_digest(const Envelope& envelope) {
  return crypto::sha256(envelope_json(envelope));
}

Result<Envelope> read_envelope(const bj::value& value) {
  const bj::object* object = value.if_object();
  if (object == nullptr) return bad("it is not a JSON object");
  const bj::string* payload = text_member(*object, "payload");
  const bj::string* type = text_member(*object, "payloadType");
  const bj::value* list = object->if_contains("signatures");
  const bj::array* signatures = list == nullptr ? nullptr : list->if_array();
  if (payload == nullptr || type == nullptr || signatures == nullptr)
    return bad("payload, payloadType or signatures is missing");
  if (signatures->size() > kEnvelopeSignaturesMax)
    return bad(fmt::format("it has more than {} signatures", kEnvelopeSignaturesMax));
  Envelope out;
  const auto bytes = either_base64(view(*payload));
  if (!bytes) return bad("its payload is not base64");
  out.payload = as_text(*bytes);
  out.payload_type = view(*type);
  note_foreign(*object, {"payload", "payloadType", "signatures"}, out);
  for (const bj::value& entry : *signatures) {
    CARNET_TRY(signature, read_signature(entry, out));
    out.signatures.push_back(std::move(signature));
  }
  return out;
}

Result<Envelope> read_envelope(std::string_view text) {
  if (text.size() > kEnvelopeBytesMax)
    return bad(fmt::format("it has more than {} bytes", kEnvelopeBytesMax));
  const auto value = json::parse(text);
  if (!value) return bad("it is not JSON: " + value.error().public_detail);
  return read_envelope(*value);
}

}  // namespace carnet::evidence
