// Tiles: their names, their widths, and that proofs read few of them.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "evidence/tests/log_samples.h"
#include "evidence/tlog.h"

namespace carnet::evidence {
namespace {

using testing::leaves_of;
using testing::MemoryTiles;

TEST(TilePathTest, TheSpellingsOfTheSpecification) {
  const TilePath full{.entries = false, .tile = {.level = 0, .index = 1234067}, .width = 256};
  EXPECT_EQ(to_string(full), "0/x001/x234/067");
  EXPECT_EQ(parse_tile_path("0/x001/x234/067"), full);
  const TilePath partial{.entries = false, .tile = {.level = 1, .index = 3}, .width = 17};
  EXPECT_EQ(to_string(partial), "1/003.p/17");
  EXPECT_EQ(parse_tile_path("1/003.p/17"), partial);
  const TilePath bundle{.entries = true, .tile = {.level = 0, .index = 1000}, .width = 5};
  EXPECT_EQ(to_string(bundle), "entries/x001/000.p/5");
  EXPECT_EQ(parse_tile_path("entries/x001/000.p/5"), bundle);
}

TEST(TilePathTest, NoOtherSpelling) {
  for (const char* bad : {"",
                          "0",
                          "0/",
                          "/000",
                          "00/000",
                          "0/0",
                          "0/00",
                          "0/0000",
                          "0/x000/001",
                          "0/x001",
                          "0/x001/x000",
                          "0/001/000",
                          "8/000",
                          "63/000",
                          "-1/000",
                          "0/000.p/0",
                          "0/000.p/256",
                          "0/000.p/05",
                          "0/000.p/",
                          "0/000.p",
                          "0/000/5",
                          "0/000.p/5/6",
                          "0/+01",
                          "0/ 01",
                          "entries/000.p",
                          "Entries/000",
                          "entry/000",
                          "0/x999/x999/x999/x999/x999/x999/999",
                          "0/x001/x234/067/",
                          "0//000",
                          "0/x-01/000",
                          "0/0x1"})
    EXPECT_FALSE(parse_tile_path(bad)) << bad;
  EXPECT_FALSE(parse_tile_path("0/" + std::string(80, '0')));
}

TEST(TilePathTest, ReadsWhatItWrites) {
  const bool held = rc::check("tile paths", [] {
    const bool entries = *rc::gen::arbitrary<bool>();
    const TilePath path{
        .entries = entries,
        .tile = {.level = entries ? 0 : *rc::gen::inRange(0, kTileLevelMax + 1),
                 .index = *rc::gen::inRange<std::uint64_t>(0, kTreeSizeMax / kTileWidth)},
        .width = *rc::gen::inRange(1, 257)};
    RC_ASSERT(parse_tile_path(to_string(path)) == path);
  });
  EXPECT_TRUE(held);
}

// The example of the specification: 70,000 entries.
TEST(TileTest, WidthsOfTheSpecificationsExample) {
  constexpr std::uint64_t kSize = 70'000;
  EXPECT_EQ(tile_width({.level = 0, .index = 272}, kSize), 256);
  EXPECT_EQ(tile_width({.level = 0, .index = 273}, kSize), 112);
  EXPECT_EQ(tile_width({.level = 0, .index = 274}, kSize), 0);
  EXPECT_EQ(tile_width({.level = 1, .index = 0}, kSize), 256);
  EXPECT_EQ(tile_width({.level = 1, .index = 1}, kSize), 17);
  EXPECT_EQ(tile_width({.level = 2, .index = 0}, kSize), 1);
  EXPECT_EQ(tile_width({.level = 3, .index = 0}, kSize), 0);
  EXPECT_EQ(tile_width({.level = 1, .index = 0}, 256), 1);
}

// Across two levels of tiles: what tiles prove is what the frontier has seen, and the work does not
// grow with the tree.
TEST(TileTest, LargeTreesAreProvenFromAFewTiles) {
  constexpr std::uint64_t kSize = 70'000;
  MemoryTiles tiles;
  std::map<std::uint64_t, MerkleHash> roots;
  const std::vector<MerkleHash> leaves = leaves_of(kSize);
  for (const MerkleHash& leaf : leaves) {
    tiles.append(leaf);
    const std::uint64_t size = tiles.frontier().size();
    if (size % 9973 == 0 || size == 65'536 || size == 65'537 || size == kSize)
      roots[size] = tiles.frontier().root();
  }
  for (const auto& [size, root] : roots) {
    tiles.forget_reads();
    ASSERT_EQ(*root_at(tiles.reader(), size), root) << size;
    EXPECT_LE(tiles.reads(), 3) << size;
    tiles.forget_reads();
    const auto consistency = prove_consistency(tiles.reader(), size, kSize);
    ASSERT_TRUE(consistency);
    EXPECT_TRUE(verify_consistency(*consistency, {.from = root, .to = roots[kSize]})) << size;
    EXPECT_LE(tiles.reads(), 6) << size;
    for (const std::uint64_t index : {std::uint64_t{0}, size / 2, size - 1}) {
      tiles.forget_reads();
      const auto inclusion = prove_inclusion(tiles.reader(), index, size);
      ASSERT_TRUE(inclusion);
      EXPECT_TRUE(verify_inclusion(*inclusion, leaves[index], root)) << index << " of " << size;
      EXPECT_LE(tiles.reads(), 6) << index << " of " << size;
    }
  }
}

TEST(TileTest, AMissingOrShortTileIsAnErrorAndNoProof) {
  const MemoryTiles tiles = MemoryTiles::of(leaves_of(300));
  EXPECT_FALSE(root_at(tiles.reader(), 301));
  EXPECT_EQ(root_at(tiles.reader(), 301).error().code, ErrorCode::kInternal);
  const TileReader failing = [](const TileId&, int) -> Result<std::string> {
    return make_error(ErrorCode::kUnavailable, "away");
  };
  EXPECT_EQ(prove_inclusion(failing, 3, 300).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(prove_inclusion(tiles.reader(), 300, 300).error().code, ErrorCode::kValidationFailed);
  EXPECT_EQ(prove_consistency(tiles.reader(), 301, 300).error().code, ErrorCode::kValidationFailed);
}

TEST(TileTest, BundlesCarryLengths) {
  std::string bundle;
  append_bundle_entry(bundle, "ab");
  append_bundle_entry(bundle, std::string(258, 'x'));
  EXPECT_EQ(bundle.substr(0, 6), std::string("\0\2ab\1\2", 6));
  EXPECT_EQ(bundle.size(), 2U + 2 + 2 + 258);
}

}  // namespace
}  // namespace carnet::evidence
