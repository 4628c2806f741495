#pragma once
// The tree cut into tiles (C2SP tlog-tiles, tile height 8): tile n of level l holds up to 256
// hashes, each the root of a complete subtree of 256^l entries. Only complete subtrees are kept,
// so what is written once never changes: a tile grows to its full width, and a partial tile of
// width w is the first w hashes of it. Proofs and roots of any size come from a few tiles by
// hashing inside them; no function here visits the leaves. Pure but for the reader that is passed
// in; thread-safe if that is.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "evidence/merkle.h"

namespace carnet::evidence {

inline constexpr int kTileHeight = 8;
inline constexpr std::uint64_t kTileWidth = 256;
inline constexpr int kTileLevelMax = 7;  // limit: internal; 2^63 entries need no higher one

struct TileId {
  int level = 0;
  std::uint64_t index = 0;
  bool operator==(const TileId&) const = default;
};

// A tile or an entry bundle as it is asked for.
struct TilePath {
  bool entries = false;  // "entries/<N>": the entries themselves; then level is 0
  TileId tile;
  int width = kTileWidth;  // 1 to 256; 256: the full tile
  bool operator==(const TilePath&) const = default;
};
// "0/x001/x234/067", "1/003.p/17", "entries/000.p/5": what stands behind "tile/". parse is exact:
// one spelling per tile, at most 64 characters; nullopt for anything else.
[[nodiscard]] std::string to_string(const TilePath& path);
[[nodiscard]] std::optional<TilePath> parse_tile_path(std::string_view text);

// How many hashes a tile has in a tree of `size`: 0 to 256.
[[nodiscard]] int tile_width(const TileId& tile, std::uint64_t size);

// Gives at least the first `width` hashes of a tile (32 bytes each); more is fine. An error, or
// fewer bytes, ends the proof with kInternal.
using TileReader = std::function<Result<std::string>(const TileId& tile, int width)>;

// The root of the first `size` entries. `size` must not exceed what the tiles hold.
[[nodiscard]] Result<MerkleHash> root_at(const TileReader& tiles, std::uint64_t size);
// kValidationFailed unless index < size.
[[nodiscard]] Result<InclusionProof> prove_inclusion(const TileReader& tiles, std::uint64_t index,
                                                     std::uint64_t size);
// kValidationFailed unless from <= to.
[[nodiscard]] Result<ConsistencyProof> prove_consistency(const TileReader& tiles,
                                                         std::uint64_t from, std::uint64_t to);

// The hash that becomes complete in `tile` of the next level when a tile is full: the root of its
// 256 hashes. `hashes` must have 8192 bytes.
[[nodiscard]] MerkleHash full_tile_root(std::string_view hashes);

// A bundle of entries: each with its length before it as two bytes, big-endian.
void append_bundle_entry(std::string& bundle, std::string_view entry);

}  // namespace carnet::evidence
