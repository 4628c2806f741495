// Lists of endpoints: one target a line, or CSV (RFC 4180) with or without a header.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "inventory/file_internal.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kColumnsMax = 64;      // limit: internal
constexpr std::size_t kCellBytesMax = 2048;  // limit: internal
constexpr std::size_t kKindBytesMax = 32;    // limit: internal

struct Row {
  std::vector<std::string> cells;
  Place place;
  bool unfinished = false;  // a quote that is never closed
};

// One record after the other; a quoted cell may hold line breaks.
class CsvReader {
 public:
  CsvReader(std::string_view text, char separator) : text_(text), separator_(separator) {}

  std::optional<Row> next() {
    if (at_ >= text_.size()) return std::nullopt;
    Row row;
    row.place = {line_, static_cast<std::int64_t>(at_)};
    std::string cell;
    bool quoted = false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (quoted) {
        if (c == '\n') ++line_;
        if (c != '"') {
          put(cell, c);
        } else if (at_ < text_.size() && text_[at_] == '"') {
          put(cell, text_[at_++]);
        } else {
          quoted = false;
        }
      } else if (c == '"' && trim_ascii(cell).empty()) {
        quoted = true;
      } else if (c == separator_) {
        finish(row, cell);
      } else if (c == '\n') {
        ++line_;
        finish(row, cell);
        return row;
      } else if (c != '\r') {
        put(cell, c);
      }
    }
    row.unfinished = quoted;
    finish(row, cell);
    return row;
  }

 private:
  static void put(std::string& cell, char c) {
    if (cell.size() < kCellBytesMax) cell += c;
  }
  static void finish(Row& row, std::string& cell) {
    if (row.cells.size() < kColumnsMax) row.cells.emplace_back(trim_ascii(cell));
    cell.clear();
  }

  std::string_view text_;
  char separator_;
  std::size_t at_ = 0;
  int line_ = 1;
};

struct Columns {
  std::size_t host = 0, port = 1, kind = 2, label = 3;
};
constexpr std::size_t kAbsent = kColumnsMax;

bool is_any(std::string_view word, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return iequals_ascii(word, name); });
}

// nullopt if the row is no header.
std::optional<Columns> read_header(const Row& row) {
  Columns out{kAbsent, kAbsent, kAbsent, kAbsent};
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const std::string_view name = row.cells[i];
    if (is_any(name, {"host", "hostname", "host name", "target", "endpoint", "address", "fqdn",
                      "domain", "ip", "url", "server"})) {
      if (out.host == kAbsent) out.host = i;
    } else if (iequals_ascii(name, "port")) {
      out.port = i;
    } else if (is_any(name, {"kind", "protocol", "type", "service"})) {
      out.kind = i;
    } else if (is_any(name, {"label", "name", "comment", "description", "note", "owner"})) {
      if (out.label == kAbsent) out.label = i;
    }
  }
  if (out.host == kAbsent) return std::nullopt;
  return out;
}

std::string_view cell(const Row& row, std::size_t column) {
  return column < row.cells.size() ? std::string_view(row.cells[column]) : std::string_view{};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string with_port(std::string_view host, std::string_view port) {
  if (port.empty()) return std::string(host);
  const bool bare_v6 = std::count(host.begin(), host.end(), ':') > 1 && !host.starts_with('[');
  return bare_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

void take_row(const Row& row, const Columns& columns, FileSink& sink) {
  const std::string_view host = cell(row, columns.host);
  const std::string_view port = cell(row, columns.port);
  if (row.unfinished) {
    return sink.error(row.place, "unfinished_quote", "A quotation mark is not closed.");
  }
  if (host.empty()) return sink.error(row.place, "host_missing", "The row names no host.");
  if (host.size() >= kCellBytesMax) {
    return sink.error(row.place, "host_too_long", "The host is too long.");
  }
  if (!port.empty() && !is_number(port)) {
    return sink.error(row.place, "bad_port",
                      fmt::format("\"{}\" is no port number.", clean_text(port)));
  }
  if (sink.out().listed.size() == kListedEndpointsMax) {
    return sink.error(row.place, "too_many_endpoints",
                      fmt::format("The list has more than {} endpoints; the rest was not read.",
                                  kListedEndpointsMax));
  }
  sink.out().listed.push_back(
      {.target = clean_text(with_port(host, port)),
       .kind = to_lower_ascii(clean_text(cell(row, columns.kind).substr(0, kKindBytesMax))),
       .label = clean_text(cell(row, columns.label)),
       .line = row.place.line});
}

// Could be a host, an address, a URL or a block: what is no such character is nothing of the kind.
bool plausible(std::string_view target) {
  if (target.empty() || target.size() > 300) return false;
  if (target.find_first_of(" \t\"<>{}|\\^`=;()") != std::string_view::npos) return false;
  return target.find_first_of(".:") != std::string_view::npos || target == "localhost" ||
         std::all_of(target.begin(), target.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

char separator_of(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  for (const char c : {',', ';', '\t'}) {
    if (line.find(c) != std::string_view::npos) return c;
  }
  return ',';
}

bool is_comment(const Row& row) {
  return (row.cells.size() == 1 && row.cells[0].empty()) || row.cells[0].starts_with('#');
}

// A plain list may have a remark behind a target.
std::string_view without_remark(std::string_view text) {
  return trim_ascii(text.substr(0, text.find('#')));
}

}  // namespace

bool read_endpoint_list(std::string_view text, FileSink& sink) {
  std::size_t first = 0;  // comments before the first row do not tell the separator
  while (first < text.size()) {
    const std::string_view line = trim_ascii(text.substr(first, text.find('\n', first) - first));
    if (!line.empty() && !line.starts_with('#')) break;
    const std::size_t stop = text.find('\n', first);
    first = stop == std::string_view::npos ? text.size() : stop + 1;
  }
  CsvReader reader(text, separator_of(text.substr(first)));
  Columns columns;
  bool begun = false;
  while (auto row = reader.next()) {
    if (is_comment(*row)) continue;
    if (!begun) {
      begun = true;
      if (const auto header = read_header(*row)) {
        columns = *header;
        sink.format("CSV");
        continue;
      }
      if (!plausible(without_remark(row->cells[0]))) return false;
      sink.format("CSV");
    }
    if (row->cells.size() == 1) row->cells[0] = std::string(without_remark(row->cells[0]));
    take_row(*row, columns, sink);
    if (sink.out().listed.size() > kListedEndpointsMax) break;
  }
  return begun;
}

}  // namespace carnet::inventory
