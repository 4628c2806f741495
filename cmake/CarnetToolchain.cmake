# Compiler settings shared by every target. clang-19 is required: g++ 12 miscompiles coroutines (see ARCHITECTURE.md).
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Carnet needs clang 19 or newer. Use a preset: cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# Test code itself is not optimised in a release build: it compiles in half the time, and what it tests is.
set(CARNET_TEST_OPTIONS "$<$<CONFIG:Release>:-O0;-U_FORTIFY_SOURCE>")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The precompiled header needs these sloppiness settings to be cacheable.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${CCACHE_PROGRAM}")
endif()

add_library(carnet_options INTERFACE)
target_compile_options(carnet_options INTERFACE
  -Wall -Wextra -Wno-missing-designated-field-initializers -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wimplicit-fallthrough
  -Wswitch -Werror=switch -Werror=return-type -Werror=unused-result -Wthread-safety
  -fPIE -fstack-protector-strong -fno-omit-frame-pointer
  "SHELL:-Xclang -fno-pch-timestamp")
target_compile_definitions(carnet_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(carnet_options INTERFACE _FORTIFY_SOURCE=2)
endif()
option(CARNET_WERROR "Treat warnings as errors" ON)
if(CARNET_WERROR)
  target_compile_options(carnet_options INTERFACE -Werror)
endif()

set(CARNET_SANITIZE "" CACHE STRING "address,undefined or thread")
if(CARNET_SANITIZE)
  target_compile_options(carnet_options INTERFACE -fsanitize=${CARNET_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(carnet_options INTERFACE -fsanitize=${CARNET_SANITIZE})
endif()
option(CARNET_COVERAGE "Instrument for llvm-cov" OFF)
if(CARNET_COVERAGE)
  target_compile_options(carnet_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(carnet_options INTERFACE -fprofile-instr-generate)
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(carnet_options INTERFACE -fuse-ld=mold)
else()
  target_link_options(carnet_options INTERFACE -fuse-ld=lld-19)
endif()
target_link_options(carnet_options INTERFACE -pie -Wl,-z,relro,-z,now)
