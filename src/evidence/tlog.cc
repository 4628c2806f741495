#include "evidence/tlog.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"

namespace carnet::evidence {
namespace {

constexpr std::size_t kTilePathCharsMax = 64;                       // limit: internal
constexpr std::uint64_t kTileIndexMax = kTreeSizeMax / kTileWidth;  // limit: internal

// Whole text as a number; leading zeros are allowed, signs are not.
std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

std::string index_path(std::uint64_t index) {
  std::string out = fmt::format("{:03}", index % 1000);
  for (std::uint64_t rest = index / 1000; rest > 0; rest /= 1000)
    out = fmt::format("x{:03}/", rest % 1000) + out;
  return out;
}

// Lenient: parse_tile_path() compares the spelling.
std::optional<std::uint64_t> parse_index_path(std::span<const std::string_view> parts) {
  std::uint64_t index = 0;
  for (std::string_view part : parts) {
    if (part.starts_with('x')) part.remove_prefix(1);
    const auto value = digits(part);
    if (part.size() != 3 || !value || index > kTileIndexMax / 1000) return std::nullopt;
    index = index * 1000 + *value;
  }
  if (index > kTileIndexMax) return std::nullopt;
  return index;
}

// The largest power of two below n, for n > 1.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// The root over hashes that are a power of two in number.
MerkleHash fold(std::string_view hashes) {
  std::vector<MerkleHash> row(hashes.size() / kMerkleHashBytes);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto bytes = as_bytes(hashes.substr(i * kMerkleHashBytes, kMerkleHashBytes));
    std::copy(bytes.begin(), bytes.end(), row[i].begin());
  }
  for (std::size_t count = row.size(); count > 1; count /= 2)
    for (std::size_t i = 0; i < count / 2; ++i) row[i] = node_hash(row[2 * i], row[2 * i + 1]);
  return row.front();
}

// The hashes of one tree size, each from the tile that holds its subtree.
class TiledTree {
 public:
  TiledTree(const TileReader& tiles, std::uint64_t size) : tiles_(tiles), size_(size) {}

  // Of entries [begin, end), which is a node of the tree: `begin` is where RFC 9162 splits.
  [[nodiscard]] Result<MerkleHash> node(std::uint64_t begin, std::uint64_t end) {
    if (begin == end) return empty_root();
    std::vector<MerkleHash> peaks;
    while (begin < end) {
      const int height = std::bit_width(end - begin) - 1;
      CARNET_TRY(peak, subtree(height, begin >> static_cast<unsigned>(height)));
      peaks.push_back(peak);
      begin += std::uint64_t{1} << static_cast<unsigned>(height);
    }
    MerkleHash hash = peaks.back();
    for (std::size_t i = peaks.size() - 1; i > 0; --i) hash = node_hash(peaks[i - 1], hash);
    return hash;
  }

 private:
  // The complete subtree of 2^height entries with this number among its like.
  Result<MerkleHash> subtree(int height, std::uint64_t number) {
    const int level = height / kTileHeight;
    const auto within = static_cast<unsigned>(height % kTileHeight);
    const std::uint64_t first = number << within;
    const TileId id{.level = level, .index = first / kTileWidth};
    CARNET_TRY(tile, read(id));
    const std::size_t offset = (first % kTileWidth) * kMerkleHashBytes;
    const std::size_t count = std::size_t{1} << within;
    CARNET_CHECK(offset + count * kMerkleHashBytes <= tile.size());
    return fold(tile.substr(offset, count * kMerkleHashBytes));
  }

  // A proof asks for neighbours: each tile is read once.
  Result<std::string_view> read(const TileId& id) {
    for (const auto& [known, bytes] : cache_)
      if (known == id) return std::string_view(bytes);
    const int width = tile_width(id, size_);
    CARNET_TRY(bytes, tiles_(id, width));
    if (width == 0 || bytes.size() < static_cast<std::size_t>(width) * kMerkleHashBytes)
      return make_internal(
          fmt::format("log: tile {}/{} has {} bytes, the tree of {} needs {} hashes", id.level,
                      id.index, bytes.size(), size_, width));
    cache_.emplace_back(id, std::move(bytes));
    return std::string_view(cache_.back().second);
  }

  const TileReader& tiles_;
  std::uint64_t size_;
  // At most two tiles a level; a deque's or list's stable places are not needed, because a view is
  // used up before the next read.
  std::vector<std::pair<TileId, std::string>> cache_;
};

tl::unexpected<Error> bad_size(std::string_view field, std::string detail) {
  return make_validation_error({FieldError{.field = std::string(field),
                                           .pointer = "",
                                           .code = "out_of_range",
                                           .detail = std::move(detail)}});
}

}  // namespace

