// Scans: start, watch, read, manage, take away.

#include <charconv>

#include "api/handlers.h"
#include "api/handlers_governance.h"
#include "base/json.h"

namespace carnet::api {
namespace {

constexpr std::chrono::milliseconds kSlice{
    1000};  // how soon an open stream notices that the server stops
constexpr int kSlicesBetweenHeartbeats = 15;  // keeps proxies from closing a quiet stream
constexpr int kSlicesMax =
    600;  // then the client resumes with Last-Event-ID and its key is checked again

// The timeline as server-sent events (WHATWG HTML, "Server-sent events"). Ends with an event "end"
// that names the scan's status, or without one when the client should resume.
class EventStream final : public BodyStream {
 public:
  EventStream(Site& site, TenantId tenant, ScanId scan, int after)
      : site_(site), tenant_(std::move(tenant)), scan_(std::move(scan)), after_(after) {}

  Task<std::optional<std::string>> next() override {
    for (; slices_ < kSlicesMax && !over_; ++slices_) {
      if (site_.draining.load(std::memory_order_relaxed)) break;
      auto batch = co_await site_.deps.scans.wait_events(tenant_, scan_, after_, kSlice);
      if (!batch) break;
      std::string text;
      for (const store::EventRow& event : batch->events) {
        text += fmt::format("id: {}\nevent: timeline\ndata: {}\n\n", event.seq,
                            json::write(event_json(event)));
        after_ = event.seq;
      }
      if (batch->over) {
        over_ = true;
        const boost::json::object end{{"scanId", scan_.str()},
                                      {"status", public_status(batch->status)}};
        text += fmt::format("event: end\ndata: {}\n\n", json::write(end));
      } else if (text.empty() && ++quiet_ >= kSlicesBetweenHeartbeats) {
        text = ": still running\n\n";
      }
      if (text.empty()) continue;
      quiet_ = 0;
      ++slices_;
      co_return text;
    }
    co_return std::nullopt;
  }

 private:
  Site& site_;
  TenantId tenant_;
  ScanId scan_;
  int after_;
  int slices_ = 0;
  int quiet_ = 0;
  bool over_ = false;
};

}  // namespace

Task<Answer> create_scan(Site& site, Call& call) {
  CARNET_CO_TRY(request, decode_scan_request(call.request.body));
  CARNET_CO_TRY(submitted, co_await site.deps.scans.submit(call.actor, std::move(request)));
  site.metrics.scan_submitted();
  const boost::json::object body{
      {"status", "running"}, {"scanId", submitted.id.str()}, {"summary", submitted.summary}};
  Response response = json_response(body, 202);
  response.headers.emplace_back("Location", "/pqc/scan/" + submitted.id.str());
  co_return response;
}

Task<Answer> get_scan(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(view, co_await site.deps.scans.get(call.actor.tenant, id));
  Response response;
  response.body = scan_view_body(std::move(view));
  co_return response;
}

Task<Answer> stream_scan_events(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  int after = 0;
  const std::string_view last = call.request.header("Last-Event-ID");
  if (!last.empty()) {
    const auto parsed = std::from_chars(last.data(), last.data() + last.size(), after);
    if (parsed.ec != std::errc{} || parsed.ptr != last.data() + last.size() || after < 0)
      co_return make_error(ErrorCode::kMalformedRequest,
                           "Last-Event-ID must be the id of an event of this stream.");
  }
  // The scan must exist before a stream is promised.
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, id));
  Response response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Accel-Buffering", "no");  // nginx would hold events back
  response.stream = std::make_unique<EventStream>(site, call.actor.tenant, row.id, after);
  co_return response;
}

Task<Answer> cancel_scan(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.scans.cancel(call.actor, id));
  co_return json_response({{"scanId", row.id.str()},
                           {"scanStatus", public_status(row.status)},
                           {"cancelRequested", true}});
}

Task<Answer> persist_scan(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.scans.pin(call.actor, id));
  co_return json_response({{"scanId", row.id.str()}, {"persisted", row.pinned}});
}

Task<Answer> list_scans(Site& site, Call& call) {
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await site.deps.scans.list(call.actor.tenant, page_of(list)));
  const auto place = [](const store::ScanRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "scans", rows, scan_row_json, place);
}

Task<Answer> get_scan_row(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, id));
  // "status" is the scan's, as in GET /pqc/scan/{scan_id}.
  co_return json_response(scan_row_json(row));
}

Task<Answer> delete_scan(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY_VOID(co_await site.deps.scans.erase(call.actor, id));
  co_return json_response({{"scanId", id.str()}, {"deleted", true}});
}

Task<Answer> diff_scans(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  std::optional<ScanId> against;
  if (const auto text = call.request.query_value("against"); text && !text->empty()) {
    against = ScanId::parse(*text);
    if (!against)
      co_return query_error("against", "invalid_id", "must be the scanId of another scan");
  }
  CARNET_CO_TRY(diff, co_await site.deps.scans.diff(call.actor.tenant, id, against));
  co_return json_response(diff);
}

