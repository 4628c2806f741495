// Java key stores (JKS and JCEKS, as sun.security.provider.JavaKeyStore writes them): magic,
// version, count, entries, SHA-1. The certificates lie in the clear; a private key is told by the
// certificate that stands with it.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <limits>

#include "base/text.h"
#include "inventory/file_internal.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::uint32_t kJks = 0xFEEDFEED;
constexpr std::uint32_t kJceks = 0xCECECECE;
constexpr std::size_t kDigestBytes = 20;
constexpr std::uint32_t kChainMax = 100;  // limit: internal
constexpr std::uint32_t kKeyTag = 1, kCertificateTag = 2, kSecretTag = 3;

class JavaReader {
 public:
  explicit JavaReader(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] std::int64_t offset() const { return static_cast<std::int64_t>(at_); }
  [[nodiscard]] bool ok() const { return ok_; }
  std::uint32_t number(std::size_t width) {
    std::uint64_t out = 0;
    for (const std::uint8_t byte : take(width)) out = out << 8U | byte;
    return static_cast<std::uint32_t>(out);
  }
  ByteView take(std::size_t size) {
    if (!ok_ || size > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    const ByteView out = bytes_.subspan(at_, size);
    at_ += size;
    return out;
  }
  std::string text() {
    const std::size_t size = number(2);
    return clean_text(as_text(take(size)));
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// SHA-1 over the passphrase in UTF-16, a fixed salt and the store.
bool passphrase_fits(ByteView body, ByteView digest, std::string_view passphrase) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(),
                                                                     &EVP_MD_CTX_free);
  EVP_DigestInit_ex(hash.get(), EVP_sha1(), nullptr);
  for (const char c : passphrase) {
    const std::array<char, 2> unit = {'\0', c};
    EVP_DigestUpdate(hash.get(), unit.data(), unit.size());
  }
  constexpr std::string_view kSalt = "Mighty Aphrodite";
  EVP_DigestUpdate(hash.get(), kSalt.data(), kSalt.size());
  EVP_DigestUpdate(hash.get(), body.data(), body.size());
  std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
  unsigned size = 0;
  EVP_DigestFinal_ex(hash.get(), made.data(), &size);
  return std::ranges::equal(std::span(made).first(size), digest);
}

class StoreReader {
 public:
  StoreReader(ByteView body, std::string_view format, FileSink& sink)
      : in_(body), format_(format), sink_(sink) {}

  void read() {
    in_.number(4);
    version_ = in_.number(4);
    if (version_ != 1 && version_ != 2) {
      return sink_.error({0, 4}, "bad_key_store",
                         fmt::format("Version {} of the key store is unknown.", version_));
    }
    const std::uint32_t count = in_.number(4);
    for (std::uint32_t i = 0; i < count && !sink_.full(); ++i) {
      const std::int64_t at = in_.offset();
      if (!entry()) return;
      if (!in_.ok()) {
        return sink_.error({0, at}, "cut_short",
                           fmt::format("The key store ends inside entry {} of {}.", i + 1, count));
      }
    }
  }

 private:
  bool entry() {
    const Place place{0, in_.offset()};
    const std::uint32_t tag = in_.number(4);
    const std::string alias = in_.text();
    in_.take(8);  // date
    if (tag == kKeyTag) {
      private_key(place, alias);
    } else if (tag == kCertificateTag) {
      certificate(alias);
    } else if (in_.ok()) {
      sink_.error(
          place, tag == kSecretTag ? "unread_secret" : "bad_key_store",
          tag == kSecretTag
              ? fmt::format("The secret key {} is a sealed Java object, behind which nothing "
                            "more can be read.",
                            alias)
              : fmt::format("An entry has the unknown tag {}.", tag));
      return false;
    }
    return true;
  }

  void private_key(Place place, const std::string& alias) {
    in_.take(in_.number(4));  // the sealed key
    const std::uint32_t chain = in_.number(4);
    if (!in_.ok()) return;
    FileEntry entry;
    entry.kind = "encrypted-private-key";
    entry.format = format_;
    entry.offset = place.offset;
    entry.label = alias;
    const std::size_t mine = sink_.entries();
    sink_.entry(std::move(entry));
    for (std::uint32_t i = 0; i < chain; ++i) {
      if (i == kChainMax) {
        return sink_.error(place, "bad_key_store", "A chain of the key store is too long.");
      }
      const std::size_t leaf = sink_.entries();
      certificate(alias);
      if (!in_.ok()) return;
      auto& entries = sink_.out().file.entries;
      if (i == 0 && entries.size() > leaf && mine < leaf) {
        entries[mine].algorithm = entries[leaf].algorithm;
        entries[mine].bits = entries[leaf].bits;
        entries[mine].curve = entries[leaf].curve;
        entries[mine].fingerprint = entries[leaf].fingerprint;
      }
    }
  }

  void certificate(const std::string& alias) {
    const std::int64_t at = in_.offset();
    const std::string type = version_ == 2 ? in_.text() : std::string("X.509");
    const ByteView bytes = in_.take(in_.number(4));
    if (!in_.ok()) return;
    if (!iequals_ascii(type, "X.509") && !iequals_ascii(type, "X509")) {
      return sink_.error({0, at}, "bad_certificate",
                         fmt::format("A certificate is of the unknown type {}.", type));
    }
    sink_.certificate(bytes, format_, {0, at}, alias);
  }

  JavaReader in_;
  std::string_view format_;
  FileSink& sink_;
  std::uint32_t version_ = 0;
};

}  // namespace

bool looks_like_jks(ByteView bytes) {
  if (bytes.size() < 12) return false;
  const std::uint32_t magic = JavaReader(bytes).number(4);
  return magic == kJks || magic == kJceks;
}

void read_jks(ByteView bytes, FileSink& sink) {
  const std::string_view format = JavaReader(bytes).number(4) == kJks ? "JKS" : "JCEKS";
  sink.format(format);
  const bool whole = bytes.size() >= 12 + kDigestBytes;
  const ByteView body = whole ? bytes.first(bytes.size() - kDigestBytes) : bytes;
  if (sink.passphrase() != nullptr && whole &&
      !passphrase_fits(body, bytes.last(kDigestBytes), sink.passphrase()->expose())) {
    sink.error({0, static_cast<std::int64_t>(body.size())}, "passphrase_wrong",
               "The passphrase does not fit this key store, or the store was altered.");
  }
  StoreReader(body, format, sink).read();
}

}  // namespace carnet::inventory
