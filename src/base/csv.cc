#include "base/csv.h"

#include <algorithm>
#include <array>
#include <utility>

namespace carnet {
namespace {

// What a spreadsheet takes for a formula or a command at the start of a cell, the full-width forms
// that some of them fold to it among them (U+FF1D = U+FF0B + U+FF0D - U+FF20 @).
bool looks_like_a_formula(std::string_view cell) {
  static constexpr std::array<std::string_view, 11> kStarts = {
      "=", "+", "-", "@", "\t", "\r", "\n", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  for (const std::string_view start : kStarts) {
    if (cell.starts_with(start)) return true;
  }
  return false;
}

// A formula, or one behind quotes that were put before it: a ' more comes on, and off again.
bool needs_quote(std::string_view cell) {
  cell.remove_prefix(std::min(cell.size(), cell.find_first_not_of('\'')));
  return looks_like_a_formula(cell);
}

void append_cell(std::string& out, std::string_view cell) {
  out += '"';
  if (needs_quote(cell)) out += '\'';
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

void append_csv_row(std::string& out, std::initializer_list<std::string_view> cells) {
  bool first = true;
  for (const std::string_view cell : cells) {
    if (!first) out += ',';
    first = false;
    append_cell(out, cell);
  }
  out += "\r\n";
}

void CsvRecords::put(Record& record, std::string& cell, char c) const {
  if (cell.size() < limits_.cell_bytes)
    cell += c;
  else
    record.malformed = true;
}

void CsvRecords::finish(Record& record, std::string& cell) const {
  if (cell.starts_with('\'') && needs_quote(cell)) cell.erase(0, 1);
  if (record.cells.size() < limits_.cells)
    record.cells.push_back(std::exchange(cell, {}));
  else
    record.malformed = true;
  cell.clear();
}

CsvRecords::Record CsvRecords::read() {
  enum class In { kStart, kPlain, kQuoted, kClosed };
  Record record;
  std::string cell;
  In in = In::kStart;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (in == In::kQuoted) {
      if (c != '"') {
        put(record, cell, c);
      } else if (at_ < text_.size() && text_[at_] == '"') {
        put(record, cell, text_[at_++]);
      } else {
        in = In::kClosed;
      }
    } else if (c == separator_) {
      finish(record, cell);
      in = In::kStart;
    } else if (c == '\n') {
      finish(record, cell);
      return record;
    } else if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') {
      continue;
    } else if (c == '"' && in == In::kStart) {
      in = In::kQuoted;
    } else {
      if (in == In::kClosed) record.malformed = true;
      if (in == In::kStart) in = In::kPlain;
      put(record, cell, c);
    }
  }
  if (in == In::kQuoted) record.malformed = true;
  finish(record, cell);
  return record;
}

std::optional<CsvRecords::Record> CsvRecords::next() {
  while (at_ < text_.size()) {
    Record record = read();
    ++number_;
    if (record.cells.size() > 1 || !record.cells.front().empty()) return record;
  }
  return std::nullopt;
}

}  // namespace carnet
