// The transparency log: as JSON under /pqc/transparency, and as the files of C2SP tlog-tiles under
// /log. Public; limited per address.

#include <charconv>

#include "api/handlers.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"
#include "evidence/tlog.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;
using service::Transparency;

constexpr std::string_view kImmutable = "public, max-age=31536000, immutable";

Result<Transparency*> log_of(const Site& site) {
  if (site.deps.transparency != nullptr) return site.deps.transparency;
  return make_error(ErrorCode::kPersistenceOff, "This server keeps no transparency log.");
}

// nullopt if the parameter is absent.
Result<std::optional<std::uint64_t>> size_param(const Call& call, std::string_view name) {
  const auto text = call.request.query_value(name);
  if (!text) return std::optional<std::uint64_t>();
  std::uint64_t size = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, size);
  if (text->empty() || read.ec != std::errc{} || read.ptr != end || size > evidence::kTreeSizeMax)
    return query_error(name, "invalid_format", "must be a whole number of entries");
  return std::optional(size);
}

bj::array path_json(const std::vector<evidence::MerkleHash>& path) {
  bj::array out;
  for (const evidence::MerkleHash& hash : path) out.emplace_back(to_hex(hash));
  return out;
}

Response file_of_log(std::string body, std::string content_type, std::string_view cache) {
  Response response;
  response.content_type = std::move(content_type);
  response.headers.emplace_back("Cache-Control", cache);
  response.body = std::move(body);
  return response;
}

}  // namespace

Task<Answer> get_log_root(Site& site, Call& call) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(size, size_param(call, "size"));
  Task<Result<Transparency::Published>> asking =
      size ? log->checkpoint_at(*size) : log->checkpoint();
  CARNET_CO_TRY(head, co_await std::move(asking));
  bj::array keys;
  for (const std::string_view key : split(head.keys, '\n'))
    if (!key.empty()) keys.emplace_back(key);
  bj::object body;
  body["status"] = "success";
  body["origin"] = head.checkpoint.origin;
  body["size"] = head.checkpoint.size;
  body["root"] = to_hex(head.checkpoint.root);
  body["signedAt"] = to_rfc3339(head.at);
  body["checkpoint"] = head.note + head.cosignatures;
  body["verifierKeys"] = std::move(keys);
  co_return json_response(body);
}

Task<Answer> get_log_consistency(Site& site, Call& call) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(from, size_param(call, "from_size"));
  CARNET_CO_TRY(to, size_param(call, "to_size"));
  if (!from)
    co_return query_error("from_size", "required", "is required: the size that you know already");
  CARNET_CO_TRY(found, co_await log->consistency(*from, to));
  bj::object body;
  body["status"] = "success";
  body["fromSize"] = found.proof.from;
  body["toSize"] = found.proof.to;
  body["fromRoot"] = to_hex(found.roots.from);
  body["toRoot"] = to_hex(found.roots.to);
  body["path"] = path_json(found.proof.path);
  co_return json_response(body);
}

Task<Answer> get_log_inclusion(Site& site, Call& call) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(size, size_param(call, "size"));
  const auto bytes = from_hex(call.request.query_value("hash").value_or(""));
  crypto::Digest256 digest{};
  if (!bytes || bytes->size() != digest.size())
    co_return query_error("hash", "invalid_format",
                          "must be the SHA-256 of an envelope as 64 hexadecimal digits");
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  CARNET_CO_TRY(found, co_await log->inclusion(digest, size));
  bj::object body;
  body["status"] = "success";
  body["hash"] = to_hex(digest);
  body["index"] = found.entry.index;
  body["loggedAt"] = to_rfc3339(found.entry.at);
  body["size"] = found.proof.size;
  body["root"] = to_hex(found.root);
  body["leafHash"] = to_hex(evidence::leaf_hash(digest));
  body["path"] = path_json(found.proof.path);
  co_return json_response(body);
}

Task<Answer> list_witnesses(Site& site, Call&) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(witnesses, co_await log->witnesses());
  bj::array list;
  for (const Transparency::Witness& witness : witnesses) {
    bj::object one;
    one["name"] = witness.key.name;
    one["verifierKey"] = evidence::to_vkey(witness.key);
    one["lastSize"] = nullptr;
    one["lastSignedAt"] = nullptr;
    one["lastReceivedAt"] = nullptr;
    if (witness.last) {
      one["lastSize"] = witness.last->size;
      const std::chrono::seconds signed_at(witness.last->time_s);
      one["lastSignedAt"] = to_rfc3339(Timestamp(signed_at));
      one["lastReceivedAt"] = to_rfc3339(witness.last->received_at);
    }
    list.push_back(std::move(one));
  }
  bj::object body;
  body["status"] = "success";
  body["count"] = list.size();
  body["witnesses"] = std::move(list);
  co_return json_response(body);
}

Task<Answer> add_cosignature(Site& site, Call& call) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(checkpoint, decode_cosigned(call.request.body));
  CARNET_CO_TRY(accepted, co_await log->cosign(std::move(checkpoint), call.request_id));
  bj::array names;
  for (const std::string& name : accepted.witnesses) names.emplace_back(name);
  bj::object body;
  body["status"] = "success";
  body["size"] = accepted.size;
  body["witnesses"] = std::move(names);
  co_return json_response(body);
}

Task<Answer> get_log_checkpoint(Site& site, Call&) {
  CARNET_CO_TRY(log, log_of(site));
  CARNET_CO_TRY(head, co_await log->checkpoint());
  co_return file_of_log(head.note + head.cosignatures, "text/plain; charset=utf-8",
                        "public, no-cache");
}

Task<Answer> get_log_tile(Site& site, Call& call) {
  CARNET_CO_TRY(log, log_of(site));
  const auto path = evidence::parse_tile_path(call.param(0));
  if (!path)
    co_return make_error(ErrorCode::kNotFound,
                         "There is no such tile; they are named as C2SP tlog-tiles says.");
  CARNET_CO_TRY(bytes, co_await log->tile(*path));
  // A partial tile too stays what it is: a wider one has another name.
  co_return file_of_log(std::move(bytes), "application/octet-stream", kImmutable);
}

}  // namespace carnet::api
