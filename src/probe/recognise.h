#pragma once
// What a server's first words say about it. classify_greeting() is pure and fuzzed; listen_first()
// belongs to one endpoint's coroutine. Bound: 2 KiB are looked at.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

// Opens a connection and listens for at most `wait`. Unless it was closed, the connection goes back
// to the wire with what was read: the next open() of the wire begins with it.
[[nodiscard]] Task<Greeting> listen_first(Wire& wire, std::chrono::milliseconds wait);

}  // namespace carnet::probe
