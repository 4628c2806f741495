#include "crypto/ecdh.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <array>

#include "base/check.h"
#include "crypto/evp.h"

namespace carnet::crypto {
namespace {

struct Group {
  EcdhGroup group;
  std::uint16_t tls;
  std::string_view name;
  const char* key_type;    // of EVP_PKEY
  const char* group_name;  // OSSL_PKEY_PARAM_GROUP_NAME, or null where the type says it
  int nid;                 // of a curve with uncompressed points, else 0
  std::size_t share_bytes;
};

constexpr std::array<Group, 13> kGroups{{
    {EcdhGroup::kX25519, 0x001D, "X25519", "X25519", nullptr, 0, 32},
    {EcdhGroup::kX448, 0x001E, "X448", "X448", nullptr, 0, 56},
    {EcdhGroup::kP256, 0x0017, "P-256", "EC", "P-256", NID_X9_62_prime256v1, 65},
    {EcdhGroup::kP384, 0x0018, "P-384", "EC", "P-384", NID_secp384r1, 97},
    {EcdhGroup::kP521, 0x0019, "P-521", "EC", "P-521", NID_secp521r1, 133},
    {EcdhGroup::kBrainpoolP256, 0x001F, "brainpoolP256r1", "EC", "brainpoolP256r1",
     NID_brainpoolP256r1, 65},
    {EcdhGroup::kBrainpoolP384, 0x0020, "brainpoolP384r1", "EC", "brainpoolP384r1",
     NID_brainpoolP384r1, 97},
    {EcdhGroup::kBrainpoolP512, 0x0021, "brainpoolP512r1", "EC", "brainpoolP512r1",
     NID_brainpoolP512r1, 129},
    {EcdhGroup::kFfdhe2048, 0x0100, "ffdhe2048", "DH", "ffdhe2048", 0, 256},
    {EcdhGroup::kFfdhe3072, 0x0101, "ffdhe3072", "DH", "ffdhe3072", 0, 384},
    {EcdhGroup::kFfdhe4096, 0x0102, "ffdhe4096", "DH", "ffdhe4096", 0, 512},
    {EcdhGroup::kFfdhe6144, 0x0103, "ffdhe6144", "DH", "ffdhe6144", 0, 768},
    {EcdhGroup::kFfdhe8192, 0x0104, "ffdhe8192", "DH", "ffdhe8192", 0, 1024},
}};

const Group& row_of(EcdhGroup group) {
  for (const Group& row : kGroups)
    if (row.group == group) return row;
  CARNET_CHECK(false);
}

tl::unexpected<Error> not_a_share(const Group& row) {
  ERR_clear_error();
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("This is not a {} key share.", row.name));
}

// A key of the group that holds the parameters and no numbers yet.
EvpKey parameters_of(const Group& row) {
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, row.key_type, nullptr));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                       const_cast<char*>(row.group_name), 0),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* made = nullptr;
  CARNET_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1 &&
               EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEY_PARAMETERS,
                                 const_cast<OSSL_PARAM*>(params)) == 1);
  return EvpKey(made);
}

// EVP takes a known private key of a curve only together with its point.
EvpKey nist_key_of(const Group& row, std::span<const std::uint8_t> scalar) {
  struct Deleter {
    void operator()(EC_GROUP* object) const { EC_GROUP_free(object); }
    void operator()(EC_POINT* object) const { EC_POINT_free(object); }
    void operator()(BIGNUM* object) const { BN_clear_free(object); }
    void operator()(OSSL_PARAM_BLD* object) const { OSSL_PARAM_BLD_free(object); }
    void operator()(OSSL_PARAM* object) const { OSSL_PARAM_free(object); }
  };
  const std::unique_ptr<EC_GROUP, Deleter> curve(EC_GROUP_new_by_curve_name(row.nid));
  const std::unique_ptr<EC_POINT, Deleter> point(EC_POINT_new(curve.get()));
  const std::unique_ptr<BIGNUM, Deleter> number(BN_secure_new());
  CARNET_CHECK(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), number.get()) != nullptr);
  if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(curve.get())) >= 0)
    return nullptr;
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  Bytes encoded(row.share_bytes);
  CARNET_CHECK(EC_POINT_mul(curve.get(), point.get(), number.get(), nullptr, nullptr, nullptr) ==
               1);
  CARNET_CHECK(EC_POINT_point2oct(curve.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                  encoded.data(), encoded.size(), nullptr) == encoded.size());
  const std::unique_ptr<OSSL_PARAM_BLD, Deleter> builder(OSSL_PARAM_BLD_new());
  CARNET_CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                               row.group_name, 0) == 1 &&
               OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1 &&
               OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                encoded.data(), encoded.size()) == 1);
  const std::unique_ptr<OSSL_PARAM, Deleter> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  CARNET_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1 &&
               EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) == 1);
  return EvpKey(made);
}

