#include "probe/tls_chain.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <filesystem>

#include "base/check.h"
#include "inventory/x509.h"

namespace carnet::probe {
namespace {

using inventory::Certificate;
using inventory::Finding;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), FreeStack>;

X509Ptr decode(const Bytes& der) {
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::filesystem::path from_environment(const char* variable, const char* fallback) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): read at start only
  return value != nullptr ? value : fallback;
}

bool any_authority() {
  std::error_code ignored;
  const auto file =
      from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file());
  if (std::filesystem::file_size(file, ignored) > 0 && !ignored) return true;
  const auto dir = from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  const auto entries = std::filesystem::directory_iterator(dir, ignored);
  return !ignored && entries != std::filesystem::directory_iterator();
}

// X509_V_OK or OpenSSL's reason, the dates left aside: they are findings of their own. `leaf` is
// the chain's first, null if OpenSSL cannot read it.
int verify(X509* leaf, const std::vector<Bytes>& chain, X509_STORE* store) {
  if (leaf == nullptr) return X509_V_ERR_UNSPECIFIED;
  const StackPtr others(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (X509Ptr other = decode(chain[i])) sk_X509_push(others.get(), other.release());
  }
  const StoreContextPtr context(X509_STORE_CTX_new());
  CARNET_CHECK(context != nullptr);
  if (X509_STORE_CTX_init(context.get(), store, leaf, others.get()) != 1) {
    return X509_V_ERR_UNSPECIFIED;
  }
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  const bool fine = X509_verify_cert(context.get()) == 1;
  const int error = fine ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return error;
}

class ChainJudge {
 public:
  ChainJudge(const ChainContext& context, std::vector<Finding>& findings)
      : context_(context), findings_(findings) {}

  void dates(const Certificate& certificate) {
    const std::string who = describe(certificate);
    if (certificate.not_after < context_.now) {
      add("certificate_expired", certificate.position == 0 ? "high" : "medium",
          who + " expired on " + to_rfc3339(certificate.not_after).substr(0, 10) + ".");
    }
    if (certificate.not_before > context_.now) {
      add("certificate_not_yet_valid", "medium",
          who + " is valid only from " + to_rfc3339(certificate.not_before).substr(0, 10) + ".");
    }
  }

  void host(X509* leaf) {
    if (leaf != nullptr && inventory::certificate_matches_host(leaf, context_.host)) return;
    add("certificate_name_mismatch", "medium",
        "The certificate does not name " + context_.host + ".");
  }

  void order(const std::vector<Certificate>& chain) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      if (chain[i].issuer == chain[i + 1].subject) continue;
      add("chain_out_of_order", "low",
          "The certificates are not sent in the order leaf, issuer, issuer's issuer (RFC 5246 "
          "section 7.4.2).");
      return;
    }
  }

  void trust(X509* leaf, const std::vector<Bytes>& chain) {
    const int verdict = verify(leaf, chain, context_.trust.get());
    switch (verdict) {
      case X509_V_OK:
        return;
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        add("certificate_self_signed", "medium", "The certificate is signed by its own key.");
        return;
      case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
      case X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM:
        add("trust_not_checked", "info",
            "Trust was not checked: a signature in the chain uses an algorithm that this system's "
            "OpenSSL cannot verify.");
        return;
      default:
        break;
    }
    if (!context_.trust.has_authorities()) {
      add("trust_not_checked", "info",
          "Trust was not checked: this system has no certificate authorities installed.");
      return;
    }
    add("certificate_untrusted", "medium",
        "The chain does not lead to an authority that this system trusts (" +
            std::string(X509_verify_cert_error_string(verdict)) + ").");
  }

  void add(std::string code, std::string severity, std::string detail) {
    findings_.push_back({std::move(code), std::move(severity), std::move(detail)});
  }

 private:
  static std::string describe(const Certificate& certificate) {
    return certificate.position == 0 ? "The certificate"
                                     : "The chain's certificate " + certificate.subject;
  }
  const ChainContext& context_;
  std::vector<Finding>& findings_;
};

}  // namespace

TrustStore::TrustStore() : store_(X509_STORE_new()), has_authorities_(any_authority()) {
  CARNET_CHECK(store_ != nullptr);
  // Not X509_STORE_set_default_paths: its third way, OSSL_STORE, reads the whole directory anew for
  // every issuer that is not there.
  X509_LOOKUP* file = X509_STORE_add_lookup(store_.get(), X509_LOOKUP_file());
  X509_LOOKUP* directory = X509_STORE_add_lookup(store_.get(), X509_LOOKUP_hash_dir());
  CARNET_CHECK(file != nullptr && directory != nullptr);
  X509_LOOKUP_load_file(file, nullptr, X509_FILETYPE_DEFAULT);
  X509_LOOKUP_add_dir(directory, nullptr, X509_FILETYPE_DEFAULT);
  ERR_clear_error();
}

void judge_chain(const std::vector<Bytes>& chain, int number, const ChainContext& context,
                 inventory::TlsObservation& out) {
  ChainJudge judge(context, out.findings);
  std::vector<Certificate> certificates;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    auto parsed = inventory::parse_certificate(chain[i]);
    if (!parsed) {
      judge.add("certificate_unreadable", "medium",
                "Certificate " + std::to_string(i + 1) + " of the chain cannot be read.");
      continue;
    }
    parsed->chain = number;
    parsed->position = static_cast<int>(i);
    judge.dates(*parsed);
    certificates.push_back(std::move(*parsed));
  }
  if (chain.empty() || certificates.empty()) return;
  const X509Ptr leaf = decode(chain.front());
  judge.host(leaf.get());
  judge.order(certificates);
  judge.trust(leaf.get(), chain);
  std::move(certificates.begin(), certificates.end(), std::back_inserter(out.certificates));
}

}  // namespace carnet::probe
