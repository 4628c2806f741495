#pragma once
// Long texts at a tenth of their size, as text again. A scan of ten thousand endpoints is a JSON
// text of over a hundred megabytes that says the same things many times; written piece by piece
// into a packer it never stands in memory whole. Short texts stay as they are. A packer belongs to
// one thread; unpacking is a pure function.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace carnet {

class TextPacker {
 public:
  TextPacker();
  TextPacker(const TextPacker&) = delete;
  TextPacker& operator=(const TextPacker&) = delete;
  ~TextPacker();

  void add(std::string_view piece);
  // What was added: itself up to 256 KiB, else "packed1:" with length and zlib stream (RFC 1950) in
  // base64. Once.
  [[nodiscard]] std::string finish();

 private:
  struct Deflate;
  std::string plain_;                 // until it is too long
  std::unique_ptr<Deflate> deflate_;  // from then on
  std::size_t bytes_ = 0;
};

// The text behind what finish() gave; what is not packed is returned as it is. kInternal if it is
// damaged or longer than 1 GiB. A large text has room for a kilobyte more without being moved.
[[nodiscard]] Result<std::string> unpack_text(std::string stored);
// The same in pieces, in order, for texts that are not to stand in memory whole. A piece is valid
// during the call; after an error what came was not the text.
[[nodiscard]] Result<void> unpack_text_to(std::string_view stored,
                                          const std::function<void(std::string_view)>& sink);

}  // namespace carnet
