#include "evidence/merkle.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace carnet::evidence {
namespace {

// Both numbers of a walk towards the root: where we are in the row, and where the row ends.
struct Walk {
  std::uint64_t at, last;
  void up() {
    at >>= 1U;
    last >>= 1U;
  }
  [[nodiscard]] bool is_right() const { return (at & 1U) != 0; }
  // Rows in which our node has no sibling add nothing to a proof.
  void skip_missing_siblings() {
    while (!is_right() && at != 0) up();
  }
};

}  // namespace

MerkleHash leaf_hash(std::span<const std::uint8_t> entry) {
  Bytes bytes;
  bytes.reserve(entry.size() + 1);
  bytes.push_back(0x00);
  bytes.insert(bytes.end(), entry.begin(), entry.end());
  return crypto::sha256(bytes);
}

MerkleHash node_hash(const MerkleHash& left, const MerkleHash& right) {
  std::array<std::uint8_t, 1 + 2 * kMerkleHashBytes> bytes{};
  bytes[0] = 0x01;
  std::copy(left.begin(), left.end(), bytes.begin() + 1);
  std::copy(right.begin(), right.end(), bytes.begin() + 1 + kMerkleHashBytes);
  return crypto::sha256(bytes);
}

MerkleHash empty_root() { return crypto::sha256(std::string_view{}); }

MerkleHash root_of_leaves(std::span<const MerkleHash> leaves) {
  Frontier frontier;
  for (const MerkleHash& leaf : leaves) frontier.append(leaf);
  return frontier.root();
}

bool verify_inclusion(const InclusionProof& proof, const MerkleHash& leaf, const MerkleHash& root) {
  if (proof.index >= proof.size || proof.size > kTreeSizeMax || proof.path.size() > kProofHashesMax)
    return false;
  Walk walk{.at = proof.index, .last = proof.size - 1};
  MerkleHash hash = leaf;
  for (const MerkleHash& sibling : proof.path) {
    if (walk.last == 0) return false;
    if (walk.is_right() || walk.at == walk.last) {
      hash = node_hash(sibling, hash);
      walk.skip_missing_siblings();
    } else {
      hash = node_hash(hash, sibling);
    }
    walk.up();
  }
  return walk.last == 0 && hash == root;
}

bool verify_consistency(const ConsistencyProof& proof, const ConsistencyRoots& roots) {
  if (proof.from > proof.to || proof.to > kTreeSizeMax || proof.path.size() > kProofHashesMax)
    return false;
  if (proof.from == proof.to) {
    const bool rooted = proof.from != 0 || roots.from == empty_root();
    return proof.path.empty() && roots.from == roots.to && rooted;
  }
  if (proof.from == 0) return proof.path.empty() && roots.from == empty_root();
  if (proof.path.empty()) return false;

  Walk walk{.at = proof.from - 1, .last = proof.to - 1};
  while (walk.is_right()) walk.up();
  // A whole subtree of the new tree is the old one: the proof leaves its hash out.
  const bool whole = std::has_single_bit(proof.from);
  MerkleHash from = whole ? roots.from : proof.path.front();
  MerkleHash to = from;
  for (std::size_t i = whole ? 0 : 1; i < proof.path.size(); ++i) {
    const MerkleHash& sibling = proof.path[i];
    if (walk.last == 0) return false;
    if (walk.is_right() || walk.at == walk.last) {
      from = node_hash(sibling, from);
      to = node_hash(sibling, to);
      walk.skip_missing_siblings();
    } else {
      to = node_hash(to, sibling);
    }
    walk.up();
  }
  return walk.last == 0 && from == roots.from && to == roots.to;
}

Result<Frontier> Frontier::restore(std::uint64_t size, std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::popcount(size));
  if (size > kTreeSizeMax || bytes.size() != count * kMerkleHashBytes)
    return make_internal(
        fmt::format("log: {} bytes are no frontier of {} entries", bytes.size(), size));
  Frontier out;
  out.size_ = size;
  out.peaks_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto peak = as_bytes(bytes.substr(i * kMerkleHashBytes, kMerkleHashBytes));
    std::copy(peak.begin(), peak.end(), out.peaks_[i].begin());
  }
  return out;
}

void Frontier::append(const MerkleHash& leaf) {
  MerkleHash hash = leaf;
  for (std::uint64_t full = size_; (full & 1U) != 0; full >>= 1U) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

MerkleHash Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  MerkleHash hash = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i > 0; --i) hash = node_hash(peaks_[i - 1], hash);
  return hash;
}

std::string Frontier::bytes() const {
  std::string out;
  out.reserve(peaks_.size() * kMerkleHashBytes);
  for (const MerkleHash& peak : peaks_) out += as_text(peak);
  return out;
}

}  // namespace carnet::evidence