// Null if the bytes are no public key of the group.
EvpKey peer_key_of(const Group& row, std::span<const std::uint8_t> share) {
  if (share.size() != row.share_bytes) return nullptr;
  if (row.group_name == nullptr)
    return EvpKey(
        EVP_PKEY_new_raw_public_key_ex(nullptr, row.key_type, nullptr, share.data(), share.size()));
  // TLS 1.3 knows the uncompressed form only; OpenSSL would also take the hybrid one (06, 07) of
  // the same length.
  if (row.nid != 0 && share[0] != POINT_CONVERSION_UNCOMPRESSED) return nullptr;
  EvpKey key = parameters_of(row);
  if (EVP_PKEY_set1_encoded_public_key(key.get(), share.data(), share.size()) != 1) return nullptr;
  return key;
}

}  // namespace

std::string_view name_of(EcdhGroup group) { return row_of(group).name; }
std::size_t share_bytes_of(EcdhGroup group) { return row_of(group).share_bytes; }

std::optional<EcdhGroup> ecdh_group_of_tls(std::uint16_t code_point) {
  for (const Group& row : kGroups)
    if (row.tls == code_point) return row.group;
  return std::nullopt;
}

void EcdhKey::KeyDeleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
EcdhKey::EcdhKey(EcdhKey&& other) noexcept = default;
EcdhKey& EcdhKey::operator=(EcdhKey&& other) noexcept = default;
EcdhKey::~EcdhKey() = default;

EcdhKey EcdhKey::generate(EcdhGroup group) {
  const Group& row = row_of(group);
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, row.key_type, nullptr));
  CARNET_CHECK(context && EVP_PKEY_keygen_init(context.get()) == 1);
  if (row.group_name != nullptr)
    CARNET_CHECK(EVP_PKEY_CTX_set_group_name(context.get(), row.group_name) == 1);
  EVP_PKEY* made = nullptr;
  CARNET_CHECK(EVP_PKEY_generate(context.get(), &made) == 1);
  return EcdhKey(group, Key(made));
}

Result<EcdhKey> EcdhKey::from_private(EcdhGroup group, const Secret& scalar) {
  const Group& row = row_of(group);
  const auto bytes = as_bytes(scalar.expose());
  const std::size_t wanted = row.nid != 0 ? (row.share_bytes - 1) / 2 : row.share_bytes;
  EvpKey key;
  if (bytes.size() == wanted && row.nid != 0) key = nist_key_of(row, bytes);
  if (bytes.size() == wanted && row.group_name == nullptr)
    key.reset(EVP_PKEY_new_raw_private_key_ex(nullptr, row.key_type, nullptr, bytes.data(),
                                              bytes.size()));
  if (key == nullptr) {
    ERR_clear_error();
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("This is not a {} private key.", row.name));
  }
  return EcdhKey(group, Key(key.release()));
}

Bytes EcdhKey::share() const {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key_.get(), &encoded);
  CARNET_CHECK(size == share_bytes_of(group_));
  Bytes share(encoded, encoded + size);
  OPENSSL_free(encoded);
  return share;
}

Result<Secret> EcdhKey::agree(std::span<const std::uint8_t> peer_share) const {
  const Group& row = row_of(group_);
  const EvpKey peer = peer_key_of(row, peer_share);
  if (peer == nullptr) return not_a_share(row);
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  // Only finite-field groups know padding.
  unsigned pad = 1;
  const OSSL_PARAM padded[] = {OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
                               OSSL_PARAM_construct_end()};
  const bool finite_field = row.group_name != nullptr && row.nid == 0;
  std::size_t size = 0;
  if (EVP_PKEY_derive_init_ex(context.get(), finite_field ? padded : nullptr) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), nullptr, &size) != 1)
    return not_a_share(row);
  std::string secret(size, '\0');
  // Fails for an all-zero result of X25519 and X448, as RFC 8446 section 7.4.2 demands.
  if (EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(secret.data()), &size) != 1)
    return not_a_share(row);
  secret.resize(size);
  return Secret(std::move(secret));
}

}  // namespace carnet::crypto
