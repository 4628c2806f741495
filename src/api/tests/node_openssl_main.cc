// The tests of TLS once more, on a system whose own OpenSSL
// is older than 3.5: they are built as an add-on of Node.js, which carries OpenSSL 3.5 and lends
// its symbols. Only the entry point is here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

// Node calls this, by its name, for every add-on that it loads. Our answer is the process's exit
// code.
extern "C" [[gnu::visibility("default")]] void* napi_register_module_v1(void* /*environment*/,
                                                                        void* /*exports*/) {
  int count = 1;
  char name[] = "carnet_api_openssl35_test";
  char* arguments[] = {name, nullptr};
  testing::InitGoogleTest(&count, arguments);
  const int outcome = RUN_ALL_TESTS();
  std::fflush(nullptr);
  ::_exit(outcome);
}
