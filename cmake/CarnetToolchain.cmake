# Compiler settings shared by every target. clang-19 is required: g++ 12 miscompiles coroutines (see ARCHITECTURE.md).
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Carnet needs clang 19 or newer. Use a preset: cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# address,undefined or thread. Asserts stay in, line tables suffice for a report, and the build takes half the time of -O2 -g.
set(CARNET_SANITIZE "" CACHE STRING "address,undefined or thread")
if(CARNET_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -gline-tables-only")
endif()
# Test code itself is not optimised in a release build, nor beside a sanitizer: it compiles in half the time, and what it tests is.
set(CARNET_TEST_OPTIONS "$<$<CONFIG:Release>:-O0;-U_FORTIFY_SOURCE>")
if(CARNET_SANITIZE)
  set(CARNET_TEST_OPTIONS "-O0")
endif()
# How much longer a test may take, beside what it usually may.
set(CARNET_PATIENCE 1)
if(CARNET_SANITIZE)
  set(CARNET_PATIENCE 6)
endif()
# carnet_patience(VAR SECONDS)
function(carnet_patience variable seconds)
  math(EXPR scaled "${seconds} * ${CARNET_PATIENCE}")
  set(${variable} ${scaled} PARENT_SCOPE)
endfunction()
# One variable that every test is given, in a sanitizer's build; the suppressions are matched by function, so they need the symbolizer.
set(CARNET_TEST_ENVIRONMENT "")
if(CARNET_SANITIZE)
  find_program(CARNET_SYMBOLIZER llvm-symbolizer HINTS /usr/lib/llvm-19/bin DOC "From the package llvm-19")
  if(NOT CARNET_SYMBOLIZER)
    message(WARNING "Without llvm-symbolizer (apt-get install llvm-19) reports name no lines and suppressions match nothing")
  endif()
  if(CARNET_SANITIZE STREQUAL "thread")
    set(CARNET_TEST_ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1:suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
  else()
    set(CARNET_TEST_ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1")  # read by AddressSanitizer too
  endif()
  if(CARNET_SYMBOLIZER)
    string(APPEND CARNET_TEST_ENVIRONMENT ":external_symbolizer_path=${CARNET_SYMBOLIZER}")
  endif()
endif()

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
# The sanitizers do not see into the checked variants of libc's functions.
if(NOT CARNET_SANITIZE AND CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo)$")
  target_compile_definitions(carnet_options INTERFACE _FORTIFY_SOURCE=2)
endif()
option(CARNET_WERROR "Treat warnings as errors" ON)
if(CARNET_WERROR)
  target_compile_options(carnet_options INTERFACE -Werror)
endif()

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
