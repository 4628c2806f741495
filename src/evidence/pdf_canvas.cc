#include "evidence/pdf_canvas.h"

#include <cairo-pdf.h>
#include <fmt/format.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <numbers>

#include "evidence/pdf_words.h"

namespace carnet::evidence {
namespace {

constexpr std::size_t kLayoutsMax = 1024;                             // limit: internal
constexpr std::size_t kPdfBytesMax = std::size_t{512} * 1024 * 1024;  // limit: internal

cairo_status_t append(void* closure, const unsigned char* data, unsigned int length) {
  auto& file = *static_cast<CatalogCompleter*>(closure);
  if (file.size() + length > kPdfBytesMax) return CAIRO_STATUS_WRITE_ERROR;
  file.add({reinterpret_cast<const char*>(data), length});
  return CAIRO_STATUS_SUCCESS;
}

struct FreeAttributes {
  void operator()(PangoAttrList* list) const { pango_attr_list_unref(list); }
};
struct FreeDescription {
  void operator()(PangoFontDescription* description) const {
    pango_font_description_free(description);
  }
};
using Attributes = std::unique_ptr<PangoAttrList, FreeAttributes>;
using Description = std::unique_ptr<PangoFontDescription, FreeDescription>;

Description describe(const TextStyle& style) {
  Description description(pango_font_description_new());
  pango_font_description_set_family_static(description.get(),
                                           style.face == Face::kDisplay ? kFontDisplay : kFontText);
  pango_font_description_set_weight(description.get(), style.face == Face::kRegular
                                                           ? PANGO_WEIGHT_NORMAL
                                                           : PANGO_WEIGHT_SEMIBOLD);
  pango_font_description_set_absolute_size(description.get(), style.size * PANGO_SCALE);
  return description;
}

// Takes the backticks out of `text` and sets what stood between them in the fixed-width face.
std::string mark_code(const std::string& text, PangoAttrList* attributes, double size) {
  std::string out;
  bool open = false;
  guint from = 0;
  for (const char c : text) {
    if (c != '`') {
      out += c;
      continue;
    }
    if (open) {
      Description code(pango_font_description_new());
      pango_font_description_set_family_static(code.get(), kFontCode);
      pango_font_description_set_absolute_size(code.get(), size * 0.9 * PANGO_SCALE);
      PangoAttribute* attribute = pango_attr_font_desc_new(code.get());
      attribute->start_index = from;
      attribute->end_index = static_cast<guint>(out.size());
      pango_attr_list_insert(attributes, attribute);
    }
    from = static_cast<guint>(out.size());
    open = !open;
  }
  return out;
}

std::string key_of(double width, std::string_view text, const TextStyle& style) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", static_cast<int>(style.face), style.size,
                     static_cast<int>(style.align), style.lines_max, style.tabular, style.code,
                     style.line_gap, width, text);
}

}  // namespace

Result<std::unique_ptr<PdfCanvas>> PdfCanvas::make(const PdfMetadata& metadata, TextSink sink) {
  auto canvas = std::make_unique<PdfCanvas>(Private{}, std::move(sink));
  CARNET_TRY(fonts, make_font_map());
  canvas->fonts_ = std::move(fonts);
  canvas->surface_.reset(
      cairo_pdf_surface_create_for_stream(append, &canvas->file_, kPageWidth, kPageHeight));
  cairo_surface_t* surface = canvas->surface_.get();
  // With 1.5, cairo 1.18 and newer packs the cross-reference table into a stream, where the
  // catalog's additions (pdf_catalog.h) cannot be made.
  constexpr int kCairo118 = CAIRO_VERSION_ENCODE(1, 18, 0);
  cairo_pdf_surface_restrict_to_version(
      surface, cairo_version() >= kCairo118 ? CAIRO_PDF_VERSION_1_4 : CAIRO_PDF_VERSION_1_5);
  const auto set = [surface](cairo_pdf_metadata_t what, const std::string& value) {
    if (!value.empty()) cairo_pdf_surface_set_metadata(surface, what, drawable(value).c_str());
  };
  set(CAIRO_PDF_METADATA_TITLE, metadata.title);
  set(CAIRO_PDF_METADATA_AUTHOR, metadata.author);
  set(CAIRO_PDF_METADATA_SUBJECT, metadata.subject);
  set(CAIRO_PDF_METADATA_KEYWORDS, metadata.keywords);
  set(CAIRO_PDF_METADATA_CREATOR, "Carnet");
  // Without them cairo takes the time of the machine, and no two files are the same.
  const std::string created = to_rfc3339(metadata.created).substr(0, 19) + "Z";
  set(CAIRO_PDF_METADATA_CREATE_DATE, created);
  set(CAIRO_PDF_METADATA_MOD_DATE, created);
  canvas->cairo_.reset(cairo_create(surface));
  canvas->context_.reset(pango_font_map_create_context(canvas->fonts_.get()));
  PangoContext* context = canvas->context_.get();
  // Nothing of the machine's language or screen may show in the result.
  pango_context_set_language(context, pango_language_from_string("en"));
  pango_context_set_base_dir(context, PANGO_DIRECTION_LTR);
  pango_context_set_round_glyph_positions(context, FALSE);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  pango_cairo_context_set_resolution(context, 72);
  pango_cairo_update_context(canvas->cairo_.get(), context);
  if (cairo_status(canvas->cairo_.get()) != CAIRO_STATUS_SUCCESS)
    return make_internal("pdf: cairo does not start");
  return canvas;
}

