#pragma once
// Files on their way into the store and out of it: packed with zlib where that saves something.
// Private to service/. Pure functions; packing a large file takes a while.

#include <string>

#include "base/error.h"
#include "store/passports.h"

namespace carnet::service {

[[nodiscard]] store::PassportFileRow pack_file(std::string name, std::string media_type,
                                               std::string bytes);
// The bytes as they were; kInternal if the store does not hold them whole.
[[nodiscard]] Result<std::string> unpack_file(const store::PassportFileRow& row);

}  // namespace carnet::service
