// carnet scan: the engine and the judgement without a server or a database.

#include <fmt/format.h>
#include <boost/asio/this_coro.hpp>

#include "inventory/sharing.h"
#include "service/scan_document.h"
#include "service/scans.h"

namespace carnet::service {

Task<inventory::ScanDocument> scan_directly(DirectScan request, net::Dialer& dialer,
                                            const Clock& clock, Random& random,
                                            probe::EngineLimits limits,
                                            const std::atomic<bool>& cancelled) {
  DocumentHead head;
  head.created_at = clock.now();
  head.scan_id = ScanId::generate(head.created_at, random).str();
  head.label = std::move(request.label);
  head.profile = to_string(request.profile);
  head.mosca = request.mosca;

  std::vector<inventory::TimelineEvent> timeline;
  const auto note = [&](std::string_view key, std::string label, std::int64_t duration_ms,
                        std::string_view status) {
    timeline.push_back({.seq = static_cast<int>(timeline.size()) + 1,
                        .key = std::string(key),
                        .label = std::move(label),
                        .at = clock.now(),
                        .duration_ms = duration_ms,
                        .status = std::string(status)});
  };
  const int total = static_cast<int>(request.endpoints.size() + request.observed.size());
  head.notes = std::move(request.notes);
  note("started", fmt::format("Started: {} endpoint{}", total, total == 1 ? "" : "s"), 0, "ok");

  std::vector<inventory::Endpoint> endpoints;
  inventory::EndpointLists lists;
  const auto sink = [&](inventory::Endpoint endpoint) {
    lists.share(endpoint);
    endpoints.push_back(std::move(endpoint));
    if (request.on_progress)
      request.on_progress(static_cast<int>(endpoints.size()), total, endpoints.back());
  };
  std::size_t number = request.endpoints.size();
  for (inventory::Endpoint& file : request.observed) {
    file.id = fmt::format("ep_{}", ++number);
    sink(std::move(file));
  }
  probe::Engine engine(dialer, clock, random, limits);
  const probe::Engine::Sink handed = sink;
  co_await engine.run(request.endpoints, request.profile, handed, cancelled);

  const int missing =
      complete_endpoints(endpoints, request.endpoints, "not begun: the scan was cancelled");
  if (missing > 0)
    head.notes.push_back(
        fmt::format("The scan was cancelled: {} of {} endpoints were not begun.", missing, total));
  head.finished_at = clock.now();
  const auto took = (head.finished_at - head.created_at).count();
  inventory::ScanDocument document = judge_scan(std::move(head), std::move(endpoints));
  note("finished", missing > 0 ? "Cancelled" : "Finished", took, "ok");
  document.timeline = std::move(timeline);
  co_return document;
}

}  // namespace carnet::service
