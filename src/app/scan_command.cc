#include "app/scan_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "app/run_task.h"
#include "app/scan_inputs.h"
#include "app/scan_table.h"
#include "base/terminal.h"
#include "base/text.h"
#include "evidence/cbom.h"
#include "evidence/report.h"
#include "net/dialer.h"
#include "net/target.h"
#include "probe/engine.h"
#include "service/artifacts.h"
#include "service/scans.h"

namespace carnet::app {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitThreshold = 1;
constexpr int kExitUsage = 2;
constexpr int kExitUnreached = 3;

constexpr std::string_view kFormats[] = {"table", "json", "csv", "pdf", "cbom", "sarif", "bundle"};
constexpr std::string_view kStatuses[] = {"broken", "at-risk", "unknown", "safe"};

int usage(std::string_view sentence) {
  fmt::print(stderr, "carnet scan: {}\n", sentence);
  return kExitUsage;
}

std::optional<inventory::Profile> parse_profile(std::string_view text) {
  if (text == "quick") return inventory::Profile::kQuick;
  if (text == "standard") return inventory::Profile::kStandard;
  if (text == "deep") return inventory::Profile::kDeep;
  return std::nullopt;
}

Result<std::vector<net::Target>> parse_targets(const std::vector<std::string>& texts) {
  std::vector<net::Target> out;
  std::string wrong;
  for (const std::string& text : texts) {
    auto target = net::parse_target(text);
    if (target) {
      out.push_back(std::move(*target));
    } else {
      wrong += fmt::format("{}\"{}\": {}", wrong.empty() ? "" : "\n  ", text,
                           target.error().public_detail);
    }
  }
  if (!wrong.empty()) return make_error(ErrorCode::kValidationFailed, wrong);
  return out;
}

// The rows of endpoint lists, by the kind each asks for. A bad row is told and passed over.
struct ListedTargets {
  std::map<std::string, std::vector<net::Target>> by_kind;
};

ListedTargets parse_listed(const std::vector<ListedTarget>& rows) {
  ListedTargets out;
  for (const ListedTarget& row : rows) {
    auto target = net::parse_target(row.text);
    if (target) {
      out.by_kind[row.kind].push_back(std::move(*target));
    } else {
      fmt::print(stderr, "carnet scan: {}: \"{}\": {}\n", terminal_text(row.where),
                 terminal_text(row.text), terminal_text(target.error().public_detail));
    }
  }
  return out;
}

// Whoever types an address into a shell on their own machine has decided to scan it, so literal
// addresses and blocks count as allowed; a name that leads to special-purpose space still needs
// --allow-targets.
Result<std::vector<net::Cidr>> allowed_blocks(const ScanCommand& command,
                                              const std::vector<net::Target>& targets,
                                              const ListedTargets& listed) {
  std::vector<net::Cidr> out;
  for (const std::string& text : command.allow_targets) {
    const auto block = net::Cidr::parse(text);
    if (!block)
      return make_error(
          ErrorCode::kValidationFailed,
          fmt::format(
              "--allow-targets has \"{}\", which is no address block; write one like 10.0.0.0/8",
              text));
    out.push_back(*block);
  }
  const auto allow = [&out](const net::Target& target) {
    if (target.cidr) out.push_back(*target.cidr);
    if (const auto literal = net::Cidr::parse(target.host)) out.push_back(*literal);
  };
  for (const net::Target& target : targets) allow(target);
  for (const auto& [kind, rows] : listed.by_kind) {
    for (const net::Target& target : rows) allow(target);
  }
  return out;
}

// The targets of the command line, then those of each list, without what was planned before.
Result<std::vector<probe::PlannedEndpoint>> plan_all(const ScanCommand& command,
                                                     std::vector<net::Target> targets,
                                                     const ListedTargets& listed,
                                                     std::size_t endpoints_max) {
  probe::PlanRequest request{.targets = std::move(targets),
                             .kinds = command.kinds,
                             .ports = {},
                             .endpoints_max = endpoints_max};
  for (const int port : command.ports) {
    if (port < 1 || port > 65535)
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("--ports {} is out of range; ports go from 1 to 65535", port));
    request.ports.push_back(static_cast<std::uint16_t>(port));
  }
  CARNET_TRY(out, probe::plan(request));
  std::set<std::tuple<std::string, std::uint16_t, std::string>> seen;
  for (const auto& endpoint : out) seen.insert({endpoint.host, endpoint.port, endpoint.kind});
  for (const auto& [kind, rows] : listed.by_kind) {
    request.targets = rows;
    request.kinds = kind.empty() ? command.kinds : std::vector<std::string>{kind};
    CARNET_TRY(more, probe::plan(request));
    for (probe::PlannedEndpoint& endpoint : more) {
      if (!seen.insert({endpoint.host, endpoint.port, endpoint.kind}).second) continue;
      out.push_back(std::move(endpoint));
    }
    if (out.size() > endpoints_max)
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("the lists name more than {} endpoints", endpoints_max));
  }
  return out;
}

