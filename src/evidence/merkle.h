#pragma once
// The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962): SHA-256 with 0x00 before a leaf
// and 0x01 before a node. Values and pure functions; thread-safe as values are. Nothing here holds
// a whole tree: a Frontier grows one, tlog.h proves from stored tiles, and the functions below
// check proofs from outside. Sizes are below 2^63, so no proof has more than kProofHashesMax
// hashes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "crypto/hash.h"

namespace carnet::evidence {

using MerkleHash = crypto::Digest256;

inline constexpr std::size_t kMerkleHashBytes = 32;
inline constexpr std::uint64_t kTreeSizeMax = (std::uint64_t{1} << 63) - 1;  // limit: internal
inline constexpr std::size_t kProofHashesMax = 2 * 63;                       // limit: internal

[[nodiscard]] MerkleHash leaf_hash(std::span<const std::uint8_t> entry);
[[nodiscard]] inline MerkleHash leaf_hash(std::string_view entry) {
  return leaf_hash(as_bytes(entry));
}
[[nodiscard]] MerkleHash node_hash(const MerkleHash& left, const MerkleHash& right);
// The root of a tree without leaves: SHA-256 of nothing.
[[nodiscard]] MerkleHash empty_root();
// The root over these leaf hashes, computed from nothing else: what tests and the bench compare
// with.
[[nodiscard]] MerkleHash root_of_leaves(std::span<const MerkleHash> leaves);

// That the entry at `index` is in the tree of `size` (RFC 9162 section 2.1.3.1): the siblings from
// the leaf to the root.
struct InclusionProof {
  std::uint64_t index = 0;
  std::uint64_t size = 0;
  std::vector<MerkleHash> path;
  bool operator==(const InclusionProof&) const = default;
};
// True only if `leaf` (a leaf hash) stands at proof.index in the tree of proof.size with this root
// (section 2.1.3.2). Any proof from outside may be given.
[[nodiscard]] bool verify_inclusion(const InclusionProof& proof, const MerkleHash& leaf,
                                    const MerkleHash& root);

// That the tree of `to` begins with the tree of `from` (section 2.1.4.1). From 0 and from a tree to
// itself the path is empty.
struct ConsistencyProof {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::vector<MerkleHash> path;
  bool operator==(const ConsistencyProof&) const = default;
};
// Section 2.1.4.2. The root of size 0 is empty_root().
struct ConsistencyRoots {
  MerkleHash from{};
  MerkleHash to{};
};
[[nodiscard]] bool verify_consistency(const ConsistencyProof& proof, const ConsistencyRoots& roots);

// The roots of the complete subtrees of a tree, the largest first: one for each bit that is set in
// its size. All that is needed to append and to know the root; at most 63 hashes.
class Frontier {
 public:
  Frontier() = default;
  // What bytes() gave for a tree of `size`. kInternal if the length does not fit the size: the
  // bytes come from our own store.
  [[nodiscard]] static Result<Frontier> restore(std::uint64_t size, std::string_view bytes);

  void append(const MerkleHash& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] MerkleHash root() const;
  [[nodiscard]] std::string bytes() const;  // the hashes one after another

 private:
  std::uint64_t size_ = 0;
  std::vector<MerkleHash> peaks_;
};

}  // namespace carnet::evidence
