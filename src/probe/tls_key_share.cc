#include "probe/tls_key_share.h"

#include <array>

namespace carnet::probe {
namespace {

using crypto::EcdhGroup;
using crypto::MlKem;

struct Layout {
  std::uint16_t group;
  std::optional<EcdhGroup> classical;
  std::optional<MlKem> kem;
  bool kem_first = false;  // in shares and in the shared secret
};

constexpr std::array<Layout, 19> kLayouts{{
    {0x11EC, EcdhGroup::kX25519, MlKem::k768, true},
    {0x11EB, EcdhGroup::kP256, MlKem::k768},
    {0x11ED, EcdhGroup::kP384, MlKem::k1024},
    {0x0201, std::nullopt, MlKem::k768},
    {0x0202, std::nullopt, MlKem::k1024},
    {0x0200, std::nullopt, MlKem::k512},
    {0x001D, EcdhGroup::kX25519, std::nullopt},
    {0x0017, EcdhGroup::kP256, std::nullopt},
    {0x0018, EcdhGroup::kP384, std::nullopt},
    {0x0019, EcdhGroup::kP521, std::nullopt},
    {0x001E, EcdhGroup::kX448, std::nullopt},
    {0x001F, EcdhGroup::kBrainpoolP256, std::nullopt},
    {0x0020, EcdhGroup::kBrainpoolP384, std::nullopt},
    {0x0021, EcdhGroup::kBrainpoolP512, std::nullopt},
    {0x0100, EcdhGroup::kFfdhe2048, std::nullopt},
    {0x0101, EcdhGroup::kFfdhe3072, std::nullopt},
    {0x0102, EcdhGroup::kFfdhe4096, std::nullopt},
    {0x0103, EcdhGroup::kFfdhe6144, std::nullopt},
    {0x0104, EcdhGroup::kFfdhe8192, std::nullopt},
}};

const Layout* layout_of(std::uint16_t group) {
  for (const Layout& layout : kLayouts) {
    if (layout.group == group) return &layout;
  }
  return nullptr;
}

void append(Bytes& out, const Bytes& part) { out.insert(out.end(), part.begin(), part.end()); }

}  // namespace

const std::vector<std::uint16_t>& completable_groups() {
  static const std::vector<std::uint16_t> kAll = [] {
    std::vector<std::uint16_t> all;
    all.reserve(std::size(kLayouts));
    for (const Layout& layout : kLayouts) all.push_back(layout.group);
    return all;
  }();
  return kAll;
}

bool is_completable(std::uint16_t group) { return layout_of(group) != nullptr; }

bool is_cheap(std::uint16_t group) {
  constexpr std::uint16_t kFirstFfdhe = 0x0100, kLastFfdhe = 0x01FF;
  return group < kFirstFfdhe || group > kLastFfdhe;
}

std::optional<KeyShare> KeyShare::generate(std::uint16_t group, Random& random) {
  const Layout* layout = layout_of(group);
  if (layout == nullptr) return std::nullopt;
  KeyShare out(group);
  if (layout->classical) out.classical_ = crypto::EcdhKey::generate(*layout->classical);
  if (layout->kem) out.kem_ = crypto::mlkem_generate(*layout->kem, random);
  if (out.kem_ && layout->kem_first) append(out.share_, out.kem_->encapsulation_key);
  if (out.classical_) append(out.share_, out.classical_->share());
  if (out.kem_ && !layout->kem_first) append(out.share_, out.kem_->encapsulation_key);
  return out;
}

Result<Secret> KeyShare::agree(std::span<const std::uint8_t> server_share) const {
  const Layout& layout = *layout_of(group_);
  const std::size_t classical_bytes =
      layout.classical ? crypto::share_bytes_of(*layout.classical) : 0;
  const std::size_t kem_bytes = layout.kem ? crypto::sizes_of(*layout.kem).ciphertext : 0;
  if (server_share.size() != classical_bytes + kem_bytes) {
    return make_error(ErrorCode::kValidationFailed, "The key share has a wrong length.");
  }
  const auto kem_part =
      layout.kem_first ? server_share.first(kem_bytes) : server_share.last(kem_bytes);
  const auto classical_part =
      layout.kem_first ? server_share.last(classical_bytes) : server_share.first(classical_bytes);
  Secret classical, kem;
  if (layout.classical) {
    auto secret = classical_->agree(classical_part);
    if (!secret) return secret;
    classical = std::move(*secret);
  }
  if (layout.kem) {
    auto secret = crypto::mlkem_decapsulate(*layout.kem, kem_->decapsulation_key, kem_part);
    if (!secret) return secret;
    kem = std::move(*secret);
  }
  if (!layout.kem) return classical;
  if (!layout.classical) return kem;
  const Secret& first = layout.kem_first ? kem : classical;
  const Secret& second = layout.kem_first ? classical : kem;
  return Secret(std::string(first.expose()).append(second.expose()));
}

}  // namespace carnet::probe
