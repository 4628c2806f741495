#pragma once
// Trees in memory for the tests of this folder: leaves, the definition of RFC 9162 written down
// literally, tiles in a map, and a signer.

#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "crypto/mldsa.h"
#include "evidence/checkpoint.h"
#include "evidence/tlog.h"

namespace carnet::evidence::testing {

inline MerkleHash hash_of(std::string_view text) { return crypto::sha256(text); }

inline std::vector<MerkleHash> leaves_of(std::size_t count) {
  std::vector<MerkleHash> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(leaf_hash(fmt::format("entry {}", i)));
  return out;
}

// MTH of section 2.1.1, by its recursion.
inline MerkleHash definition_root(std::span<const MerkleHash> leaves) {
  if (leaves.empty()) return empty_root();
  if (leaves.size() == 1) return leaves.front();
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return node_hash(definition_root(leaves.first(k)), definition_root(leaves.subspan(k)));
}

// Tiles as a log stores them; the reader gives no more than what was asked for.
class MemoryTiles {
 public:
  static MemoryTiles of(const std::vector<MerkleHash>& leaves) {
    MemoryTiles out;
    for (const MerkleHash& leaf : leaves) out.append(leaf);
    return out;
  }
  void append(MerkleHash hash) {
    std::uint64_t index = frontier_.size();
    frontier_.append(hash);
    for (int level = 0;; ++level) {
      std::string& tile = tiles_[{level, index / kTileWidth}];
      tile += as_text(hash);
      if (tile.size() < kTileWidth * kMerkleHashBytes) return;
      hash = full_tile_root(tile);
      index /= kTileWidth;
    }
  }
  [[nodiscard]] TileReader reader() const {
    return [this](const TileId& tile, int width) -> Result<std::string> {
      ++reads_;
      const auto found = tiles_.find({tile.level, tile.index});
      if (found == tiles_.end()) return std::string();
      return found->second.substr(0, static_cast<std::size_t>(width) * kMerkleHashBytes);
    };
  }
  [[nodiscard]] const Frontier& frontier() const { return frontier_; }
  [[nodiscard]] int reads() const { return reads_; }
  void forget_reads() { reads_ = 0; }

 private:
  std::map<std::pair<int, std::uint64_t>, std::string> tiles_;
  Frontier frontier_;
  mutable int reads_ = 0;
};

// Signs with fresh keys, which it shows.
class TestSigner final : public Signer {
 public:
  TestSigner()
      : ed25519(crypto::ed25519_generate(random)),
        mldsa(crypto::mldsa_generate(crypto::MlDsa::k65, random)) {}

  Result<HybridSignature> sign(std::string_view message) const override {
    HybridSignature out;
    out.ed25519_key = ed25519.public_key;
    out.mldsa65_key = mldsa.public_key;
    CARNET_TRY(classical, crypto::ed25519_sign(ed25519.seed, as_bytes(message)));
    out.ed25519 = classical;
    SystemRandom source;
    CARNET_TRY(quantum, crypto::mldsa_sign(crypto::MlDsa::k65, mldsa.private_key,
                                           {.message = as_bytes(message)}, source));
    out.mldsa65 = std::move(quantum);
    return out;
  }
  [[nodiscard]] TrustedLogKey trusted() const {
    return {.ed25519 = ed25519.public_key, .mldsa65 = mldsa.public_key};
  }

  SystemRandom random;
  crypto::Ed25519KeyPair ed25519;
  crypto::MlDsaKeyPair mldsa;
};

}  // namespace carnet::evidence::testing
