#pragma once
// The text form of one row, as PostgreSQL's COPY writes and reads it (its default format): fields
// between tabs, a row ended by a line feed, \N for NULL, control characters and the backslash
// escaped, bytes as \x and hex. What a backup's tables consist of, whatever database they come
// from. Pure; a CopyRow belongs to one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carnet::store {

// Appends one field, without what stands between fields.
void append_copy_null(std::string& out);
void append_copy_integer(std::string& out, std::int64_t value);
void append_copy_real(std::string& out, double value);  // shortest form that reads back equal
void append_copy_text(std::string& out, std::string_view text);
void append_copy_blob(std::string& out, std::string_view bytes);

// The fields of one line; reused from row to row, so that nothing is allocated for each.
class CopyRow {
 public:
  // `line` without its line feed. kValidationFailed for another number of fields or an escape that
  // neither database writes.
  [[nodiscard]] Result<void> parse(std::string_view line, std::size_t columns);
  [[nodiscard]] bool is_null(std::size_t column) const { return fields_[column].null; }
  // The value as text, unescaped; valid until the next parse().
  [[nodiscard]] std::string_view text(std::size_t column) const {
    return std::string_view(bytes_).substr(fields_[column].begin, fields_[column].size);
  }
  // nullopt if it is not such a value.
  [[nodiscard]] std::optional<std::int64_t> integer(std::size_t column) const;
  [[nodiscard]] std::optional<double> real(std::size_t column) const;
  [[nodiscard]] std::optional<std::string> blob(std::size_t column) const;

 private:
  struct Field {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool null = false;
  };
  [[nodiscard]] bool unescape(std::string_view field);

  std::string bytes_;
  std::vector<Field> fields_;
};

}  // namespace carnet::store
