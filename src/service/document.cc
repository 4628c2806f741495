#include "service/document.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/report.h"

namespace carnet::service {

Result<LoadedDocument> load_document(store::Connection& connection, const ScanId& scan) {
  CARNET_TRY(stored, store::scans::find_result(connection, scan));
  if (!stored) return make_error(ErrorCode::kNotFound, "There is no result for this scan.");
  CARNET_TRY(value, json::parse(stored->result));
  const boost::json::object* object = value.if_object();
  if (object == nullptr) return make_internal("stored result: not an object");
  CARNET_TRY(document, evidence::read_scan_result(*object));
  return LoadedDocument{.document = std::move(document),
                        .result_sha256 = std::move(stored->sha256),
                        .result_bytes = stored->result.size()};
}

}  // namespace carnet::service
