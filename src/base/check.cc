#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace carnet {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "carnet: invariant broken: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace carnet