PdfCanvas::~PdfCanvas() {
  // The writer flushes into file_ when it goes.
  layouts_.clear();
  cairo_.reset();
  surface_.reset();
}

const PdfCanvas::Layout& PdfCanvas::layout(double width, std::string_view text,
                                           const TextStyle& style) {
  std::string key = key_of(width, text, style);
  const auto found = layouts_.find(key);
  if (found != layouts_.end()) return found->second;
  if (layouts_.size() >= kLayoutsMax) layouts_.clear();

  Layout made;
  made.pango.reset(pango_layout_new(context_.get()));
  PangoLayout* pango = made.pango.get();
  const Description description = describe(style);
  pango_layout_set_font_description(pango, description.get());
  const Attributes attributes(pango_attr_list_new());
  // Inter's contextual alternates turn the x of sntrup761x25519 into a multiplication sign.
  pango_attr_list_insert(attributes.get(),
                         pango_attr_font_features_new(style.tabular ? "calt=0, tnum=1" : "calt=0"));
  // A hyphen that is not in a host name must not appear in it.
  pango_attr_list_insert(attributes.get(), pango_attr_insert_hyphens_new(FALSE));
  std::string words = drawable(text);
  if (style.code) words = mark_code(words, attributes.get(), style.size);
  pango_layout_set_attributes(pango, attributes.get());
  pango_layout_set_auto_dir(pango, FALSE);
  pango_layout_set_single_paragraph_mode(pango, TRUE);
  pango_layout_set_wrap(pango, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_spacing(pango, static_cast<int>(style.line_gap * PANGO_SCALE));
  if (width > 0) pango_layout_set_width(pango, static_cast<int>(width * PANGO_SCALE));
  if (style.lines_max > 0) {
    pango_layout_set_height(pango, -style.lines_max);
    pango_layout_set_ellipsize(pango, PANGO_ELLIPSIZE_END);
  }
  pango_layout_set_alignment(pango, style.align == Align::kRight    ? PANGO_ALIGN_RIGHT
                                    : style.align == Align::kCenter ? PANGO_ALIGN_CENTER
                                                                    : PANGO_ALIGN_LEFT);
  pango_layout_set_text(pango, words.data(), static_cast<int>(words.size()));
  PangoRectangle ink, logical;
  pango_layout_get_extents(pango, &ink, &logical);
  made.height = static_cast<double>(logical.height) / PANGO_SCALE;
  made.width = static_cast<double>(logical.width) / PANGO_SCALE;
  const int slack = 2 * PANGO_SCALE;
  made.overflows = ink.height > 0 && (ink.y < logical.y - slack ||
                                      ink.y + ink.height > logical.y + logical.height + slack);
  return layouts_.emplace(std::move(key), std::move(made)).first->second;
}

double PdfCanvas::text(double x, double y, double width, std::string_view text,
                       const TextStyle& style) {
  const Layout& made = layout(width, text, style);
  cairo_t* cairo = cairo_.get();
  if (made.overflows) {
    cairo_save(cairo);
    cairo_rectangle(cairo, x - 2, y - 1, (width > 0 ? width : made.width) + 4, made.height + 2);
    cairo_clip(cairo);
  }
  set_color(style.color);
  cairo_move_to(cairo, x, y);
  pango_cairo_show_layout(cairo, made.pango.get());
  cairo_new_path(cairo);  // or the next shape begins where the text stood
  if (made.overflows) cairo_restore(cairo);
  return made.height;
}

double PdfCanvas::height_of(double width, std::string_view text, const TextStyle& style) {
  return layout(width, text, style).height;
}

double PdfCanvas::width_of(std::string_view text, const TextStyle& style) {
  return layout(0, text, style).width;
}

void PdfCanvas::set_color(Color color) {
  cairo_set_source_rgb(cairo_.get(), color.red, color.green, color.blue);
}

void PdfCanvas::rounded(const Box& box, double radius) {
  cairo_t* cairo = cairo_.get();
  cairo_new_path(cairo);
  if (radius <= 0) {
    cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
    return;
  }
  const double r = std::min({radius, box.width / 2, box.height / 2});
  const double quarter = std::numbers::pi / 2;
  cairo_arc(cairo, box.x + box.width - r, box.y + r, r, -quarter, 0);
  cairo_arc(cairo, box.x + box.width - r, box.y + box.height - r, r, 0, quarter);
  cairo_arc(cairo, box.x + r, box.y + box.height - r, r, quarter, 2 * quarter);
  cairo_arc(cairo, box.x + r, box.y + r, r, 2 * quarter, 3 * quarter);
  cairo_close_path(cairo);
}

void PdfCanvas::fill(const Box& box, Color color, double radius) {
  if (box.width <= 0 || box.height <= 0) return;
  set_color(color);
  rounded(box, radius);
  cairo_fill(cairo_.get());
}

void PdfCanvas::outline(const Box& box, Color color, double line_width, double radius) {
  set_color(color);
  cairo_set_line_width(cairo_.get(), line_width);
  rounded(box, radius);
  cairo_stroke(cairo_.get());
}

void PdfCanvas::line(double x1, double y1, double x2, double y2, Color color, double line_width,
                     bool dashed) {
  cairo_t* cairo = cairo_.get();
  set_color(color);
  cairo_set_line_width(cairo, line_width);
  const double dashes[] = {2.5, 2};
  cairo_set_dash(cairo, dashes, dashed ? 2 : 0, 0);
  cairo_new_path(cairo);
  cairo_move_to(cairo, x1, y1);
  cairo_line_to(cairo, x2, y2);
  cairo_stroke(cairo);
  cairo_set_dash(cairo, dashes, 0, 0);
}

void PdfCanvas::disc(double x, double y, double radius, Color color) {
  set_color(color);
  cairo_new_path(cairo_.get());
  cairo_arc(cairo_.get(), x, y, radius, 0, 2 * std::numbers::pi);
  cairo_fill(cairo_.get());
}

void PdfCanvas::triangle(double x, double y, double size, Color color) {
  cairo_t* cairo = cairo_.get();
  set_color(color);
  cairo_new_path(cairo);
  cairo_move_to(cairo, x, y);
  cairo_line_to(cairo, x - size * 0.6, y - size);
  cairo_line_to(cairo, x + size * 0.6, y - size);
  cairo_close_path(cairo);
  cairo_fill(cairo);
}

void PdfCanvas::ring_part(double x, double y, double radius, double thickness, double from,
                          double to, Color color) {
  if (to <= from) return;
  cairo_t* cairo = cairo_.get();
  const double turn = 2 * std::numbers::pi;
  set_color(color);
  cairo_set_line_width(cairo, thickness);
  cairo_new_path(cairo);
  cairo_arc(cairo, x, y, radius - thickness / 2, from * turn - turn / 4, to * turn - turn / 4);
  cairo_stroke(cairo);
}

void PdfCanvas::begin_tag(const char* name) { cairo_tag_begin(cairo_.get(), name, ""); }
void PdfCanvas::end_tag(const char* name) { cairo_tag_end(cairo_.get(), name); }

void PdfCanvas::link_to(const Box& box, const std::string& uri) {
  if (uri.empty()) return;
  const std::string attributes = fmt::format("rect=[{:.2f} {:.2f} {:.2f} {:.2f}] uri='{}'", box.x,
                                             box.y, box.width, box.height, uri);
  cairo_tag_begin(cairo_.get(), CAIRO_TAG_LINK, attributes.c_str());
  cairo_tag_end(cairo_.get(), CAIRO_TAG_LINK);
}

void PdfCanvas::link_within(const Box& box, const std::string& name) {
  const std::string attributes = fmt::format("rect=[{:.2f} {:.2f} {:.2f} {:.2f}] dest='{}'", box.x,
                                             box.y, box.width, box.height, name);
  cairo_tag_begin(cairo_.get(), CAIRO_TAG_LINK, attributes.c_str());
  cairo_tag_end(cairo_.get(), CAIRO_TAG_LINK);
}

void PdfCanvas::place(const std::string& name) {
  const std::string attributes = fmt::format("name='{}' x=0 y=0", name);
  cairo_tag_begin(cairo_.get(), CAIRO_TAG_DEST, attributes.c_str());
  cairo_tag_end(cairo_.get(), CAIRO_TAG_DEST);
}

int PdfCanvas::bookmark(int parent, const std::string& title, double y) {
  const std::string where = fmt::format("page={} pos=[0 {:.2f}]", page_, y);
  return cairo_pdf_surface_add_outline(
      surface_.get(), parent, drawable(title).c_str(), where.c_str(),
      parent == 0 ? CAIRO_PDF_OUTLINE_FLAG_OPEN : static_cast<cairo_pdf_outline_flags_t>(0));
}

void PdfCanvas::next_page() {
  cairo_show_page(cairo_.get());
  ++page_;
}

Result<void> PdfCanvas::finish() {
  cairo_show_page(cairo_.get());
  const cairo_status_t drawn = cairo_status(cairo_.get());
  layouts_.clear();
  cairo_.reset();
  cairo_surface_finish(surface_.get());
  const cairo_status_t written = cairo_surface_status(surface_.get());
  for (const cairo_status_t status : {drawn, written})
    if (status != CAIRO_STATUS_SUCCESS)
      return make_internal(fmt::format("pdf: {}", cairo_status_to_string(status)));
  return file_.finish();
}

}  // namespace carnet::evidence