class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void show(int done, int total, const inventory::Endpoint& endpoint) const {
    if (quiet_) return;
    const std::string host = terminal_text(endpoint.host);
    if (!terminal_) {
      const std::string place =
          endpoint.port == 0 ? host : fmt::format("{}:{}", host, endpoint.port);
      fmt::print(
          stderr, "[{}/{}] {} {}\n", done, total, place,
          endpoint.reached ? "done" : "not reached: " + terminal_text(endpoint.unreached_reason));
      return;
    }
    constexpr int kWidth = 30;
    const int filled = total > 0 ? done * kWidth / total : kWidth;
    fmt::print(stderr, "\r\x1b[K[{:#<{}}{:.<{}}] {}/{}  {}:{}", "", filled, "", kWidth - filled,
               done, total, host, endpoint.port);
    if (done == total) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool quiet_, terminal_;
};

Result<void> render(const ScanCommand& command, const inventory::ScanDocument& document,
                    std::ostream& out) {
  if (command.format == "json") {
    evidence::write_report_json(document, [&out](std::string_view piece) { out << piece; });
    out << '\n';
    return {};
  }
  const auto format = service::parse_format(command.format);
  if (!format) {
    out << scan_table(document, ::isatty(STDOUT_FILENO) == 1 && command.output.empty());
    return {};
  }
  service::ArtifactOptions options;
  options.cbom = evidence::parse_cbom_version(command.cbom_version).value_or(options.cbom);
  options.recipient = command.recipient;
  CARNET_TRY(artifact, service::make_artifact(document, *format, options));
  out << artifact.bytes;
  return {};
}

Result<void> put_out(const ScanCommand& command, const inventory::ScanDocument& document) {
  if (command.output.empty() || command.output == "-") {
    CARNET_TRY_VOID(render(command, document, std::cout));
    std::cout << std::flush;
    if (!std::cout) return make_error(ErrorCode::kUnavailable, "standard output cannot be written");
    return {};
  }
  std::ofstream file(command.output, std::ios::binary | std::ios::trunc);
  CARNET_TRY_VOID(render(command, document, file));
  file.close();
  if (!file)
    return make_error(ErrorCode::kUnavailable, fmt::format("cannot write {}", command.output));
  return {};
}

int judge_exit(const ScanCommand& command, const inventory::ScanDocument& document) {
  if (document.endpoints.empty()) {
    fmt::print(stderr, "carnet scan: no certificate, key or key set was found\n");
    return kExitUnreached;
  }
  if (document.judgement.coverage.reached == 0) {
    fmt::print(stderr, "carnet scan: none of the {} endpoints could be reached\n",
               document.judgement.coverage.requested);
    return kExitUnreached;
  }
  int exit = kExitGood;
  const inventory::Judgement& judgement = document.judgement;
  if (command.fail_under && judgement.score.value_or(0) < *command.fail_under) {
    fmt::print(stderr, "carnet scan: the readiness score {} is under {}\n",
               judgement.score ? fmt::format("{:.1f}", *judgement.score) : "(none)",
               *command.fail_under);
    exit = kExitThreshold;
  }
  const std::pair<std::string_view, int> counts[] = {{"broken", judgement.counts.broken},
                                                     {"at-risk", judgement.counts.at_risk},
                                                     {"unknown", judgement.counts.unknown},
                                                     {"safe", judgement.counts.safe}};
  for (const auto& [status, count] : counts) {
    if (count > 0 && std::find(command.fail_on.begin(), command.fail_on.end(), status) !=
                         command.fail_on.end()) {
      fmt::print(stderr, "carnet scan: {} asset{} {} {}\n", count, count == 1 ? "" : "s",
                 count == 1 ? "is" : "are", status);
      exit = kExitThreshold;
    }
  }
  return exit;
}

}  // namespace

