#include "base/log.h"

#include <unistd.h>

#include <fmt/format.h>

#include "base/json.h"
#include "base/terminal.h"

namespace carnet {
namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// A JSON string that also a terminal, where most logs are read, takes for nothing but text.
void append_quoted(std::string& out, std::string_view text) {
  std::string quoted;
  json::append_string(quoted, text);
  append_inert(out, quoted);
}

struct ValueWriter {
  std::string& out;
  LogFormat format;

  void operator()(std::string_view text) const {
    const bool plain = format == LogFormat::kText && !text.empty() &&
                       text.find_first_of(" \"\\=") == std::string_view::npos && is_inert(text);
    if (plain) {
      out += text;
    } else {
      append_quoted(out, text);
    }
  }
  void operator()(std::int64_t number) const { out += fmt::to_string(number); }
  void operator()(double number) const { out += fmt::format("{:.3f}", number); }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
};

}  // namespace

void Log::write(LogLevel level, std::string_view event,
                std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  std::string line;
  line.reserve(256);
  const std::string time = to_rfc3339(clock_.now());
  if (format_ == LogFormat::kJson) {
    line +=
        R"({"time":")" + time + R"(","level":")" + std::string(name_of(level)) + R"(","event":)";
    json::append_string(line, event);
    for (const LogField& field : fields) {
      line += ',';
      json::append_string(line, field.name);
      line += ':';
      std::visit(ValueWriter{line, format_}, field.value);
    }
    line += '}';
  } else {
    line += fmt::format("{} {:<5} {}", time, name_of(level), event);
    for (const LogField& field : fields) {
      line += ' ';
      line += field.name;
      line += '=';
      std::visit(ValueWriter{line, format_}, field.value);
    }
  }
  line += '\n';
  // One write a line: lines of two threads do not mix. A log that cannot be written must not stop
  // the service.
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

}  // namespace carnet
