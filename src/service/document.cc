#include "service/document.h"

#include "base/packed_text.h"
#include "evidence/report.h"

namespace carnet::service {

Result<LoadedDocument> load_document(store::Connection& connection, const ScanId& scan) {
  CARNET_TRY(stored, store::scans::find_packed_result(connection, scan));
  if (!stored) return make_error(ErrorCode::kNotFound, "There is no result for this scan.");
  LoadedDocument loaded;
  evidence::ScanResultReader reader;
  CARNET_TRY_VOID(unpack_text_to(stored->result, [&](std::string_view piece) {
    loaded.result_bytes += piece.size();
    reader.add(piece);
  }));
  CARNET_TRY(document, reader.finish());
  loaded.document = std::move(document);
  loaded.result_sha256 = std::move(stored->sha256);
  return loaded;
}

}  // namespace carnet::service
