#pragma once
// Our half of an SSH key exchange that is begun and never finished: well-formed shares whose
// secrets nobody knows, which is enough for the server to answer with its host key. Pure but for
// the random source.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"
#include "probe/ssh_parser.h"

namespace carnet::probe {

// "SSH-2.0-Carnet_1.2.3\r\n", after the program's version (RFC 4253 section 4.2).
[[nodiscard]] std::string_view ssh_identification();

// The key exchanges that can be begun, the cheapest for the server first.
[[nodiscard]] std::span<const std::string_view> usable_ssh_kex();
// What a client of today offers, hybrids first, to say what it would get.
[[nodiscard]] std::span<const std::string_view> offered_ssh_kex();

// RFC 4419: the server names the group first.
[[nodiscard]] bool is_group_exchange(std::string_view kex);

// KEXINIT that offers just this key exchange and host key algorithm, and of everything else the
// server's first choice.
[[nodiscard]] Bytes ssh_kex_init(std::string_view kex, std::string_view host_key,
                                 const SshKexInit& server, Random& random);
// The init message of a key exchange of usable_ssh_kex() that is no group exchange.
[[nodiscard]] Bytes ssh_kex_share(std::string_view kex, Random& random);
// Asks for a group of 2,048 bits and takes any from 1,024 to 8,192, so that a small one shows.
[[nodiscard]] Bytes ssh_gex_request();
// Our public value in a group whose prime has that many bits, at least 16.
[[nodiscard]] Bytes ssh_gex_init(int prime_bits, Random& random);

}  // namespace carnet::probe
