#pragma once
// Text and times out of certificates and their kin, made safe to show: valid UTF-8 without control
// characters, bounded. Shared by the readers of this folder. Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "inventory/der.h"

namespace carnet::inventory {

inline constexpr std::size_t kTextBytesMax = 1024;  // of one name or comment

// At most kTextBytesMax bytes; what is no text becomes '?'.
[[nodiscard]] std::string clean_text(std::string_view text);

// RFC 4514 text of a DER Name; "" if it is not one.
[[nodiscard]] std::string name_text(ByteView name);

// UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them, and the other forms that the
// system's OpenSSL takes; nullopt for anything else.
[[nodiscard]] std::optional<Timestamp> time_value(const DerValue& value);

// Lower-case hex of an INTEGER's magnitude, "-" before a negative one; the first 64 bytes.
[[nodiscard]] std::string serial_text(ByteView content);

}  // namespace carnet::inventory