int run_scan_command(const ScanCommand& command, const ProbeSettings& probes, const Clock& clock,
                     Random& random) {
  const auto profile = parse_profile(command.profile);
  if (!profile)
    return usage(
        fmt::format("--profile {} is not known; use quick, standard or deep", command.profile));
  if (std::find(std::begin(kFormats), std::end(kFormats), command.format) == std::end(kFormats))
    return usage(
        fmt::format("--format {} is not known; this release writes table, json, csv, pdf, cbom, "
                    "sarif and bundle",
                    command.format));
  if (!evidence::parse_cbom_version(command.cbom_version))
    return usage(
        fmt::format("--cbom-version {} is not known; use 1.6 or 1.7", command.cbom_version));
  const bool binary = command.format == "pdf" || command.format == "bundle";
  if (binary && (command.output.empty() || command.output == "-") && ::isatty(STDOUT_FILENO) == 1)
    return usage(
        fmt::format("a {} is no text for a terminal; name a file with --output", command.format));
  for (const std::string& status : command.fail_on)
    if (std::find(std::begin(kStatuses), std::end(kStatuses), status) == std::end(kStatuses))
      return usage(fmt::format("--fail-on {} is not a status; use broken, at-risk, unknown or safe",
                               status));

  auto passphrase = find_passphrase(command.passphrase_file, command.ask_passphrase);
  if (!passphrase) return usage(passphrase.error().public_detail);
  auto inputs = read_scan_inputs({.from_files = command.from_files,
                                  .folders = command.folders,
                                  .passphrase = passphrase->empty() ? nullptr : &*passphrase});
  if (!inputs) return usage(inputs.error().public_detail);
  for (const std::string& warning : inputs->warnings) {
    fmt::print(stderr, "carnet scan: {}\n", terminal_text(warning));
  }
  if (command.targets.empty() && command.from_files.empty() && command.folders.empty())
    return usage("name something to scan, such as: carnet scan example.org:443");
  auto targets = parse_targets(command.targets);
  if (!targets) return usage(fmt::format("cannot use\n  {}", targets.error().public_detail));
  const ListedTargets listed = parse_listed(inputs->targets);
  const bool anything = !targets->empty() || !listed.by_kind.empty() || !inputs->files.empty();
  if (!anything && command.folders.empty()) return usage("nothing that was named can be scanned");
  auto allowed = allowed_blocks(command, *targets, listed);
  if (!allowed) return usage(allowed.error().public_detail);
  auto planned = plan_all(command, std::move(*targets), listed, probes.endpoints_per_scan);
  if (!planned) return usage(planned.error().public_detail);

  TaskRunner tasks;
  const std::unique_ptr<net::Resolver> resolver = net::make_resolver(probes.name_servers);
  const net::AddressPolicy policy(net::AddressPolicy::special_purpose_ranges(),
                                  std::move(*allowed));
  const std::unique_ptr<net::Dialer> dialer = net::make_guarded_dialer(*resolver, policy, clock);
  const Progress progress(command.quiet);
  service::DirectScan direct;
  direct.endpoints = std::move(*planned);
  direct.observed = std::move(inputs->files);
  direct.notes = std::move(inputs->notes);
  direct.profile = *profile;
  direct.mosca = {.data_shelf_life_years = command.data_shelf_life_years,
                  .migration_time_years = command.migration_time_years,
                  .years_to_qday = command.years_to_qday};
  direct.label = command.label;
  direct.on_progress = [&progress](int done, int total, const inventory::Endpoint& endpoint) {
    progress.show(done, total, endpoint);
  };
  const std::atomic<bool> cancelled{false};
  const inventory::ScanDocument document = tasks.run(
      service::scan_directly(std::move(direct), *dialer, clock, random, probes.limits, cancelled));
  if (auto written = put_out(command, document); !written) {
    fmt::print(stderr, "carnet scan: {}\n", written.error().public_detail);
    return kExitUsage;
  }
  return judge_exit(command, document);
}

}  // namespace carnet::app
