// The tree against the vectors of Certificate Transparency's reference implementation and against
// the definition of RFC 9162 written down literally; proofs as laws.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "evidence/merkle.h"
#include "evidence/tests/log_samples.h"
#include "evidence/tlog.h"

namespace carnet::evidence {
namespace {

using testing::definition_root;
using testing::hash_of;
using testing::leaves_of;
using testing::MemoryTiles;

// github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc
constexpr std::string_view kInputs[] = {"",
                                        "00",
                                        "10",
                                        "2021",
                                        "3031",
                                        "40414243",
                                        "5051525354555657",
                                        "606162636465666768696a6b6c6d6e6f"};
constexpr std::string_view kRoots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<MerkleHash> reference_leaves() {
  std::vector<MerkleHash> out;
  for (const std::string_view input : kInputs) out.push_back(leaf_hash(*from_hex(input)));
  return out;
}

TEST(MerkleTest, RootsOfTheReferenceImplementation) {
  const std::vector<MerkleHash> leaves = reference_leaves();
  for (std::size_t size = 0; size <= leaves.size(); ++size)
    EXPECT_EQ(to_hex(root_of_leaves(std::span(leaves).first(size))), kRoots[size]) << size;
}

TEST(MerkleTest, ProofsOfTheReferenceImplementation) {
  MemoryTiles tiles;
  for (const MerkleHash& leaf : reference_leaves()) tiles.append(leaf);
  const auto inclusion = prove_inclusion(tiles.reader(), 5, 8);
  ASSERT_TRUE(inclusion);
  ASSERT_EQ(inclusion->path.size(), 3U);
  EXPECT_EQ(to_hex(inclusion->path[0]),
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
  EXPECT_EQ(to_hex(inclusion->path[1]),
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
  EXPECT_EQ(to_hex(inclusion->path[2]),
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
  const auto consistency = prove_consistency(tiles.reader(), 1, 8);
  ASSERT_TRUE(consistency);
  ASSERT_EQ(consistency->path.size(), 3U);
  EXPECT_EQ(to_hex(consistency->path[0]),
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
  EXPECT_EQ(to_hex(consistency->path[1]),
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
  EXPECT_EQ(to_hex(consistency->path[2]),
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
}

// Every size up to beyond the first full tile, every entry of some: proofs verify, and no other
// entry, index, size or root does.
TEST(MerkleTest, InclusionOfEveryEntry) {
  const std::vector<MerkleHash> leaves = leaves_of(300);
  MemoryTiles tiles;
  for (const MerkleHash& leaf : leaves) tiles.append(leaf);
  for (std::uint64_t size = 1; size <= leaves.size(); size += size < 70 ? 1 : 23) {
    const MerkleHash root = definition_root(std::span(leaves).first(size));
    ASSERT_EQ(*root_at(tiles.reader(), size), root) << size;
    for (std::uint64_t index = 0; index < size; index += size < 70 ? 1 : 7) {
      const auto proof = prove_inclusion(tiles.reader(), index, size);
      ASSERT_TRUE(proof) << index << " " << size;
      ASSERT_TRUE(verify_inclusion(*proof, leaves[index], root)) << index << " " << size;
      const std::size_t other = (index + 1) % size;
      EXPECT_TRUE(other == index || !verify_inclusion(*proof, leaves[other], root));
      EXPECT_FALSE(verify_inclusion(*proof, leaves[index], hash_of("another root")));
    }
  }
}

TEST(MerkleTest, ConsistencyOfEveryPair) {
  const std::vector<MerkleHash> leaves = leaves_of(300);
  MemoryTiles tiles;
  std::vector<MerkleHash> roots{empty_root()};
  for (const MerkleHash& leaf : leaves) {
    tiles.append(leaf);
    roots.push_back(tiles.frontier().root());
  }
  for (std::uint64_t to = 0; to <= leaves.size(); to += to < 70 ? 1 : 23) {
    for (std::uint64_t from = 0; from <= to; from += to < 70 ? 1 : 7) {
      const auto proof = prove_consistency(tiles.reader(), from, to);
      ASSERT_TRUE(proof) << from << " " << to;
      ASSERT_TRUE(verify_consistency(*proof, {.from = roots[from], .to = roots[to]}))
          << from << " " << to;
      const MerkleHash wrong = hash_of("another root");
      EXPECT_FALSE(verify_consistency(*proof, {.from = wrong, .to = roots[to]}));
      // From nothing every tree has grown.
      EXPECT_EQ(verify_consistency(*proof, {.from = roots[from], .to = wrong}),
                from == 0 && to > 0);
    }
  }
}

// One bit, one hash more or less, a neighbouring size or index: refused.
TEST(MerkleTest, ChangedProofsAreRefused) {
  const bool held = rc::check("changed proofs are refused", [] {
    const auto size = *rc::gen::inRange<std::uint64_t>(2, 700);
    const auto index = *rc::gen::inRange<std::uint64_t>(0, size);
    const auto from = *rc::gen::inRange<std::uint64_t>(1, size);
    static const MemoryTiles kTiles = MemoryTiles::of(leaves_of(700));
    static const std::vector<MerkleHash> kLeaves = leaves_of(700);
    const MerkleHash root = *root_at(kTiles.reader(), size);
    const MerkleHash old_root = *root_at(kTiles.reader(), from);
    InclusionProof inclusion = *prove_inclusion(kTiles.reader(), index, size);
    ConsistencyProof consistency = *prove_consistency(kTiles.reader(), from, size);
    RC_ASSERT(verify_inclusion(inclusion, kLeaves[index], root));
    RC_ASSERT(verify_consistency(consistency, {.from = old_root, .to = root}));

    const auto damage = [](std::vector<MerkleHash>& path) {
      const auto at = *rc::gen::inRange<std::size_t>(0, path.size());
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          path[at][*rc::gen::inRange<std::size_t>(0, 32)] ^=
              static_cast<std::uint8_t>(1U << *rc::gen::inRange(0U, 8U));
          break;
        case 1:
          path.erase(path.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 2:
          path.insert(path.begin() + static_cast<std::ptrdiff_t>(at), path[at]);
          break;
        default:
          path.push_back(hash_of("trailing"));
      }
    };
    InclusionProof bad_inclusion = inclusion;
    damage(bad_inclusion.path);
    RC_ASSERT_FALSE(verify_inclusion(bad_inclusion, kLeaves[index], root));
    ConsistencyProof bad_consistency = consistency;
    damage(bad_consistency.path);
    RC_ASSERT_FALSE(verify_consistency(bad_consistency, {.from = old_root, .to = root}));
    RC_ASSERT_FALSE(verify_consistency(consistency, {.from = root, .to = old_root}));
    inclusion.index = (index + 1) % size;
    RC_ASSERT_FALSE(verify_inclusion(inclusion, kLeaves[index], root));
    consistency.from = from % (size - 1) + 1;
    if (consistency.from != from)
      RC_ASSERT_FALSE(verify_consistency(consistency, {.from = old_root, .to = root}));
  });
  EXPECT_TRUE(held);
}

TEST(MerkleTest, WhatCannotBeAProof) {
  const MerkleHash leaf = hash_of("x");
  EXPECT_TRUE(verify_inclusion({.index = 0, .size = 1, .path = {}}, leaf, leaf));
  EXPECT_FALSE(verify_inclusion({.index = 0, .size = 0, .path = {}}, leaf, empty_root()));
  EXPECT_FALSE(verify_inclusion({.index = 1, .size = 1, .path = {}}, leaf, leaf));
  EXPECT_FALSE(verify_inclusion({.index = 0, .size = ~std::uint64_t{0}, .path = {}}, leaf, leaf));
  const std::vector<MerkleHash> long_path(kProofHashesMax + 1);
  EXPECT_FALSE(verify_inclusion({.index = 0, .size = 1, .path = long_path}, leaf, leaf));
  const ConsistencyRoots same{.from = leaf, .to = leaf};
  EXPECT_TRUE(verify_consistency({.from = 5, .to = 5, .path = {}}, same));
  EXPECT_FALSE(verify_consistency({.from = 0, .to = 0, .path = {}}, same));
  EXPECT_FALSE(verify_consistency({.from = 6, .to = 5, .path = {}}, same));
  EXPECT_FALSE(verify_consistency({.from = 4, .to = 5, .path = {}}, same));
  EXPECT_FALSE(verify_consistency({.from = 0, .to = 5, .path = {}}, same));
  EXPECT_TRUE(
      verify_consistency({.from = 0, .to = 5, .path = {}}, {.from = empty_root(), .to = leaf}));
}

TEST(MerkleTest, AFrontierGoesOnWhereItWasStored) {
  Frontier whole;
  Frontier resumed;
  for (const MerkleHash& leaf : leaves_of(130)) {
    whole.append(leaf);
    auto restored = Frontier::restore(resumed.size(), resumed.bytes());
    ASSERT_TRUE(restored);
    resumed = *std::move(restored);
    resumed.append(leaf);
    ASSERT_EQ(resumed.root(), whole.root());
  }
  EXPECT_FALSE(Frontier::restore(131, whole.bytes()));
  EXPECT_FALSE(Frontier::restore(130, whole.bytes() + "x"));
}

}  // namespace
}  // namespace carnet::evidence
