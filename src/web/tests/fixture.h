#pragma once
// A scan that does not exist, for the tests of the pages and for looking at them.

#include <string>
#include <vector>

#include "inventory/model.h"
#include "service/sharing.h"
#include "web/pages.h"

namespace carnet::web::fixture {

inline constexpr std::string_view kNow = "2026-11-24T09:12:00Z";

[[nodiscard]] Timestamp at(std::string_view rfc3339);
// A bank's dozen endpoints, two of them not reached.
[[nodiscard]] inventory::ScanDocument document();
[[nodiscard]] service::OpenLink link();
[[nodiscard]] std::vector<DownloadLink> downloads();
// Three scans of the same targets, the last of them this one.
[[nodiscard]] std::vector<store::shares::ScorePoint> history();
[[nodiscard]] std::vector<DocsRoute> routes();
[[nodiscard]] std::vector<DocsProblem> problems();
// The same document with `text` in every place where a string comes from a person or from the
// network.
[[nodiscard]] inventory::ScanDocument document_with(const std::string& text);
[[nodiscard]] service::OpenLink link_with(const std::string& text);
// `count` assets more than a page can hold.
[[nodiscard]] inventory::ScanDocument large_document(int count);

}  // namespace carnet::web::fixture
