#include "app/scan_inputs.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "app/file_walk.h"
#include "base/text.h"
#include "inventory/file_reader.h"

namespace carnet::app {
namespace {

constexpr std::uint64_t kPassphraseBytesMax = 4096;

// Reads what stands behind a prompt without showing it.
Result<Secret> ask_terminal() {
  if (::isatty(STDIN_FILENO) != 1) {
    return make_error(ErrorCode::kValidationFailed,
                      "--ask-passphrase needs a terminal; use --passphrase-file");
  }
  termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  fmt::print(stderr, "Passphrase: ");
  std::string line;
  std::getline(std::cin, line);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fmt::print(stderr, "\n");
  return Secret(std::move(line));
}

class Collector {
 public:
  explicit Collector(const ScanInputsRequest& request) : request_(request) {}

  Result<void> from_file(const std::string& path) {
    CARNET_TRY(bytes, read_whole_file(path, inventory::kFileBytesMax));
    const std::string name = path == "-" ? "standard input" : path;
    auto reading =
        inventory::read_file({.name = name, .bytes = bytes, .passphrase = request_.passphrase});
    OPENSSL_cleanse(bytes.data(), bytes.size());
    if (!reading) {
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("cannot use {}: {}", name, reading.error().public_detail));
    }
    warn(*reading);
    const bool list = reading->file.format == "CSV";
    if (list && reading->listed.empty()) {
      return make_error(ErrorCode::kValidationFailed, fmt::format("{} names no target", name));
    }
    for (const inventory::ListedEndpoint& row : reading->listed) {
      out_.targets.push_back(
          {.text = row.target, .kind = row.kind, .where = fmt::format("{}:{}", name, row.line)});
    }
    if (!list) keep(*reading);
    return {};
  }

  Result<void> folder(const std::string& root) {
    const std::string prefix = root.ends_with('/') ? root : root + "/";
    const auto on_file = [&](const std::string& path, const Bytes& bytes) {
      auto reading = inventory::read_file(
          {.name = prefix + path, .bytes = bytes, .passphrase = request_.passphrase});
      // A tree is full of other things. Lists of endpoints are not taken from it: nothing is
      // connected to that was not named.
      if (!reading || reading->file.format == "CSV" || reading->file.format == "JSON") return;
      warn(*reading);
      keep(*reading);
    };
    const auto on_fault = [&](const std::string& path, const std::string& reason) {
      inventory::Endpoint unread;
      unread.host = prefix + path;
      unread.unreached_reason = "cannot be read: " + reason;
      out_.warnings.push_back(fmt::format("{}: {}", unread.host, reason));
      out_.files.push_back(std::move(unread));
    };
    CARNET_TRY(count, walk_files(root, WalkLimits{}, on_file, on_fault));
    note(root, count);
    return {};
  }

  ScanInputs take() { return std::move(out_); }

 private:
  void keep(const inventory::FileReading& reading) {
    if (auto endpoint = inventory::file_endpoint(reading)) {
      out_.files.push_back(std::move(*endpoint));
    }
  }

  void warn(const inventory::FileReading& reading) {
    for (const inventory::FileError& error : reading.file.errors) {
      const std::string at = error.line > 0     ? fmt::format(":{}", error.line)
                             : error.offset > 0 ? fmt::format(" at byte {}", error.offset)
                                                : std::string();
      out_.warnings.push_back(fmt::format("{}{}: {}", reading.file.name, at, error.detail));
    }
  }

  void note(const std::string& root, const WalkCount& count) {
    const WalkLimits limits;
    if (count.too_large > 0) {
      out_.notes.push_back(fmt::format("{}: {} files larger than {} MiB were not read.", root,
                                       count.too_large, limits.file_bytes_max >> 20U));
    }
    if (count.links > 0) {
      out_.notes.push_back(
          fmt::format("{}: {} symbolic links were not followed.", root, count.links));
    }
    if (count.too_many) {
      out_.notes.push_back(
          fmt::format("{}: only the first {} files were read.", root, limits.files_max));
    }
    if (count.too_deep) {
      out_.notes.push_back(fmt::format("{}: folders below the depth of {} were not entered.", root,
                                       limits.depth_max));
    }
  }

  const ScanInputsRequest& request_;
  ScanInputs out_;
};

}  // namespace

Result<ScanInputs> read_scan_inputs(const ScanInputsRequest& request) {
  Collector collector(request);
  for (const std::string& file : request.from_files) CARNET_TRY_VOID(collector.from_file(file));
  for (const std::string& folder : request.folders) CARNET_TRY_VOID(collector.folder(folder));
  return collector.take();
}

Result<Secret> find_passphrase(const std::string& file, bool ask) {
  if (!file.empty()) {
    CARNET_TRY(bytes, read_whole_file(file, kPassphraseBytesMax));
    const std::string_view text = as_text(bytes);
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    Secret out{std::string(line)};
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return out;
  }
  if (const char* value = std::getenv("CARNET_PASSPHRASE")) return Secret(std::string(value));
  if (ask) return ask_terminal();
  return Secret();
}

}  // namespace carnet::app
