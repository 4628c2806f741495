#include "probe/prove.h"

#include <algorithm>

#include "inventory/registry.h"
#include "inventory/x509.h"
#include "probe/protocols.h"
#include "probe/starttls_preamble.h"
#include "probe/tls_handshake.h"

namespace carnet::probe {
namespace {

using Outcome = LiveHandshake::Outcome;
using End = HandshakeResult::End;

constexpr std::uint8_t kHandshakeFailure = 40, kIllegalParameter = 47, kProtocolVersion = 70,
                       kInsufficientSecurity = 71, kNoApplicationProtocol = 120;

std::string kind_of_group(std::uint16_t group) {
  const inventory::Algorithm* known = inventory::find_by_tls_group(group);
  return known == nullptr ? std::string() : std::string(inventory::to_string(known->family));
}

bool is_post_quantum(const HandshakeResult& result) {
  if (result.end != End::kProven || !result.group) return false;
  const std::string kind = kind_of_group(*result.group);
  return kind == "hybrid" || kind == "pq";
}

std::vector<std::uint16_t> post_quantum_groups() {
  std::vector<std::uint16_t> out;
  for (const std::uint16_t group : completable_groups()) {
    if (kind_of_group(group) != "classical") out.push_back(group);
  }
  return out;
}

// "none of these", not "this hello troubles me".
bool refuses(const HandshakeResult& result) {
  if (result.end != End::kAlert) return false;
  const std::uint8_t alert = result.alert.value_or(0);
  return alert == kHandshakeFailure || alert == kIllegalParameter || alert == kProtocolVersion ||
         alert == kInsufficientSecurity;
}

class Proof {
 public:
  Proof(const Services& services, PlannedEndpoint endpoint)
      : services_(services),
        endpoint_(std::move(endpoint)),
        wire_(services, endpoint_.host, endpoint_.port,
              services.clock.steady_now() + services.limits.target) {
    out_.host = endpoint_.host;
    out_.port = endpoint_.port;
    out_.protocol = "tls";
  }

  Task<LiveHandshake> run() {
    const auto reached = co_await wire_.reach();
    if (!reached) {
      out_.detail = "The endpoint was not reached: " + reached.error().public_detail + ".";
      co_return std::move(out_);
    }
    out_.address = wire_.address().to_string();
    prepare_upgrade();
    const HandshakeResult ordinary = co_await greet(main_offer(wire_));
    if (is_post_quantum(ordinary)) {
      out_.by_default = true;
      settle(ordinary, Outcome::kProven,
             "The server chose " + ordinary.proof.group +
                 " from an ordinary offer, and its Finished was verified.");
    } else {
      co_await ask_for_nothing_else(ordinary);
    }
    out_.connections = wire_.connections();
    co_return std::move(out_);
  }

 private:
  void prepare_upgrade() {
    const ProtocolRow* row = find_protocol(endpoint_.kind);
    const ProtocolRow* inside = protocol_inside_tls(endpoint_.port);
    if (row == nullptr && endpoint_.kind.empty()) row = protocol_on_port(endpoint_.port);
    if (inside != nullptr) {
      out_.protocol = inside->name;
      return;
    }
    if (row == nullptr) return;
    out_.protocol = row->name;
    preamble_.emplace(row->protocol, endpoint_.host, services_.clock);
    wire_.set_preamble(&*preamble_);
  }

  Task<HandshakeResult> greet(ClientOffer offer) {
    ClientOffer again = offer;
    auto result = co_await shake_hands(wire_, std::move(offer));
    if (result.alert == kNoApplicationProtocol && !again.hello.alpn.empty()) {
      again.hello.alpn.clear();
      result = co_await shake_hands(wire_, std::move(again));
    }
    co_return result;
  }

  // The ordinary offer brought no post-quantum group.
  Task<void> ask_for_nothing_else(const HandshakeResult& ordinary) {
    if (!ordinary.answered() && !ordinary.no_answer()) {
      settle(ordinary, Outcome::kNotReached,
             "The endpoint does not speak TLS to us: " + ordinary.failure + ".");
      co_return;
    }
    ClientOffer offer = tls13_offer(wire_, post_quantum_groups());
    offer.shares = {0x11EC};
    const HandshakeResult only = co_await greet(std::move(offer));
    if (is_post_quantum(only)) {
      settle(only, Outcome::kProven,
             "The server takes " + only.proof.group +
                 " when nothing classical is offered, and its Finished was verified; an ordinary "
                 "offer ends in " +
                 what_it_does(ordinary) + ".");
      co_return;
    }
    if (ordinary.no_answer()) {
      co_await after_silence(ordinary);
    } else if (refuses(only) && ordinary.end != End::kFailed) {
      settle(ordinary, Outcome::kNoPostQuantum,
             "The server refuses every post-quantum group (" + only.failure +
                 "); an ordinary offer ends in " + what_it_does(ordinary) + ".");
    } else {
      settle(ordinary, Outcome::kNotSettled,
             "An ordinary offer ends in " + what_it_does(ordinary) +
                 "; whether the server has a post-quantum group was not settled (" + only.failure +
                 ").");
    }
  }

  // Both hellos so far were over 1,500 bytes.
  Task<void> after_silence(const HandshakeResult& large) {
    const HandshakeResult small = co_await greet(small_offer(wire_));
    if (!small.answered()) {
      settle(small, Outcome::kNotReached,
             "Connected, but there was no TLS answer: " + large.failure + ".");
      co_return;
    }
    settle(small, Outcome::kNotSettled,
           "A ClientHello with a post-quantum key share gets no answer (" + large.failure +
               ") while a small one does, so the server or something before it cannot take it.");
  }

  static std::string what_it_does(const HandshakeResult& result) {
    if (result.end == End::kProven) return result.proof.version + " with " + result.proof.group;
    if (result.end == End::kCleartext) {
      const std::string& group = result.proof.group;
      return result.proof.version + (group.empty() ? std::string() : " with " + group);
    }
    return "no handshake (" + result.failure + ")";
  }

  void settle(const HandshakeResult& result, Outcome outcome, std::string detail) {
    out_.outcome = outcome;
    out_.detail = std::move(detail);
    out_.proof = result.proof;
    if (result.group) out_.group_kind = kind_of_group(*result.group);
    out_.signature_verified =
        result.end == End::kProven && result.signature == crypto::SignatureVerdict::kGood;
    out_.alpn = result.alpn;
    out_.transcript_hash = to_hex(result.transcript_hash);
    if (!result.chain.empty()) {
      if (auto leaf = inventory::parse_certificate(result.chain.front())) out_.leaf = *leaf;
    }
    out_.connected = result.connected;
    out_.first_answer = result.first_answer;
    out_.finished = result.finished;
  }

  const Services& services_;
  const PlannedEndpoint endpoint_;
  Wire wire_;
  std::optional<StarttlsPreamble> preamble_;
  LiveHandshake out_;
};

}  // namespace

std::string_view to_string(LiveHandshake::Outcome outcome) {
  switch (outcome) {
    case Outcome::kProven:
      return "proven";
    case Outcome::kNoPostQuantum:
      return "no-post-quantum";
    case Outcome::kNotSettled:
      return "not-settled";
    case Outcome::kNotReached:
      return "not-reached";
  }
}

Task<LiveHandshake> prove_endpoint(const Services& services, PlannedEndpoint endpoint) {
  Proof proof(services, std::move(endpoint));
  auto result = co_await proof.run();
  co_return result;
}

}  // namespace carnet::probe
