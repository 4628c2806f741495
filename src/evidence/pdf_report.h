#pragma once
// The parts of the PDF report, each on the pages that it needs. Private to evidence/; used by one
// thread. PdfReport holds what all parts share: the paper, the document, and where on the page the
// next thing goes.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/pdf_canvas.h"
#include "evidence/report_pdf.h"
#include "inventory/model.h"

namespace carnet::evidence {

namespace paint {
inline constexpr Color kInk = rgb(0x1a2230), kSoft = rgb(0x56606f), kFaint = rgb(0x8a93a0);
inline constexpr Color kLine = rgb(0xdedad1), kWash = rgb(0xf7f5f1), kTrack = rgb(0xe6e2d9);
inline constexpr Color kPaper = rgb(0xffffff), kCover = rgb(0x15263f), kCoverInk = rgb(0xf5f1e6);
inline constexpr Color kCoverSoft = rgb(0xb9c6d8), kGold = rgb(0xd9b96a), kAccent = rgb(0x1f4e86);
inline constexpr Color kBroken = rgb(0xa3262c), kAtRisk = rgb(0xb26a00), kSafe = rgb(0x1c6b47);
inline constexpr Color kUnknown = rgb(0x5b6470), kDeveloping = rgb(0x1d6480);
inline constexpr Color kSampleFill = rgb(0xf1d48c), kSampleInk = rgb(0x2b1d00);
}  // namespace paint

inline constexpr double kMargin = 48, kContentWidth = kPageWidth - 2 * kMargin;
inline constexpr double kTop = 64, kBottom = kPageHeight - 58;

[[nodiscard]] Color status_color(inventory::AssetStatus status);
[[nodiscard]] Color result_color(std::string_view result);
[[nodiscard]] Color band_color(std::string_view band);

class PdfReport {
 public:
  PdfReport(const inventory::ScanDocument& document, const PdfOptions& options, PdfCanvas& canvas);

  void cover();      // page 1
  void exposure();   // charts
  void time_line();  // HNDL against the deadlines
  void assets();     // tables by exposure
  void backlog();    // what to do
  void frameworks();
  void method();
  void limits();

 private:
  friend class PdfTable;

  // One thing to do, wherever it has to be done.
  struct Work {
    std::string title;  // without the place
    std::vector<const inventory::BacklogItem*> items;
  };

  // ---- Flow: `y_` is where the next thing goes.
  void begin_page();         // a new page with its head and foot
  void furniture();          // head and foot of the current page
  void need(double height);  // a new page unless so much room is left
  // `first` is the height of what must stand below the title on the same page.
  void section(const std::string& title, const std::string& name, std::string_view lead,
               double first);
  void heading(const std::string& title, double first = 120);  // the same
  void paragraph(std::string_view text, const TextStyle& style, double gap = 6);
  void bullet(std::string_view text);
  void pill(double x, double y, double width, std::string_view text, Color color);

  // ---- Cover
  [[nodiscard]] std::string looked_at() const;  // "4 of 5 endpoints reached"
  // The whole sentences that `style.lines_max` lines hold; of one that is longer, whole words.
  [[nodiscard]] std::string abridged(std::string_view text, double width, const TextStyle& style);
  void cover_band();
  void score_card();
  void score_scale(const Box& box);
  void tiles(double y);
  void first_steps(double y);
  void why_now(double y);
  void contents(double y);

  // ---- Charts
  void status_bars();
  void algorithm_bars();
  void host_bars();
  struct Axis;
  void axis(const Axis& scale, double y);
  void time_bars(const Axis& scale);
  struct Deadline;
  [[nodiscard]] std::vector<Deadline> deadlines() const;
  void deadline_marks(const Axis& scale, const std::vector<Deadline>& list);
  void deadline_table(const std::vector<Deadline>& list);

  // ---- Tables
  void asset_table(inventory::Exposure exposure, std::size_t rows_at_most);
  // Says what a table does not show, and which file does; nothing for 0.
  void left_out(std::size_t count, std::string_view one, std::string_view many,
                std::string_view file);
  // The backlog with what is the same in many places told once, the most urgent first.
  [[nodiscard]] std::vector<Work> works() const;
  [[nodiscard]] double card_height(const Work& work, std::size_t number);
  void work_card(const Work& work, std::size_t number);

  const inventory::ScanDocument& document_;
  const inventory::Judgement& judgement_;
  const PdfOptions& options_;
  PdfCanvas& canvas_;
  double y_ = kTop;
  std::string head_;  // what the head of a page says
  int section_bookmark_ = 0;
};

// A table that flows over pages and repeats its header.
class PdfTable {
 public:
  struct Column {
    std::string title;
    double width = 0;
    Align align = Align::kLeft;
  };
  struct Cell {
    std::string text;
    bool strong = false;
    bool code = false;
    const Color* pill = nullptr;  // the text in a coloured pill
    std::string note;             // a second, softer text below
    std::string link;
  };
  PdfTable(PdfReport& report, std::vector<Column> columns);
  ~PdfTable() { close(); }
  PdfTable(const PdfTable&) = delete;
  PdfTable& operator=(const PdfTable&) = delete;

  void row(const std::vector<Cell>& cells);
  void close();
  // With the header.
  [[nodiscard]] double height_of(const std::vector<std::vector<Cell>>& rows) const;

 private:
  void header();
  [[nodiscard]] double header_height() const;
  [[nodiscard]] double row_height(const std::vector<Cell>& cells) const;
  [[nodiscard]] double cell_height(const Cell& cell, const Column& column) const;
  void cell(const Cell& cell, const Column& column, double x, double y);

  PdfReport& report_;
  std::vector<Column> columns_;
  bool open_ = false;
};

}  // namespace carnet::evidence
