#include "inventory/ec_curves.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <memory>
#include <vector>

namespace carnet::inventory {
namespace {

constexpr std::size_t kFieldBytesMax = 256;  // limit: internal; the largest curve has 72

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using GroupPtr = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

// Numbers as bytes without leading zeros.
struct Domain {
  std::string oid;
  std::string field, a, b, generator_x, order;
};

std::string trimmed(ByteView number) {
  while (!number.empty() && number[0] == 0) number = number.subspan(1);
  return {number.begin(), number.end()};
}

std::string bytes_of(const BIGNUM* number) {
  std::string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::vector<Domain> make_known_curves() {
  std::vector<EC_builtin_curve> list(EC_get_builtin_curves(nullptr, 0));
  EC_get_builtin_curves(list.data(), list.size());
  std::vector<Domain> out;
  for (const EC_builtin_curve& entry : list) {
    const GroupPtr group(EC_GROUP_new_by_curve_name(entry.nid));
    const NumberPtr p(BN_new()), a(BN_new()), b(BN_new()), x(BN_new());
    if (!group || EC_GROUP_get_curve(group.get(), p.get(), a.get(), b.get(), nullptr) != 1 ||
        EC_POINT_get_affine_coordinates(group.get(), EC_GROUP_get0_generator(group.get()), x.get(),
                                        nullptr, nullptr) != 1) {
      continue;
    }
    char oid[80];
    const ASN1_OBJECT* object = OBJ_nid2obj(entry.nid);
    if (object == nullptr || OBJ_obj2txt(oid, sizeof oid, object, 1) <= 0) continue;
    out.push_back({.oid = oid,
                   .field = bytes_of(p.get()),
                   .a = bytes_of(a.get()),
                   .b = bytes_of(b.get()),
                   .generator_x = bytes_of(x.get()),
                   .order = bytes_of(EC_GROUP_get0_order(group.get()))});
  }
  ERR_clear_error();
  return out;
}

const std::vector<Domain>& known_curves() {
  static const std::vector<Domain> curves = make_known_curves();
  return curves;
}

// FieldID: a prime, or a binary field's basis, of which only the degree is taken.
bool read_field(DerReader& domain, Domain& out, int& bits) {
  auto field = domain.enter(der::kSequence);
  const auto type = field ? field->take(der::kOid) : std::nullopt;
  if (!type) return false;
  if (oid_text(type->content) == "1.2.840.10045.1.1") {
    const auto prime = field->take(der::kInteger);
    if (!prime || prime->content.size() > kFieldBytesMax) return false;
    bits = integer_bits(prime->content);
    out.field = trimmed(prime->content);
    return bits > 0;
  }
  auto basis = field->enter(der::kSequence);
  const auto degree = basis ? basis->take(der::kInteger) : std::nullopt;
  bits = degree ? small_integer(degree->content).value_or(0) : 0;
  return bits > 0;
}

}  // namespace

std::optional<ExplicitCurve> read_explicit_curve(ByteView parameters) {
  DerReader domain(parameters);
  ExplicitCurve out;
  Domain given;
  if (!domain.skip_if(der::kInteger) || !read_field(domain, given, out.field_bits)) {
    return std::nullopt;
  }
  auto curve = domain.enter(der::kSequence);
  const auto a = curve ? curve->take(der::kOctetString) : std::nullopt;
  const auto b = curve ? curve->take(der::kOctetString) : std::nullopt;
  const auto base = domain.take(der::kOctetString);
  const auto order = domain.take(der::kInteger);
  if (!a || !b || !base || !order || base->content.empty()) return std::nullopt;
  given.a = trimmed(a->content);
  given.b = trimmed(b->content);
  given.order = trimmed(order->content);
  // SEC 1 section 2.3.3: 04 x y, or 02/03 x.
  const ByteView point = base->content.subspan(1);
  const bool whole = base->content[0] == 4 || base->content[0] == 6 || base->content[0] == 7;
  given.generator_x = trimmed(whole ? point.first(point.size() / 2) : point);
  for (const Domain& known : known_curves()) {
    // A binary field is told by its coefficients alone: its basis may be written in two ways.
    const bool same_field = given.field.empty() || given.field == known.field;
    if (!same_field || given.a != known.a || given.b != known.b) continue;
    out.oid = known.oid;
    out.other_generator = given.generator_x != known.generator_x || given.order != known.order;
    if (!out.other_generator) break;
  }
  return out;
}

}  // namespace carnet::inventory
