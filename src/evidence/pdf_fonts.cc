#include "evidence/pdf_fonts.h"

#include <fmt/format.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "evidence/embedded.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// fontconfig keeps what belongs to its patterns by offsets and not by pointers, so LeakSanitizer
// takes those of the seven fonts, which live as long as the process, for lost.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig.so"; }
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
#endif
#endif

namespace carnet::evidence {
namespace {

struct DestroyConfig {
  void operator()(FcConfig* config) const { FcConfigDestroy(config); }
};
struct DestroyCharSet {
  void operator()(FcCharSet* set) const { FcCharSetDestroy(set); }
};

struct FontSet {
  std::unique_ptr<FcConfig, DestroyConfig> config;
  std::unique_ptr<FcCharSet, DestroyCharSet> covered;
  std::string fault;  // why there is none
};

// The path by which this process can open the bytes; "" if that fails. The descriptor stays open.
std::string memory_file(const char* name, std::string_view bytes) {
  const int file = ::memfd_create(name, MFD_CLOEXEC);
  if (file < 0) return {};
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written <= 0) {
      ::close(file);
      return {};
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return fmt::format("/proc/self/fd/{}", file);
}

FontSet load() {
  const std::array<std::string_view, 7> fonts{embedded::Inter_Regular_otf(),
                                              embedded::Inter_SemiBold_otf(),
                                              embedded::InterDisplay_SemiBold_otf(),
                                              embedded::DejaVuSansMono_ttf(),
                                              embedded::DejaVuSans_ttf(),
                                              embedded::DroidSansFallbackFull_ttf(),
                                              embedded::NanumGothicCoding_ttf()};
  FontSet set;
  // Empty: no configuration file, no folder, no cache of the machine.
  set.config.reset(FcConfigCreate());
  set.covered.reset(FcCharSetCreate());
  if (set.config == nullptr || set.covered == nullptr) {
    set.fault = "fontconfig gives no configuration";
    return set;
  }
  for (const std::string_view font : fonts) {
    const std::string path = memory_file("carnet-font", font);
    if (path.empty() || FcConfigAppFontAddFile(set.config.get(), reinterpret_cast<const FcChar8*>(
                                                                     path.c_str())) == FcFalse) {
      set.fault = "a font cannot be loaded";
      return set;
    }
  }
  const FcFontSet* loaded = FcConfigGetFonts(set.config.get(), FcSetApplication);
  for (int i = 0; loaded != nullptr && i < loaded->nfont; ++i) {
    FcCharSet* characters = nullptr;
    if (FcPatternGetCharSet(loaded->fonts[i], FC_CHARSET, 0, &characters) == FcResultMatch)
      FcCharSetMerge(set.covered.get(), characters, nullptr);
  }
  // Pango starts fontconfig with the machine's configuration unless there is one already.
  if (FcConfigSetCurrent(set.config.get()) == FcFalse) set.fault = "fontconfig is in use";
  return set;
}

const FontSet& font_set() {
  static const FontSet set = load();
  return set;
}

}  // namespace

void UnrefObject::operator()(void* object) const {
  if (object != nullptr) g_object_unref(object);
}

Result<GObjectPtr<PangoFontMap>> make_font_map() {
  const FontSet& set = font_set();
  if (!set.fault.empty()) return make_internal("pdf fonts: " + set.fault);
  GObjectPtr<PangoFontMap> map(pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT));
  if (map == nullptr) return make_internal("pdf fonts: cairo has no FreeType");
  pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map.get()), set.config.get());
  pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map.get()), 72);
  return map;
}

bool fonts_cover(char32_t character) {
  const FontSet& set = font_set();
  return set.covered != nullptr &&
         FcCharSetHasChar(set.covered.get(), static_cast<FcChar32>(character)) == FcTrue;
}

}  // namespace carnet::evidence
