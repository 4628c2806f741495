#include "app/scan_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

#include "app/run_task.h"
#include "app/scan_table.h"
#include "base/text.h"
#include "evidence/report.h"
#include "net/dialer.h"
#include "net/target.h"
#include "probe/engine.h"
#include "service/scans.h"

namespace carnet::app {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitThreshold = 1;
constexpr int kExitUsage = 2;
constexpr int kExitUnreached = 3;

constexpr std::string_view kFormats[] = {"table", "json", "csv"};
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

// Reads --from: a target a line; errors carry the line.
Result<std::vector<std::string>> read_list(const std::string& path) {
  std::ifstream file(path);
  if (!file) return make_error(ErrorCode::kValidationFailed, fmt::format("cannot read {}", path));
  std::vector<std::string> out;
  std::string line;
  while (std::getline(file, line)) {
    const std::string_view text = trim_ascii(std::string_view(line).substr(0, line.find('#')));
    if (!text.empty()) out.emplace_back(text);
  }
  if (out.empty())
    return make_error(ErrorCode::kValidationFailed, fmt::format("{} names no target", path));
  return out;
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

// Whoever types an address into a shell on their own machine has decided to scan it, so literal
// addresses and blocks count as allowed; a name that leads to special-purpose space still needs
// --allow-targets.
Result<std::vector<net::Cidr>> allowed_blocks(const ScanCommand& command,
                                              const std::vector<net::Target>& targets) {
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
  for (const net::Target& target : targets) {
    if (target.cidr) out.push_back(*target.cidr);
    if (const auto literal = net::Cidr::parse(target.host)) out.push_back(*literal);
  }
  return out;
}

class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void show(int done, int total, const inventory::Endpoint& endpoint) const {
    if (quiet_) return;
    if (!terminal_) {
      fmt::print(stderr, "[{}/{}] {}:{} {}\n", done, total, endpoint.host, endpoint.port,
                 endpoint.reached ? "done" : "not reached: " + endpoint.unreached_reason);
      return;
    }
    constexpr int kWidth = 30;
    const int filled = total > 0 ? done * kWidth / total : kWidth;
    fmt::print(stderr, "\r\x1b[K[{:#<{}}{:.<{}}] {}/{}  {}:{}", "", filled, "", kWidth - filled,
               done, total, endpoint.host, endpoint.port);
    if (done == total) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool quiet_, terminal_;
};

void render(const ScanCommand& command, const inventory::ScanDocument& document,
            std::ostream& out) {
  if (command.format == "json") {
    evidence::write_report_json(document, [&out](std::string_view piece) { out << piece; });
    out << '\n';
  } else if (command.format == "csv") {
    out << evidence::assets_csv(document);
  } else {
    out << scan_table(document, ::isatty(STDOUT_FILENO) == 1 && command.output.empty());
  }
}

Result<void> put_out(const ScanCommand& command, const inventory::ScanDocument& document) {
  if (command.output.empty() || command.output == "-") {
    render(command, document, std::cout);
    std::cout << std::flush;
    if (!std::cout) return make_error(ErrorCode::kUnavailable, "standard output cannot be written");
    return {};
  }
  std::ofstream file(command.output, std::ios::binary | std::ios::trunc);
  render(command, document, file);
  file.close();
  if (!file)
    return make_error(ErrorCode::kUnavailable, fmt::format("cannot write {}", command.output));
  return {};
}

int judge_exit(const ScanCommand& command, const inventory::ScanDocument& document) {
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
    return usage(fmt::format("--format {} is not known; this release writes table, json and csv",
                             command.format));
  for (const std::string& status : command.fail_on)
    if (std::find(std::begin(kStatuses), std::end(kStatuses), status) == std::end(kStatuses))
      return usage(fmt::format("--fail-on {} is not a status; use broken, at-risk, unknown or safe",
                               status));

  std::vector<std::string> texts = command.targets;
  if (!command.from_file.empty()) {
    auto list = read_list(command.from_file);
    if (!list) return usage(list.error().public_detail);
    texts.insert(texts.end(), list->begin(), list->end());
  }
  if (texts.empty()) return usage("name something to scan, such as: carnet scan example.org:443");
  auto targets = parse_targets(texts);
  if (!targets) return usage(fmt::format("cannot use\n  {}", targets.error().public_detail));
  auto allowed = allowed_blocks(command, *targets);
  if (!allowed) return usage(allowed.error().public_detail);
  probe::PlanRequest plan_request{.targets = std::move(*targets),
                                  .kinds = command.kinds,
                                  .ports = {},
                                  .endpoints_max = probes.endpoints_per_scan};
  for (const int port : command.ports) {
    if (port < 1 || port > 65535)
      return usage(fmt::format("--ports {} is out of range; ports go from 1 to 65535", port));
    plan_request.ports.push_back(static_cast<std::uint16_t>(port));
  }
  auto planned = probe::plan(plan_request);
  if (!planned) return usage(planned.error().public_detail);

  const std::unique_ptr<net::Resolver> resolver = net::make_resolver(probes.name_servers);
  const net::AddressPolicy policy(net::AddressPolicy::special_purpose_ranges(),
                                  std::move(*allowed));
  const std::unique_ptr<net::Dialer> dialer = net::make_guarded_dialer(*resolver, policy, clock);
  TaskRunner tasks;
  const Progress progress(command.quiet);
  service::DirectScan direct;
  direct.endpoints = std::move(*planned);
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
