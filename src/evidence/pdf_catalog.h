#pragma once
// What cairo leaves out of a PDF's catalog: that the file is tagged, its language, and that a
// viewer should show the title and not the file's name. Private to evidence/; used by one thread.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/sha256_stream.h"
#include "evidence/text_sink.h"

namespace carnet::evidence {

// Takes the file in pieces as cairo writes it, hands them on, and at the end adds an incremental
// update (ISO 32000-1 section 7.5.6) with a new catalog, and an /ID that comes from the contents.
// Keeps only what it needs for that.
class CatalogCompleter {
 public:
  explicit CatalogCompleter(TextSink sink) : sink_(std::move(sink)) {}
  CatalogCompleter(const CatalogCompleter&) = delete;
  CatalogCompleter& operator=(const CatalogCompleter&) = delete;

  void add(std::string_view piece);
  [[nodiscard]] std::size_t size() const { return size_; }
  // kInternal if it was not what cairo writes. Once.
  [[nodiscard]] Result<void> finish();

 private:
  void look_for_catalog();

  TextSink sink_;
  crypto::Sha256Stream digest_;
  std::size_t size_ = 0;
  std::string tail_;     // the end of the file so far
  std::string catalog_;  // the last object that calls itself one: "\n17 0 obj\n<< … >>"
};

}  // namespace carnet::evidence
