#pragma once
// One live handshake with one endpoint: is there a post-quantum key exchange, and does it work?
// What a modern client offers is carried to the server's Finished; if that ends without a
// post-quantum group, one more hello offers nothing else, so that a server which has one but does
// not prefer it is told from one that has none. At most four connections.

#include <chrono>
#include <optional>
#include <string>

#include "base/task.h"
#include "inventory/model.h"
#include "probe/engine.h"
#include "probe/wire.h"

namespace carnet::probe {

struct LiveHandshake {
  enum class Outcome {
    kProven,         // a post-quantum group, to the server's Finished
    kNoPostQuantum,  // the server refuses every such group; what it does instead is in `proof`
    kNotSettled,     // it speaks TLS, but its answers prove neither
    kNotReached,     // no connection, or no TLS behind it
  };
  Outcome outcome = Outcome::kNotReached;
  std::string detail;       // one sentence
  bool by_default = false;  // kProven: it chose the group although X25519 was offered too

  std::string host, address, protocol;  // protocol: "tls", or the one that was upgraded
  std::uint16_t port = 0;
  inventory::HandshakeProof proof;  // of the handshake that counts
  std::string group_kind;           // "hybrid" | "pq" | "classical"; "" without a group
  bool signature_verified = false;
  std::string alpn;
  std::string transcript_hash;  // hex; ClientHello to the server's Finished, "" unless finished
  std::optional<inventory::Certificate> leaf;
  int connections = 0;
  // Of the handshake that counts, from the start of its connection; zero if it did not come so far.
  std::chrono::nanoseconds connected{}, first_answer{}, finished{};
};

// "proven" | "no-post-quantum" | "not-settled" | "not-reached"
[[nodiscard]] std::string_view to_string(LiveHandshake::Outcome outcome);

// STARTTLS is spoken first where the port, or `endpoint.kind`, says so. Runs on the awaiting
// coroutine's strand; `services` outlives it.
[[nodiscard]] Task<LiveHandshake> prove_endpoint(const Services& services,
                                                 PlannedEndpoint endpoint);

}  // namespace carnet::probe
