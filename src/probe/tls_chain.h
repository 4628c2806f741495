#pragma once
// What a certificate chain shows: dates, host name, order, trust. A TrustStore is created by the
// Engine, immutable and thread-safe.

#include <openssl/x509_vfy.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "inventory/model.h"

namespace carnet::probe {

// The system's certificate authorities (OpenSSL's default file and directory; SSL_CERT_FILE and
// SSL_CERT_DIR are honoured). The file is read once; an authority of the directory is read when a
// chain first asks for it by its hash, so one that is added later counts from then on.
class TrustStore {
 public:
  TrustStore();
  [[nodiscard]] bool has_authorities() const { return has_authorities_; }
  [[nodiscard]] X509_STORE* get() const { return store_.get(); }

 private:
  struct Free {
    void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  };
  std::unique_ptr<X509_STORE, Free> store_;
  bool has_authorities_ = false;
};

struct ChainContext {
  const std::string& host;  // what the certificate should be for
  Timestamp now{};
  const TrustStore& trust;
};

// Appends the chain's certificates (as chain number `chain`) and its findings to `out`.
void judge_chain(const std::vector<Bytes>& chain, int number, const ChainContext& context,
                 inventory::TlsObservation& out);

}  // namespace carnet::probe
