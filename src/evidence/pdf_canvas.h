#pragma once
// Paper: pages, text, shapes, links, bookmarks and structure tags over cairo and Pango. Private to
// evidence/. Used by one thread. Points from the top left corner, A4.
//
// Text goes through Pango layouts that are kept and used again when the same words come back, which
// in tables is most of the time; the number kept is bounded. Pages are given to cairo's PDF writer
// one after another and the file leaves in pieces, so memory holds one page, and of the others only
// what cairo notes for the structure and the table of objects.

#include <cairo.h>
#include <pango/pango.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "evidence/pdf_catalog.h"
#include "evidence/pdf_fonts.h"
#include "evidence/text_sink.h"

namespace carnet::evidence {

inline constexpr double kPageWidth = 595.276, kPageHeight = 841.89;  // A4

struct Color {
  double red = 0, green = 0, blue = 0;
  friend bool operator==(const Color&, const Color&) = default;
};
[[nodiscard]] constexpr Color rgb(unsigned hex) {
  return {static_cast<double>(hex >> 16U & 0xFFU) / 255,
          static_cast<double>(hex >> 8U & 0xFFU) / 255, static_cast<double>(hex & 0xFFU) / 255};
}

enum class Face { kRegular, kSemiBold, kDisplay };
enum class Align { kLeft, kCenter, kRight };

struct TextStyle {
  Face face = Face::kRegular;
  double size = 9;
  Color color = rgb(0x1a2230);
  Align align = Align::kLeft;
  int lines_max = 0;      // then an ellipsis; 0: as many as it takes. limit: internal
  bool tabular = false;   // digits of one width
  bool code = false;      // `words between backticks` in the fixed-width face
  double line_gap = 1.5;  // added between lines
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

struct PdfMetadata {
  std::string title, author, subject, keywords;
  Timestamp created{};
};

class PdfCanvas {
  struct Private {};

 public:
  PdfCanvas(Private, TextSink sink) : file_(std::move(sink)) {}  // make() makes it
  [[nodiscard]] static Result<std::unique_ptr<PdfCanvas>> make(const PdfMetadata& metadata,
                                                               TextSink sink);
  ~PdfCanvas();
  PdfCanvas(const PdfCanvas&) = delete;
  PdfCanvas& operator=(const PdfCanvas&) = delete;

  // `text` as it is drawn: made harmless first (drawable()). Gives the height.
  double text(double x, double y, double width, std::string_view text, const TextStyle& style);
  [[nodiscard]] double height_of(double width, std::string_view text, const TextStyle& style);
  [[nodiscard]] double width_of(std::string_view text, const TextStyle& style);

  void fill(const Box& box, Color color, double radius = 0);
  void outline(const Box& box, Color color, double line_width, double radius = 0);
  void line(double x1, double y1, double x2, double y2, Color color, double line_width,
            bool dashed = false);
  void disc(double x, double y, double radius, Color color);
  void triangle(double x, double y, double size, Color color);  // standing on its tip at (x, y)
  void ring_part(double x, double y, double radius, double thickness, double from, double to,
                 Color color);  // angles in turns, 0 at the top, clockwise

  // Structure for readers that speak: "H1", "P", "Table", "TR", "TH", "TD". Closed on the same
  // page.
  void begin_tag(const char* name);
  void end_tag(const char* name);
  void link_to(const Box& box, const std::string& uri);       // does nothing for ""
  void link_within(const Box& box, const std::string& name);  // to a place()
  void place(const std::string& name);                        // here, on this page
  // A bookmark to the current page at `y`, below the one with the number `parent` (0: at the top).
  int bookmark(int parent, const std::string& title, double y);

  void next_page();
  [[nodiscard]] int page() const { return page_; }
  // Writes the rest of the file. kInternal if cairo failed on the way.
  [[nodiscard]] Result<void> finish();

 private:
  struct Layout {
    GObjectPtr<PangoLayout> pango;
    double height = 0, width = 0;
    bool overflows = false;  // ink far outside its lines: clip
  };
  struct DestroyCairo {
    void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  };
  struct DestroySurface {
    void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  };
  [[nodiscard]] const Layout& layout(double width, std::string_view text, const TextStyle& style);
  void set_color(Color color);
  void rounded(const Box& box, double radius);

  CatalogCompleter file_;
  std::unique_ptr<cairo_surface_t, DestroySurface> surface_;
  std::unique_ptr<cairo_t, DestroyCairo> cairo_;
  GObjectPtr<PangoFontMap> fonts_;
  GObjectPtr<PangoContext> context_;
  std::unordered_map<std::string, Layout> layouts_;
  int page_ = 1;
};

}  // namespace carnet::evidence
