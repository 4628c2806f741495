#pragma once
// A ZIP archive that is written while it is sent: nobody need know how long an entry will be, and
// nothing of it is kept but a line per entry. Deflated, with data descriptors and ZIP64 throughout
// (APPNOTE 6.3), which Info-ZIP 6, 7-Zip, libarchive and Python read. Not by libzip, which packs
// the bundles: it seeks in what it writes, so the whole would have to be somewhere first. Not
// shared between threads.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/hash.h"

namespace carnet::service {

class ZipStream {
 public:
  // What an entry had, uncompressed.
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
    std::string sha256;  // lower-case hex
  };
  explicit ZipStream(Timestamp modified);
  ZipStream(const ZipStream&) = delete;
  ZipStream& operator=(const ZipStream&) = delete;
  ~ZipStream();

  // begin(), add() any number of times, end(); then the next entry; finish() at last. `name` is
  // ASCII.
  void begin(std::string name);
  void add(std::string_view bytes);
  Entry end();
  void finish();
  // What is to be sent next; takes it away.
  [[nodiscard]] std::string take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carnet::service
