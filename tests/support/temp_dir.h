#pragma once
// A folder of its own for one test, removed with everything in it at the end. Used by one thread.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"

namespace carnet::test {

class TempDir {
 public:
  TempDir() {
    std::string form = (std::filesystem::temp_directory_path() / "carnet-test-XXXXXX").string();
    CARNET_CHECK(::mkdtemp(form.data()) != nullptr);
    path_ = form;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace carnet::test
