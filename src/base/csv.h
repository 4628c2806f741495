#pragma once
// Tables for spreadsheets: RFC 4180, and safe to open. Pure functions, thread-safe.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carnet {

// Every cell quoted; one that a spreadsheet would run as a formula gets ' in front. Ends with CRLF.
void append_csv_row(std::string& out, std::initializer_list<std::string_view> cells);

// One record after the other; a quoted cell may hold line breaks. The text must outlive it. A '
// that append_csv_row put in front is taken off again.
class CsvRecords {
 public:
  struct Limits {
    std::size_t cells = 64, cell_bytes = 32768;  // limit: internal
  };
  explicit CsvRecords(std::string_view text, char separator = ',', Limits limits = {64, 32768})
      : text_(text), separator_(separator), limits_(limits) {}

  struct Record {
    std::vector<std::string> cells;
    bool malformed = false;  // a quote that is never closed, text behind one, or past a limit
  };
  // nullopt at the end. Lines without any text are left out.
  [[nodiscard]] std::optional<Record> next();
  [[nodiscard]] std::size_t number() const { return number_; }  // of the last record, from 1

 private:
  void finish(Record& record, std::string& cell) const;
  void put(Record& record, std::string& cell, char c) const;
  [[nodiscard]] Record read();

  std::string_view text_;
  char separator_;
  Limits limits_;
  std::size_t at_ = 0, number_ = 0;
};

}  // namespace carnet
