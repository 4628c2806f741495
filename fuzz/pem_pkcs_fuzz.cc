// Any bytes as a file of any kind, with a passphrase at hand.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "inventory/file_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const carnet::Secret kPassphrase(std::string("open"));
  const auto reading = carnet::inventory::read_file(
      {.name = "fuzz", .bytes = {data, size}, .passphrase = &kPassphrase});
  if (!reading) {
    CARNET_CHECK(!reading.error().public_detail.empty());
    return 0;
  }
  CARNET_CHECK(!reading->file.format.empty());
  CARNET_CHECK(reading->file.entries.size() <= carnet::inventory::kFileEntriesMax);
  CARNET_CHECK(reading->file.errors.size() <= carnet::inventory::kFileErrorsMax);
  for (const auto& entry : reading->file.entries) {
    CARNET_CHECK(carnet::is_valid_utf8(entry.label) && !entry.kind.empty());
    CARNET_CHECK(entry.certificate < static_cast<int>(reading->file.certificates.size()));
  }
  for (const auto& error : reading->file.errors) {
    CARNET_CHECK(error.line >= 0 && error.offset >= 0 && !error.detail.empty());
    CARNET_CHECK(error.offset <= static_cast<std::int64_t>(size));
  }
  [[maybe_unused]] const auto endpoint = carnet::inventory::file_endpoint(*reading);
  return 0;
}
