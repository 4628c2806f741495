// Signed notes, checkpoints, proofs, verifier keys and tile paths from outside: nothing crashes,
// and what is accepted is written again as it was read.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "evidence/checkpoint.h"
#include "evidence/tlog.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace evidence = carnet::evidence;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto note = evidence::parse_note(text)) {
    CARNET_CHECK(to_string(*note) == text);
    if (const auto checkpoint = evidence::parse_checkpoint(note->text))
      CARNET_CHECK(to_string(*checkpoint) == note->text);
    static_cast<void>(evidence::open_checkpoint(text, {}));
  }
  if (const auto proof = evidence::parse_log_proof(text)) {
    const auto again = evidence::parse_log_proof(to_string(*proof));
    CARNET_CHECK(again && again->inclusion == proof->inclusion);
    CARNET_CHECK(again->checkpoint == proof->checkpoint);
    static_cast<void>(evidence::verify_inclusion(proof->inclusion, {}, {}));
    static_cast<void>(evidence::verify_consistency({.from = proof->inclusion.index,
                                                    .to = proof->inclusion.size,
                                                    .path = proof->inclusion.path},
                                                   {}));
  }
  if (const auto key = evidence::parse_vkey(text)) {
    const auto again = evidence::parse_vkey(evidence::to_vkey(*key));
    CARNET_CHECK(again && *again == *key);
    if (const auto cosignature = evidence::parse_cosignature(*key, {data, size}))
      CARNET_CHECK(!evidence::verify_cosignature(*key, *cosignature, {}));
  }
  if (const auto path = evidence::parse_tile_path(text)) CARNET_CHECK(to_string(*path) == text);
  return 0;
}
