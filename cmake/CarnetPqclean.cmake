# Chooses where ML-KEM and ML-DSA come from, and builds PQClean's C sources if it is to be PQClean.
#
# CARNET_PQ_PROVIDER: `auto` takes OpenSSL's own from 3.5 on, else PQClean; `openssl` and `pqclean` insist. The outcome is in
# CARNET_PQ_PROVIDER_CHOSEN, and src/crypto/CMakeLists.txt compiles the one provider_*.cc that belongs to it.
#
# PQClean comes from the npm package `pqclean` (third_party/npm, locked); only the six portable implementations that the
# standards name and the hash they share are compiled: no assembler, no randomness of its own.
set(CARNET_PQ_PROVIDER "auto" CACHE STRING "Where ML-KEM and ML-DSA come from: auto, openssl or pqclean")
set_property(CACHE CARNET_PQ_PROVIDER PROPERTY STRINGS auto openssl pqclean)

set(CARNET_PQ_PROVIDER_CHOSEN "${CARNET_PQ_PROVIDER}")
if(CARNET_PQ_PROVIDER STREQUAL "auto")
  if(OPENSSL_VERSION VERSION_GREATER_EQUAL 3.5)
    set(CARNET_PQ_PROVIDER_CHOSEN "openssl")
  else()
    set(CARNET_PQ_PROVIDER_CHOSEN "pqclean")
  endif()
elseif(CARNET_PQ_PROVIDER STREQUAL "openssl" AND OPENSSL_VERSION VERSION_LESS 3.5)
  message(FATAL_ERROR "CARNET_PQ_PROVIDER=openssl needs OpenSSL 3.5 or newer; this is ${OPENSSL_VERSION}.")
elseif(NOT CARNET_PQ_PROVIDER MATCHES "^(openssl|pqclean)$")
  message(FATAL_ERROR "CARNET_PQ_PROVIDER is '${CARNET_PQ_PROVIDER}'; it must be auto, openssl or pqclean.")
endif()
message(STATUS "ML-KEM and ML-DSA from ${CARNET_PQ_PROVIDER_CHOSEN}")
if(NOT CARNET_PQ_PROVIDER_CHOSEN STREQUAL "pqclean")
  return()
endif()

set(CARNET_PQCLEAN_DIR "${CMAKE_SOURCE_DIR}/third_party/npm/node_modules/pqclean/deps/PQClean")
if(NOT EXISTS "${CARNET_PQCLEAN_DIR}/crypto_kem/ml-kem-768/clean/kem.c")
  message(FATAL_ERROR "The npm package pqclean is missing, and OpenSSL ${OPENSSL_VERSION} has no ML-KEM and ML-DSA: "
    "./run and ./test install it (scripts/setup.sh); by hand it is `npm ci --ignore-scripts` in third_party/npm.")
endif()

# The C compiler beside the C++ one, so that sanitizers and link-time settings agree.
if(NOT CMAKE_C_COMPILER)
  string(REPLACE "clang++" "clang" CMAKE_C_COMPILER "${CMAKE_CXX_COMPILER}")
endif()
if(CMAKE_CXX_COMPILER_LAUNCHER AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
endif()
enable_language(C)

set(pqclean_sources "${CARNET_PQCLEAN_DIR}/common/fips202.c")
foreach(scheme crypto_kem/ml-kem-512 crypto_kem/ml-kem-768 crypto_kem/ml-kem-1024
               crypto_sign/ml-dsa-44 crypto_sign/ml-dsa-65 crypto_sign/ml-dsa-87)
  file(GLOB scheme_sources "${CARNET_PQCLEAN_DIR}/${scheme}/clean/*.c")
  list(APPEND pqclean_sources ${scheme_sources})
endforeach()
add_library(carnet_pqclean STATIC ${pqclean_sources})
target_include_directories(carnet_pqclean PRIVATE "${CARNET_PQCLEAN_DIR}/common")
target_include_directories(carnet_pqclean SYSTEM INTERFACE "${CARNET_PQCLEAN_DIR}")
# Optimised in every build type, or a debug build signs in 10 ms. Not our code: its warnings are not ours to mend.
target_compile_options(carnet_pqclean PRIVATE -w -O2 -fPIE -fstack-protector-strong -fno-omit-frame-pointer
  "SHELL:-include ${CMAKE_SOURCE_DIR}/src/crypto/pqclean_free.h")
if(CARNET_SANITIZE)
  target_compile_options(carnet_pqclean PRIVATE -fsanitize=${CARNET_SANITIZE} -fno-sanitize-recover=all)
endif()
set_target_properties(carnet_pqclean PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
