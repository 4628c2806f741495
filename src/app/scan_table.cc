#include "app/scan_table.h"

#include <array>

#include <fmt/format.h>

#include "base/terminal.h"
#include "base/text.h"
#include "inventory/names.h"
#include "net/target.h"

namespace carnet::app {
namespace {

using inventory::AssetStatus;

struct Cell {
  std::string text;
  std::optional<AssetStatus> status;
};
using Line = std::array<Cell, 4>;

std::string_view colour_of(AssetStatus status) {
  switch (status) {
    case AssetStatus::kBroken:
      return "\x1b[31m";
    case AssetStatus::kAtRisk:
      return "\x1b[33m";
    case AssetStatus::kSafe:
      return "\x1b[32m";
    case AssetStatus::kUnknown:
      return "\x1b[2m";
  }
  return "";
}

// "NIST IR 8547: https://…" without the address, which a terminal has no room for.
std::string_view source_name(std::string_view source) {
  return source.substr(0, source.find(": http"));
}

// "example.org:443", "[2001:db8::1]:22"; a file has no port.
std::string place_text(const std::string& host, int port) {
  if (port == 0) return host;
  const bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", host, port)
              : net::display_host(host, fmt::format(":{}", port));
}

std::vector<Line> lines_of(const inventory::ScanDocument& document) {
  std::vector<Line> lines;
  lines.push_back(
      {Cell{"ENDPOINT", {}}, Cell{"EXPOSURE", {}}, Cell{"ALGORITHM", {}}, Cell{"STATUS", {}}});
  for (const inventory::Asset& asset : document.judgement.assets) {
    const std::string algorithm =
        asset.key_size > 0 &&
                asset.algorithm.find(fmt::to_string(asset.key_size)) == std::string::npos
            ? fmt::format("{} ({} bits)", asset.algorithm, asset.key_size)
            : asset.algorithm;
    std::string status(to_string(asset.vulnerability.status));
    if (asset.vulnerability.hndl_exposed) status += ", harvest now";
    lines.push_back({Cell{terminal_text(place_text(asset.host, asset.port)), {}},
                     Cell{std::string(to_string(asset.exposure)), {}},
                     Cell{terminal_text(algorithm), {}}, Cell{status, asset.vulnerability.status}});
  }
  for (const inventory::Endpoint& endpoint : document.endpoints)
    if (!endpoint.reached)
      lines.push_back({Cell{terminal_text(place_text(endpoint.host, endpoint.port)), {}},
                       Cell{"not reached", {}}, Cell{terminal_text(endpoint.unreached_reason), {}},
                       Cell{"-", AssetStatus::kUnknown}});
  return lines;
}

void append_lines(std::string& out, const std::vector<Line>& lines, bool colour) {
  std::array<std::size_t, 4> width{};
  for (const Line& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      width[i] = std::max(width[i], utf8_length(line[i].text));
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool last = i + 1 == line.size();
      if (colour && line[i].status) {
        out += fmt::format("{}{}\x1b[0m", colour_of(*line[i].status), line[i].text);
      } else {
        out += line[i].text;
      }
      if (!last) out.append(width[i] - utf8_length(line[i].text) + 2, ' ');
    }
    out += '\n';
  }
}

}  // namespace

std::string scan_table(const inventory::ScanDocument& document, bool colour) {
  const inventory::Judgement& judgement = document.judgement;
  std::string out;
  append_lines(out, lines_of(document), colour);
  out += '\n';
  if (judgement.score) {
    out += fmt::format("Readiness {:.1f} of 100 ({})", *judgement.score, judgement.band);
    if (judgement.score_low && judgement.score_high &&
        *judgement.score_low != *judgement.score_high)
      out += fmt::format(", between {:.1f} and {:.1f} counting what could not be judged",
                         *judgement.score_low, *judgement.score_high);
    out += ".\n";
  } else {
    out += "No readiness score: nothing could be classified.\n";
  }
  out += fmt::format("Reached {} of {} endpoints; coverage confidence {:.0f} % (a heuristic).\n",
                     judgement.coverage.reached, judgement.coverage.requested,
                     judgement.coverage.confidence);
  if (!judgement.mosca.summary.empty()) out += judgement.mosca.summary + "\n";
  const std::size_t shown = std::min<std::size_t>(3, judgement.backlog.size());
  if (shown > 0) out += "\nDo first:\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const inventory::BacklogItem& item = judgement.backlog[i];
    out += fmt::format("  {}. {}{}\n     {}\n", i + 1, terminal_text(item.title),
                       item.deadline.empty() ? ""
                                             : fmt::format(" (by {}, {})", item.deadline,
                                                           source_name(item.deadline_source)),
                       terminal_text(item.action));
  }
  return out;
}

}  // namespace carnet::app
