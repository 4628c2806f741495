// PKCS #12 (RFC 7292): the bags are opened by OpenSSL with the passphrase; what they hold is read
// by us, so that a post-quantum key is told too.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <memory>

#include "inventory/file_internal.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr int kBagDepthMax = 4;  // limit: internal; bags of bags

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
void free_infos(STACK_OF(PKCS7) * infos) { sk_PKCS7_pop_free(infos, PKCS7_free); }
void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) {
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
using StorePtr = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;
using InfosPtr = std::unique_ptr<STACK_OF(PKCS7), Deleter<free_infos>>;
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Deleter<free_bags>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>>;

struct Opener {
  FileSink& sink;
  Place place;
  const char* passphrase;
  int passphrase_bytes;
  bool opened = false;

  void bags(const STACK_OF(PKCS12_SAFEBAG) * list, int depth);
  void bag(const PKCS12_SAFEBAG* bag, int depth);
  void key(const PKCS8_PRIV_KEY_INFO* info, const std::string& label) const;
  void certificate(const PKCS12_SAFEBAG* bag, const std::string& label) const;
};

void Opener::key(const PKCS8_PRIV_KEY_INFO* info, const std::string& label) const {
  unsigned char* out = nullptr;
  const int size = info != nullptr ? i2d_PKCS8_PRIV_KEY_INFO(info, &out) : 0;
  if (size <= 0) return sink.error(place, "bad_private_key", "A private key cannot be opened.");
  read_pkcs8({out, static_cast<std::size_t>(size)}, place, label, sink);
  OPENSSL_clear_free(out, static_cast<std::size_t>(size));
}

void Opener::certificate(const PKCS12_SAFEBAG* bag, const std::string& label) const {
  const X509Ptr parsed(PKCS12_SAFEBAG_get1_cert(bag));
  unsigned char* out = nullptr;
  const int size = parsed ? i2d_X509(parsed.get(), &out) : 0;
  if (size <= 0) {
    return sink.error(place, "bad_certificate", "A certificate of the store cannot be read.");
  }
  sink.certificate({out, static_cast<std::size_t>(size)}, "PKCS #12", place, label);
  OPENSSL_free(out);
}

void Opener::bag(const PKCS12_SAFEBAG* bag, int depth) {
  std::string label;
  if (char* name = PKCS12_get_friendlyname(const_cast<PKCS12_SAFEBAG*>(bag))) {
    label = clean_text(name);
    OPENSSL_free(name);
  }
  switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_certBag:
      return certificate(bag, label);
    case NID_keyBag:
      return key(PKCS12_SAFEBAG_get0_p8inf(bag), label);
    case NID_pkcs8ShroudedKeyBag: {
      unsigned char* out = nullptr;
      const int size = i2d_X509_SIG(PKCS12_SAFEBAG_get0_pkcs8(bag), &out);
      if (size <= 0) return;
      read_encrypted_pkcs8({out, static_cast<std::size_t>(size)}, place, label, sink);
      OPENSSL_free(out);
      return;
    }
    case NID_safeContentsBag:
      return bags(PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
    case NID_crlBag:
      return sink.error(place, "unread_bag", "A revocation list inside PKCS #12 is not read.");
    case NID_secretBag: {
      FileEntry entry;
      entry.kind = "secret";
      entry.format = "PKCS #12";
      entry.line = place.line;
      entry.offset = place.offset;
      entry.label = label;
      return sink.entry(std::move(entry));
    }
    default:
      return sink.error(place, "unknown_bag", "The store has a bag of an unknown kind.");
  }
}

void Opener::bags(const STACK_OF(PKCS12_SAFEBAG) * list, int depth) {
  if (depth > kBagDepthMax) return sink.error(place, "too_deep", "Bags lie too deep in bags.");
  for (int i = 0; i < sk_PKCS12_SAFEBAG_num(list) && !sink.full(); ++i) {
    bag(sk_PKCS12_SAFEBAG_value(list, i), depth);
  }
}

// PFX: version, authSafe, macData{DigestInfo, salt, iterations}. How much work the passphrase would
// cost is looked up before it is spent.
bool may_check_mac(ByteView bytes, FileSink& sink) {
  auto pfx = enter_whole(bytes, der::kSequence);
  if (!pfx || !pfx->skip_if(der::kInteger) || !pfx->skip_if(der::kSequence)) return false;
  auto mac = pfx->enter(der::kSequence);
  if (!mac) return true;
  if (!mac->skip_if(der::kSequence) || !mac->skip_if(der::kOctetString)) return false;
  const auto rounds = mac->take(der::kInteger);
  return !rounds || sink.spend(small_integer(rounds->content).value_or(kDerivationRoundsMax + 1));
}

// EncryptedData (RFC 5652 section 8): version, EncryptedContentInfo{type, algorithm, …}.
bool may_open(PKCS7* info, FileSink& sink) {
  unsigned char* out = nullptr;
  const int size = i2d_PKCS7(info, &out);
  if (size <= 0) return false;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> kept(
      out, [](unsigned char* bytes) { OPENSSL_free(bytes); });
  auto content = enter_whole({out, static_cast<std::size_t>(size)}, der::kSequence);
  if (!content || !content->skip_if(der::kOid)) return false;
  auto wrapper = content->enter(der::context(0));
  auto data = wrapper ? wrapper->enter(der::kSequence) : std::nullopt;
  if (!data || !data->skip_if(der::kInteger)) return false;
  auto encrypted = data->enter(der::kSequence);
  if (!encrypted || !encrypted->skip_if(der::kOid)) return false;
  const auto sequence = encrypted->take(der::kSequence);
  const auto algorithm = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  return algorithm && may_derive(*algorithm, sink);
}

void open_info(PKCS7* info, Opener& opener) {
  if (PKCS7_type_is_data(info)) {
    const BagsPtr bags(PKCS12_unpack_p7data(info));
    if (bags) return opener.bags(bags.get(), 0);
  } else if (PKCS7_type_is_encrypted(info)) {
    if (opener.passphrase == nullptr) {
      return opener.sink.error(opener.place, "passphrase_needed",
                               "This part of the store is encrypted; give its passphrase.");
    }
    if (!may_open(info, opener.sink)) {
      return opener.sink.error(opener.place, "too_costly",
                               "Opening this part of the store would take too much work.");
    }
    const BagsPtr bags(PKCS12_unpack_p7encdata(info, opener.passphrase, opener.passphrase_bytes));
    if (bags) return opener.bags(bags.get(), 0);
    return opener.sink.error(
        opener.place, "cannot_decrypt",
        "This part of the store cannot be decrypted: its cipher is one that this system's OpenSSL "
        "no longer has (such as RC2), or it is damaged.");
  }
  opener.sink.error(opener.place, "unread_part", "A part of the store is of a kind not read here.");
}

}  // namespace

