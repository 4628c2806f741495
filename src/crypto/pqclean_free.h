/* Put before every C file of PQClean by cmake/CarnetPqclean.cmake. Its hash keeps the sponge's
   state, and with it what was absorbed of a private key, on the heap and frees it as it is; here
   every free wipes first. */
#ifndef CARNET_CRYPTO_PQCLEAN_FREE_H
#define CARNET_CRYPTO_PQCLEAN_FREE_H

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static inline void carnet_wipe_and_free(void* block) {
  if (block == NULL) return;
  explicit_bzero(block, malloc_usable_size(block));
  free(block);
}
#define free carnet_wipe_and_free

#endif
