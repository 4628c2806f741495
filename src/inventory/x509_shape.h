#pragma once
// Whether bytes have the structure of an X.509 certificate (RFC 5280 section 4.1), every field of
// its type, as OpenSSL's decoder sees it. d2i_X509 says the same, but looks for software for the
// public key besides, which takes several times as long as everything else. Pure; safe from any
// thread. The caller bounds the length.

#include "inventory/der.h"

namespace carnet::inventory {

[[nodiscard]] bool has_certificate_shape(ByteView bytes);

}  // namespace carnet::inventory
