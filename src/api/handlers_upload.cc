// Files to be judged: read at once, kept as their public facts.

#include "api/handlers.h"
#include "api/multipart.h"
#include "base/text.h"
#include "inventory/endpoint_json.h"
#include "service/uploads.h"

namespace carnet::api {
namespace {

constexpr std::size_t kUploadPartsMax = 100;
constexpr std::size_t kPassphraseBytesMax = 4096;

struct Handed {
  std::vector<service::Uploads::File> files;
  Secret passphrase;
};

Result<Handed> handed_in(const Call& call) {
  Handed out;
  const std::string_view type = call.request.header("Content-Type");
  if (!is_multipart(type)) {
    if (call.request.body.empty())
      return make_validation_error({{.field = "file",
                                     .pointer = "",
                                     .code = "required",
                                     .detail = "is required: the body is a file, or a form with "
                                               "files"}});
    out.files.push_back({.name = "upload", .bytes = call.request.body});
    return out;
  }
  CARNET_TRY(parts, read_multipart(type, call.request.body, kUploadPartsMax));
  for (const FormPart& part : parts) {
    if (part.name == "passphrase") {
      if (part.bytes.size() > kPassphraseBytesMax)
        return make_validation_error({{.field = "passphrase",
                                       .pointer = "/passphrase",
                                       .code = "too_long",
                                       .detail = "must have at most 4096 bytes"}});
      out.passphrase = Secret(std::string(part.bytes));
    } else {
      out.files.push_back(
          {.name = part.file_name.empty() ? part.name : part.file_name, .bytes = part.bytes});
    }
  }
  if (out.files.empty())
    return make_validation_error({{.field = "file",
                                   .pointer = "/file",
                                   .code = "required",
                                   .detail = "is required: at least one part with a file"}});
  return out;
}

boost::json::object receipt_json(const service::Uploads::Receipt& receipt) {
  boost::json::array files, errors;
  for (const service::Uploads::FileSummary& file : receipt.files)
    files.push_back({{"name", file.name},
                     {"format", file.format},
                     {"entries", file.entries},
                     {"endpoints", file.endpoints}});
  for (const service::Uploads::FileFault& fault : receipt.faults)
    errors.push_back({{"file", fault.file},
                      {"line", fault.error.line},
                      {"offset", fault.error.offset},
                      {"code", fault.error.code},
                      {"detail", fault.error.detail}});
  boost::json::object body;
  body["status"] = "success";
  body["sessionId"] = receipt.id.str();
  body["expiresAt"] = to_rfc3339(receipt.expires_at);
  body["entryCount"] = receipt.entry_count;
  body["endpointCount"] = receipt.endpoint_count;
  body["files"] = std::move(files);
  body["errors"] = std::move(errors);
  return body;
}

}  // namespace

Task<Answer> upload_bundle(Site& site, Call& call) {
  if (site.deps.uploads == nullptr)
    co_return make_error(ErrorCode::kPersistenceOff,
                         "This server keeps nothing, so it takes no files.");
  CARNET_CO_TRY(handed, handed_in(call));
  CARNET_CO_TRY(receipt, co_await site.deps.uploads->accept(call.actor, std::move(handed.files),
                                                            std::move(handed.passphrase)));
  co_return json_response(receipt_json(receipt), 201);
}

}  // namespace carnet::api
