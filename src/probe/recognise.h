#pragma once
// What a server's first words say about it. classify_greeting() is pure and fuzzed; listen_first()
// belongs to one endpoint's coroutine. Bound: 2 KiB are looked at.

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/task.h"
#include "probe/protocols.h"
#include "probe/wire.h"

namespace carnet::probe {

struct Greeting {
  enum class Kind {
    kSilent,  // nothing within the time
    kClosed,  // the connection ended, or was never there
    kSsh,
    kProtocols,  // see candidates
    kUnknown,    // it spoke, and `text` is what it said
  };
  Kind kind = Kind::kSilent;
  // What such a greeting can be, the likeliest first: "220" is SMTP's, LMTP's and FTP's.
  std::vector<Protocol> candidates;
  std::string text;  // printable, cut
};

// nullopt: more bytes may tell. With `complete`, there are no more, and every input has an answer.
[[nodiscard]] std::optional<Greeting> classify_greeting(std::span<const std::uint8_t> data,
                                                        bool complete);

// What a server that was sent a ClientHello and is not TLS can be, by the first words of its
// answer: a greeting that came late, or a protocol's way to say that it did not understand. The
// likeliest first; for want of hints every protocol whose server waits for its client.
[[nodiscard]] std::vector<Protocol> protocols_of_answer(std::span<const std::uint8_t> data);

// Opens a connection and listens for at most `wait`. Unless it was closed, the connection goes back
// to the wire with what was read: the next open() of the wire begins with it. What is read from it
// later is added to `heard_later`.
[[nodiscard]] Task<Greeting> listen_first(Wire& wire, std::chrono::milliseconds wait,
                                          std::shared_ptr<Bytes> heard_later);

}  // namespace carnet::probe
