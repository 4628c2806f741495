#pragma once
// The fonts of the PDF report: Inter, and behind it DejaVu Sans, Droid Sans Fallback and Nanum
// Gothic Coding for what Inter does not have. They are part of the program and no font of the
// machine is looked at, so a report is the same everywhere. Private to evidence/.
//
// The set is made once, on first use, and never changed or freed: fontconfig wants files, so each
// font becomes an anonymous file in memory (memfd) that lives as long as the process. Thread-safe;
// every report asks for a font map of its own, because Pango's must not be shared between threads.

#include <memory>

#include <pango/pango.h>

#include "base/error.h"

namespace carnet::evidence {

struct UnrefObject {
  void operator()(void* object) const;
};
template <class T>
using GObjectPtr = std::unique_ptr<T, UnrefObject>;

inline constexpr const char* kFontText = "Inter";
inline constexpr const char* kFontDisplay = "Inter Display";
inline constexpr const char* kFontCode = "DejaVu Sans Mono";

// kInternal if this system gives no memory files or fontconfig refuses a font.
[[nodiscard]] Result<GObjectPtr<PangoFontMap>> make_font_map();

// One of the fonts can draw this character.
[[nodiscard]] bool fonts_cover(char32_t character);

}  // namespace carnet::evidence
