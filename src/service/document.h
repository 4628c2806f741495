#pragma once
// From a stored result back to the document. Private to service/. Used inside database closures,
// which run on database threads: reading a large result there keeps the io threads free.

#include <string>

#include "inventory/model.h"
#include "store/database.h"
#include "store/repositories.h"

namespace carnet::service {

// A text of this size makes a document of as much again, in many small blocks.
inline constexpr std::size_t kLargeResultBytes = 8 * 1024 * 1024;

struct LoadedDocument {
  inventory::ScanDocument document;
  std::string result_sha256;
  std::size_t result_bytes = 0;
};

// kNotFound if nothing is kept for this scan.
[[nodiscard]] Result<LoadedDocument> load_document(store::Connection& connection,
                                                   const ScanId& scan);

}  // namespace carnet::service
