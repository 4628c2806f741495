#pragma once
// A connection whose first bytes have been read already: they come out of read_some() again, so
// that whoever looked at a greeting can hand the connection on. And one that remembers the first
// bytes that it gives, so that they can be looked at afterwards.

#include <memory>

#include "base/encoding.h"
#include "net/dialer.h"

namespace carnet::probe {

[[nodiscard]] std::unique_ptr<net::Connection> replaying(
    std::unique_ptr<net::Connection> connection, Bytes already_read);

// Appends what is read to `heard`, kHeardBytesMax at most.
inline constexpr std::size_t kHeardBytesMax = 2048;  // limit: internal
[[nodiscard]] std::unique_ptr<net::Connection> remembering(
    std::unique_ptr<net::Connection> connection, std::shared_ptr<Bytes> heard);

}  // namespace carnet::probe