std::string to_string(const TilePath& path) {
  std::string out = path.entries ? "entries/" : fmt::format("{}/", path.tile.level);
  out += index_path(path.tile.index);
  if (path.width < static_cast<int>(kTileWidth)) out += fmt::format(".p/{}", path.width);
  return out;
}

std::optional<TilePath> parse_tile_path(std::string_view text) {
  if (text.size() > kTilePathCharsMax) return std::nullopt;
  std::vector<std::string_view> parts = split(text, '/');
  if (parts.size() < 2) return std::nullopt;
  TilePath path;
  path.entries = parts.front() == "entries";
  if (!path.entries) {
    const auto level = digits(parts.front());
    if (!level || *level > kTileLevelMax) return std::nullopt;
    path.tile.level = static_cast<int>(*level);
  }
  parts.erase(parts.begin());
  if (parts.size() >= 2 && parts[parts.size() - 2].ends_with(".p")) {
    const auto width = digits(parts.back());
    if (!width || *width < 1 || *width >= kTileWidth) return std::nullopt;
    path.width = static_cast<int>(*width);
    parts.pop_back();
    parts.back().remove_suffix(2);
  }
  const auto index = parse_index_path(parts);
  if (!index) return std::nullopt;
  path.tile.index = *index;
  if (to_string(path) != text) return std::nullopt;
  return path;
}

int tile_width(const TileId& tile, std::uint64_t size) {
  const std::uint64_t hashes = size >> static_cast<unsigned>(kTileHeight * tile.level);
  const std::uint64_t before = tile.index * kTileWidth;
  if (hashes <= before) return 0;
  return static_cast<int>(std::min(hashes - before, kTileWidth));
}

Result<MerkleHash> root_at(const TileReader& tiles, std::uint64_t size) {
  return TiledTree(tiles, size).node(0, size);
}

Result<InclusionProof> prove_inclusion(const TileReader& tiles, std::uint64_t index,
                                       std::uint64_t size) {
  if (index >= size || size > kTreeSizeMax)
    return bad_size("size",
                    fmt::format("must be {} or more, so that the tree has the entry", index + 1));
  TiledTree tree(tiles, size);
  InclusionProof proof{.index = index, .size = size, .path = {}};
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split_of(end - begin);
    const bool left = index < middle;
    const std::uint64_t other_begin = left ? middle : begin;
    const std::uint64_t other_end = left ? end : middle;
    CARNET_TRY(sibling, tree.node(other_begin, other_end));
    proof.path.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(proof.path.begin(), proof.path.end());
  return proof;
}

Result<ConsistencyProof> prove_consistency(const TileReader& tiles, std::uint64_t from,
                                           std::uint64_t to) {
  if (from > to || to > kTreeSizeMax)
    return bad_size("from_size", fmt::format("must be a whole number from 0 to {}", to));
  ConsistencyProof proof{.from = from, .to = to, .path = {}};
  if (from == 0 || from == to) return proof;
  TiledTree tree(tiles, to);
  std::uint64_t begin = 0;
  std::uint64_t end = to;
  while (end != from) {
    const std::uint64_t middle = begin + split_of(end - begin);
    const bool left = from <= middle;
    const std::uint64_t other_begin = left ? middle : begin;
    const std::uint64_t other_end = left ? end : middle;
    CARNET_TRY(sibling, tree.node(other_begin, other_end));
    proof.path.push_back(sibling);
    (left ? end : begin) = middle;
  }
  // Begun at the left edge, what remains is the old tree itself, whose root the verifier has.
  if (begin != 0) {
    CARNET_TRY(common, tree.node(begin, end));
    proof.path.push_back(common);
  }
  std::reverse(proof.path.begin(), proof.path.end());
  return proof;
}

MerkleHash full_tile_root(std::string_view hashes) {
  CARNET_CHECK(hashes.size() == kTileWidth * kMerkleHashBytes);
  return fold(hashes);
}

void append_bundle_entry(std::string& bundle, std::string_view entry) {
  CARNET_CHECK(entry.size() <= 0xFFFF);
  bundle += static_cast<char>(entry.size() >> 8U);
  bundle += static_cast<char>(entry.size() & 0xFFU);
  bundle += entry;
}

}  // namespace carnet::evidence