bool looks_like_pkcs12(ByteView bytes) {
  auto pfx = enter_whole(bytes, der::kSequence);
  const auto version = pfx ? pfx->take(der::kInteger) : std::nullopt;
  if (!version || small_integer(version->content) != 3) return false;
  auto safe = pfx->enter(der::kSequence);
  const auto type = safe ? safe->take(der::kOid) : std::nullopt;
  return type && safe->peek() == der::context(0);
}

void read_pkcs12(ByteView bytes, Place place, FileSink& sink) {
  sink.format("PKCS #12");
  const unsigned char* at = bytes.data();
  const StorePtr store(d2i_PKCS12(nullptr, &at, static_cast<long>(bytes.size())));
  if (!store || !looks_like_pkcs12(bytes)) {
    ERR_clear_error();
    return sink.error(place, "bad_pkcs12", "This PKCS #12 store cannot be read.");
  }
  const std::string_view given =
      sink.passphrase() != nullptr ? sink.passphrase()->expose() : std::string_view{};
  Opener opener{.sink = sink,
                .place = place,
                .passphrase = sink.passphrase() != nullptr ? given.data() : nullptr,
                .passphrase_bytes = static_cast<int>(given.size())};
  if (PKCS12_mac_present(store.get()) == 1) {
    if (!may_check_mac(bytes, sink)) {
      return sink.error(place, "too_costly", "Checking this store would take too much work.");
    }
    if (opener.passphrase != nullptr &&
        PKCS12_verify_mac(store.get(), opener.passphrase, opener.passphrase_bytes) != 1) {
      ERR_clear_error();
      return sink.error(place, "passphrase_wrong", "The passphrase does not open this store.");
    }
    // Some stores have no passphrase at all, which is not the same as an empty one.
    if (opener.passphrase == nullptr && PKCS12_verify_mac(store.get(), "", 0) == 1) {
      opener.passphrase = "";
    }
  }
  const InfosPtr infos(PKCS12_unpack_authsafes(store.get()));
  if (!infos) sink.error(place, "bad_pkcs12", "The contents of this store cannot be read.");
  for (int i = 0; infos && i < sk_PKCS7_num(infos.get()) && !sink.full(); ++i) {
    open_info(sk_PKCS7_value(infos.get(), i), opener);
  }
  ERR_clear_error();
}

}  // namespace carnet::inventory
