#pragma once
// Reads JSON Web Key Sets (RFC 7517), of a server or a file: RSA, EC and OKP keys, AKP keys
// (post-quantum, draft-ietf-cose-dilithium), and `oct` keys, which have no business in a public
// set. Members that hold secrets ("k", "d", "p", "q", "dp", "dq", "qi", "oth", "priv") are looked
// at for being there and never copied. Pure functions, thread-safe. Bounds: 1,000 keys, 10
// certificates a key.

#include <boost/json/fwd.hpp>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::inventory {

inline constexpr std::size_t kJwksKeysMax = 1000;

// True for an object with an array "keys", or for one key alone (with "kty").
[[nodiscard]] bool is_jwks(const boost::json::value& value);

// Reads what is_jwks() accepts; `fault` is called with the index of a key and a sentence for what
// cannot be read.
[[nodiscard]] JwksObservation read_jwks(
    const boost::json::value& value,
    const std::function<void(std::size_t index, std::string detail)>& fault);

}  // namespace carnet::inventory
