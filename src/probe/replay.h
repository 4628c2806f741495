#pragma once
// A connection whose first bytes have been read already: they come out of read_some() again, so
// that whoever looked at a greeting can hand the connection on.

#include <memory>

#include "base/encoding.h"
#include "net/dialer.h"

namespace carnet::probe {

[[nodiscard]] std::unique_ptr<net::Connection> replaying(
    std::unique_ptr<net::Connection> connection, Bytes already_read);

}  // namespace carnet::probe
