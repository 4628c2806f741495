// What all parts of the PDF report share: page head and foot, headings, paragraphs, tables.
#include <fmt/format.h>

#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"

namespace carnet::evidence {
namespace {

constexpr double kCellPadding = 4;
constexpr double kPillHeight = 12;
// So much of one cell is shown; what is longer ends in an ellipsis. The data files have it whole.
constexpr int kCellLinesMax = 10;  // limit: internal

constexpr TextStyle kFoot{.size = 7.5, .color = paint::kSoft, .lines_max = 1};
constexpr TextStyle kFootRight{
    .size = 7.5, .color = paint::kSoft, .align = Align::kRight, .lines_max = 1};
constexpr TextStyle kFootCenter{
    .size = 7.5, .color = paint::kSoft, .align = Align::kCenter, .lines_max = 1};
constexpr TextStyle kSampleStyle{.face = Face::kSemiBold,
                                 .size = 8,
                                 .color = paint::kSampleInk,
                                 .align = Align::kCenter,
                                 .lines_max = 1};
constexpr TextStyle kSectionTitle{.face = Face::kDisplay, .size = 22, .color = paint::kCover};
constexpr TextStyle kLead{.size = 10, .color = paint::kSoft, .line_gap = 3};
constexpr TextStyle kHeading{
    .face = Face::kSemiBold, .size = 11.5, .color = paint::kCover, .lines_max = 3};
constexpr TextStyle kPill{.face = Face::kSemiBold,
                          .size = 7,
                          .color = paint::kPaper,
                          .align = Align::kCenter,
                          .lines_max = 1};

TextStyle head_style(Align align) {
  return {
      .face = Face::kSemiBold, .size = 7.5, .color = paint::kSoft, .align = align, .lines_max = 2};
}

TextStyle cell_style(const PdfTable::Cell& cell, Align align) {
  return {.face = cell.strong ? Face::kSemiBold : Face::kRegular,
          .size = 8.2,
          .color = cell.link.empty() ? paint::kInk : paint::kAccent,
          .align = align,
          .lines_max = kCellLinesMax,
          .tabular = true,
          .code = cell.code,
          .line_gap = 1};
}

TextStyle note_style(Align align) {
  return {.size = 7.2,
          .color = paint::kSoft,
          .align = align,
          .lines_max = kCellLinesMax,
          .line_gap = 1};
}

}  // namespace

Color status_color(inventory::AssetStatus status) {
  switch (status) {
    case inventory::AssetStatus::kBroken:
      return paint::kBroken;
    case inventory::AssetStatus::kAtRisk:
      return paint::kAtRisk;
    case inventory::AssetStatus::kSafe:
      return paint::kSafe;
    case inventory::AssetStatus::kUnknown:
      return paint::kUnknown;
  }
  return paint::kUnknown;
}

Color result_color(std::string_view result) {
  if (result == "met") return paint::kSafe;
  if (result == "not-met") return paint::kBroken;
  return paint::kUnknown;
}

Color band_color(std::string_view band) {
  if (band == "Critical") return paint::kBroken;
  if (band == "At Risk") return paint::kAtRisk;
  if (band == "Developing") return paint::kDeveloping;
  if (band == "Prepared") return paint::kSafe;
  return paint::kUnknown;
}

PdfReport::PdfReport(const inventory::ScanDocument& document, const PdfOptions& options,
                     PdfCanvas& canvas)
    : document_(document),
      judgement_(document.judgement),
      options_(options),
      canvas_(canvas),
      head_(document.label.empty() ? "Scan of " + long_date(document.finished_at)
                                   : document.label) {}

void PdfReport::furniture() {
  const bool first = canvas_.page() == 1;
  if (!first) {
    canvas_.text(kMargin, 30, kContentWidth * 0.6, head_, kFoot);
    canvas_.text(kMargin + kContentWidth * 0.6, 30, kContentWidth * 0.4,
                 "Post-quantum readiness report", kFootRight);
    canvas_.line(kMargin, 44, kMargin + kContentWidth, 44, paint::kLine, 0.6);
  }
  if (document_.sample && !first) {
    const Box ribbon{kPageWidth / 2 - 60, 26, 120, 14};
    canvas_.fill(ribbon, paint::kSampleFill, 7);
    canvas_.text(ribbon.x, ribbon.y + 2, ribbon.width, "SAMPLE: invented data", kSampleStyle);
  }
  const double foot = kPageHeight - 36;
  canvas_.line(kMargin, foot - 8, kMargin + kContentWidth, foot - 8, paint::kLine, 0.6);
  canvas_.text(kMargin, foot, kContentWidth * 0.46,
               options_.recipient.empty() ? "Scan " + document_.scan_id
                                          : "Prepared for " + options_.recipient,
               kFoot);
  canvas_.text(kMargin + kContentWidth * 0.46, foot, kContentWidth * 0.34,
               "Scanned " + date_and_time(document_.finished_at), kFootCenter);
  canvas_.text(kMargin + kContentWidth * 0.8, foot, kContentWidth * 0.2,
               fmt::format("Page {}", canvas_.page()), kFootRight);
}

void PdfReport::begin_page() {
  canvas_.next_page();
  furniture();
  y_ = kTop;
}

void PdfReport::need(double height) {
  if (y_ + height > kBottom) begin_page();
}

void PdfReport::section(const std::string& title, const std::string& name, std::string_view lead,
                        double first) {
  // A part may begin on the page that another has ended on, if there is room for more than its
  // title.
  constexpr double kBefore = 22;
  const double head = canvas_.height_of(kContentWidth, title, kSectionTitle) +
                      canvas_.height_of(kContentWidth, lead, kLead) + 20;
  if (canvas_.page() > 1 && y_ + kBefore + head + first <= kBottom)
    y_ += kBefore;
  else
    begin_page();
  section_bookmark_ = canvas_.bookmark(0, title, y_);
  canvas_.place(name);
  canvas_.begin_tag("H1");
  y_ += canvas_.text(kMargin, y_, kContentWidth, title, kSectionTitle) + 6;
  canvas_.end_tag("H1");
  if (!lead.empty()) paragraph(lead, kLead, 14);
}

void PdfReport::heading(const std::string& title, double first) {
  need(first);  // never the last line of a page
  y_ += 6;
  static_cast<void>(canvas_.bookmark(section_bookmark_, title, y_ - 4));
  canvas_.begin_tag("H2");
  // Room at the right for a pill.
  y_ += canvas_.text(kMargin, y_, kContentWidth - 100, title, kHeading) + 5;
  canvas_.end_tag("H2");
}

void PdfReport::paragraph(std::string_view text, const TextStyle& style, double gap) {
  need(canvas_.height_of(kContentWidth, text, style));
  canvas_.begin_tag("P");
  y_ += canvas_.text(kMargin, y_, kContentWidth, text, style) + gap;
  canvas_.end_tag("P");
}

void PdfReport::bullet(std::string_view text) {
  constexpr TextStyle kStyle{.size = 9, .code = true, .line_gap = 2};
  constexpr double kIndent = 12;
  need(canvas_.height_of(kContentWidth - kIndent, text, kStyle));
  canvas_.disc(kMargin + 3, y_ + 5.5, 1.6, paint::kGold);
  canvas_.begin_tag("P");
  y_ += canvas_.text(kMargin + kIndent, y_, kContentWidth - kIndent, text, kStyle) + 5;
  canvas_.end_tag("P");
}

void PdfReport::pill(double x, double y, double width, std::string_view text, Color color) {
  canvas_.fill({x, y, width, kPillHeight}, color, kPillHeight / 2);
  const double height = canvas_.height_of(width, text, kPill);
  canvas_.text(x, y + (kPillHeight - height) / 2, width, text, kPill);
}

PdfTable::PdfTable(PdfReport& report, std::vector<Column> columns)
    : report_(report), columns_(std::move(columns)) {
  double whole = 0;
  for (const Column& column : columns_) whole += column.width;
  for (Column& column : columns_) column.width *= kContentWidth / whole;
}

void PdfTable::header() {
  PdfCanvas& canvas = report_.canvas_;
  canvas.begin_tag("Table");
  open_ = true;
  const double height = header_height();
  canvas.fill({kMargin, report_.y_, kContentWidth, height}, paint::kWash);
  canvas.begin_tag("TR");
  double x = kMargin;
  for (const Column& column : columns_) {
    canvas.begin_tag("TH");
    canvas.text(x + kCellPadding, report_.y_ + kCellPadding, column.width - 2 * kCellPadding,
                column.title, head_style(column.align));
    canvas.end_tag("TH");
    x += column.width;
  }
  canvas.end_tag("TR");
  report_.y_ += height;
  canvas.line(kMargin, report_.y_, kMargin + kContentWidth, report_.y_, paint::kFaint, 0.7);
}

double PdfTable::header_height() const {
  double height = 0;
  for (const Column& column : columns_)
    height = std::max(height, report_.canvas_.height_of(column.width - 2 * kCellPadding,
                                                        column.title, head_style(column.align)));
  return height + 2 * kCellPadding;
}

double PdfTable::row_height(const std::vector<Cell>& cells) const {
  double height = 0;
  for (std::size_t i = 0; i < cells.size(); ++i)
    height = std::max(height, cell_height(cells[i], columns_[i]));
  return height + 2 * kCellPadding;
}

double PdfTable::height_of(const std::vector<std::vector<Cell>>& rows) const {
  double height = header_height();
  for (const std::vector<Cell>& cells : rows) height += row_height(cells);
  return height;
}

double PdfTable::cell_height(const Cell& cell, const Column& column) const {
  PdfCanvas& canvas = report_.canvas_;
  const double width = column.width - 2 * kCellPadding;
  double height = cell.pill != nullptr
                      ? kPillHeight
                      : canvas.height_of(width, cell.text, cell_style(cell, column.align));
  if (!cell.note.empty())
    height += canvas.height_of(width, cell.note, note_style(column.align)) + 1;
  return height;
}

void PdfTable::cell(const Cell& cell, const Column& column, double x, double y) {
  PdfCanvas& canvas = report_.canvas_;
  const double width = column.width - 2 * kCellPadding;
  canvas.begin_tag("TD");
  double height = kPillHeight;
  if (cell.pill != nullptr) {
    const double natural = canvas.width_of(cell.text, kPill) + 14;
    report_.pill(x + kCellPadding, y - 1, std::min(natural, width), cell.text, *cell.pill);
  } else {
    height = canvas.text(x + kCellPadding, y, width, cell.text, cell_style(cell, column.align));
  }
  if (!cell.note.empty())
    canvas.text(x + kCellPadding, y + height + 1, width, cell.note, note_style(column.align));
  canvas.end_tag("TD");
  if (!cell.link.empty()) canvas.link_to({x + kCellPadding, y, width, height}, cell.link);
}

void PdfTable::row(const std::vector<Cell>& cells) {
  const double height = row_height(cells);
  const double with_header = open_ ? height : height + header_height();
  if (report_.y_ + with_header > kBottom) {
    close();
    report_.begin_page();
  }
  if (!open_) header();
  PdfCanvas& canvas = report_.canvas_;
  canvas.begin_tag("TR");
  double x = kMargin;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cell(cells[i], columns_[i], x, report_.y_ + kCellPadding);
    x += columns_[i].width;
  }
  canvas.end_tag("TR");
  report_.y_ += height;
  canvas.line(kMargin, report_.y_, kMargin + kContentWidth, report_.y_, paint::kLine, 0.5);
}

void PdfTable::close() {
  if (!open_) return;
  open_ = false;
  report_.canvas_.end_tag("Table");
}

}  // namespace carnet::evidence
