#pragma once
// Text that somebody else wrote, for a terminal or a log: it must not move the cursor, colour,
// ring, hide or turn the line around. What could is: control characters (C0, DEL, C1), code points
// that are invisible or set the direction of text (Unicode "Bidi_Control", line separators,
// zero-width and tag characters; not U+200C and U+200D, which scripts and emoji need), and bytes
// that are no UTF-8. Pure functions, thread-safe.

#include <string>
#include <string_view>

namespace carnet {

// Whether there is nothing of that in it.
[[nodiscard]] bool is_inert(std::string_view text);
// `text` with '?' in the place of each.
[[nodiscard]] std::string terminal_text(std::string_view text);
// Appends `text` with \uXXXX in the place of each, as in a JSON string; \ufffd for no UTF-8.
void append_inert(std::string& out, std::string_view text);

}  // namespace carnet