namespace {

// What is taken away is written down first. `format` lives as long as the program.
Task<Answer> give_file(Site& site, Call& call, std::shared_ptr<const service::Artifact> artifact,
                       std::string_view format) {
  Response response = file_response(site, call, artifact);
  CARNET_CO_TRY_VOID(co_await note_download(site, call, response, *artifact, format));
  co_return response;
}

Task<Answer> get_passport(Site& site, Call& call, ScanId id) {
  if (site.deps.passports == nullptr)
    co_return make_error(ErrorCode::kPersistenceOff, "This server makes no passports.");
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, std::move(id)));
  CARNET_CO_TRY(passport, co_await site.deps.passports->find(row.id));
  auto kept = std::make_shared<const service::Artifact>(service::Passports::document_of(passport));
  co_return co_await give_file(site, call, std::move(kept), "passport");
}

// report.json with its signature block.
Task<Answer> get_signed_report(Site& site, Call& call, ScanId id) {
  if (site.deps.passports == nullptr)
    co_return make_error(ErrorCode::kPersistenceOff, "This server makes no passports.");
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, std::move(id)));
  CARNET_CO_TRY(report, co_await site.deps.passports->signed_report(row.id));
  auto kept = std::make_shared<const service::Artifact>(std::move(report.artifact));
  co_return co_await give_file(site, call, std::move(kept), "json signed");
}

}  // namespace

Task<Answer> get_report(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  if (call.request.query_value("format") == "passport")
    co_return co_await get_passport(site, call, std::move(id));
  CARNET_CO_TRY(format, format_param(call));
  const std::string with_block = call.request.query_value("signed").value_or("false");
  if (with_block != "true" && with_block != "false")
    co_return query_error("signed", "not_one_of", "must be true or false");
  if (with_block == "true" && format != service::ArtifactFormat::kJson)
    co_return query_error("signed", "not_available",
                          "goes with format=json; other files are signed by the passport");
  if (with_block == "true") co_return co_await get_signed_report(site, call, std::move(id));
  service::ArtifactOptions options;
  if (const auto version = call.request.query_value("version"); version && !version->empty()) {
    const auto cbom = evidence::parse_cbom_version(*version);
    if (!cbom || format != service::ArtifactFormat::kCbom)
      co_return query_error("version", "not_one_of",
                            "must be 1.6 or 1.7, and goes with cbom alone");
    options.cbom = *cbom;
  }
  CARNET_CO_TRY(artifact, co_await site.deps.scans.report(call.actor.tenant, id, format, options));
  CARNET_CO_TRY_VOID(check_accepts(call, artifact));
  auto kept = std::make_shared<const service::Artifact>(std::move(artifact));
  co_return co_await give_file(site, call, std::move(kept), service::to_string(format));
}

Task<Answer> get_report_availability(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, id));
  const bool ready = row.status == "success";
  boost::json::array formats;
  for (const service::ArtifactFormat format : service::available_formats()) {
    const std::string_view name = service::to_string(format);
    formats.push_back({{"format", name},
                       {"available", ready},
                       {"href", fmt::format("/pqc/report/{}?format={}", row.id.str(), name)}});
  }
  if (site.deps.passports != nullptr) {
    const Result<store::PassportRow> passport = co_await site.deps.passports->find(row.id);
    if (!passport && passport.error().code != ErrorCode::kNotFound)
      co_return tl::unexpected(passport.error());
    formats.push_back({{"format", "passport"},
                       {"available", passport.has_value()},
                       {"href", fmt::format("/pqc/report/{}?format=passport", row.id.str())}});
  }
  co_return json_response(
      {{"scanId", row.id.str()}, {"reportAvailable", ready}, {"formats", std::move(formats)}});
}

Task<Answer> list_inventory(Site& site, Call& call) {
  store::scans::InventoryFilter filter;
  CARNET_CO_TRY(kind, query_text(call.request, "kind"));
  CARNET_CO_TRY(status, query_text(call.request, "status"));
  CARNET_CO_TRY(host, query_text(call.request, "host"));
  if (!status.empty() && status != "broken" && status != "at-risk" && status != "safe" &&
      status != "unknown")
    co_return query_error("status", "not_one_of", "must be one of broken, at-risk, safe, unknown");
  CARNET_CO_TRY(list, list_request(site, call, kind + "\n" + status + "\n" + host));
  filter.kind = std::move(kind);
  filter.status = std::move(status);
  filter.host = std::move(host);
  filter.after = list.place;
  filter.limit = list.limit + 1;
  CARNET_CO_TRY(rows, co_await site.deps.scans.inventory(call.actor.tenant, std::move(filter)));
  const auto encode = [](const store::scans::InventoryRow& row) -> boost::json::value {
    boost::json::object asset{{"scanId", row.scan_id.str()}};
    if (auto body = json::parse(row.asset.body); body && body->is_object())
      for (auto& member : body->get_object()) asset[member.key()] = std::move(member.value());
    return asset;
  };
  co_return rows_response(site, call, list, "assets", rows, encode, store::scans::inventory_cursor);
}

}  // namespace carnet::api
