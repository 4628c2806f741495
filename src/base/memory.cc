#include "base/memory.h"

#include <malloc.h>

namespace carnet {
namespace {

constexpr int kOwnBlockBytes = 1024 * 1024;     // limit: internal
constexpr int kTopKeptBytes = 2 * 1024 * 1024;  // limit: internal

}  // namespace

void set_up_memory() {
  ::mallopt(M_MMAP_THRESHOLD, kOwnBlockBytes);
  ::mallopt(M_TRIM_THRESHOLD, kTopKeptBytes);
}

void give_back_memory() { ::malloc_trim(0); }

}  // namespace carnet
