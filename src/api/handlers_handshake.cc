// Proving one live handshake.

#include "api/handlers.h"
#include "inventory/endpoint_json.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;
using probe::LiveHandshake;

// Milliseconds with three digits; null for what did not come about.
bj::value milliseconds(std::chrono::nanoseconds time) {
  if (time.count() <= 0) return nullptr;
  return static_cast<double>(std::chrono::round<std::chrono::microseconds>(time).count()) / 1000.0;
}

bj::object handshake_json(const LiveHandshake& live) {
  const inventory::HandshakeProof& proof = live.proof;
  bj::object json;
  json["proven"] = live.outcome == LiveHandshake::Outcome::kProven;
  json["outcome"] = to_string(live.outcome);
  json["detail"] = live.detail;
  json["byDefault"] = live.by_default;
  json["host"] = live.host;
  json["port"] = live.port;
  json["address"] = live.address;
  json["protocol"] = live.protocol;
  json["finished"] = proof.proven;
  json["version"] = proof.version;
  json["group"] = proof.group;
  json["groupKind"] = live.group_kind;
  json["cipherSuite"] = proof.cipher_suite;
  json["signatureScheme"] = proof.signature_scheme;
  json["signatureVerified"] = live.signature_verified;
  json["alpn"] = live.alpn;
  json["clientHelloBytes"] = proof.client_hello_bytes;
  json["transcriptHash"] = live.transcript_hash;
  json["certificate"] =
      live.leaf ? bj::value(inventory::certificate_to_json(*live.leaf)) : bj::value(nullptr);
  json["timings"] = {{"connectedMs", milliseconds(live.connected)},
                     {"firstAnswerMs", milliseconds(live.first_answer)},
                     {"finishedMs", milliseconds(live.finished)}};
  json["connections"] = live.connections;
  return json;
}

}  // namespace

Task<Answer> prove_handshake(Site& site, Call& call) {
  CARNET_CO_TRY(target, decode_handshake_target(call.request.body));
  service::Handshakes* const handshakes = site.deps.handshakes;
  if (handshakes == nullptr) {
    co_return make_error(ErrorCode::kPersistenceOff, "This server runs no probes.");
  }
  CARNET_CO_TRY(live, co_await handshakes->prove(call.actor, std::move(target)));
  co_return json_response(handshake_json(live));
}

}  // namespace carnet::api
