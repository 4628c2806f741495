#pragma once
// A TLS 1.3 server as a function: the client's bytes go in, the answer comes out, and a script says
// where it breaks the rules. Its arithmetic is the key schedule that RFC 8448 tests, its
// certificate Ed25519.

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <optional>

#include "crypto/ecdh.h"
#include "crypto/ed25519.h"
#include "crypto/mlkem.h"
#include "crypto/tls13.h"
#include "crypto/tls_signature.h"
#include "probe/byte_reader.h"

namespace carnet::probe::test {

inline void put(Bytes& out, std::size_t width, std::size_t value) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
inline void append(Bytes& out, std::span<const std::uint8_t> data) {
  out.insert(out.end(), data.begin(), data.end());
}
inline Bytes with_length(std::size_t width, std::span<const std::uint8_t> data) {
  Bytes out;
  put(out, width, data.size());
  append(out, data);
  return out;
}
inline Bytes handshake_message(std::uint8_t type, std::span<const std::uint8_t> body) {
  Bytes out{type};
  append(out, with_length(3, body));
  return out;
}
inline Bytes plain_record(std::uint8_t type, std::span<const std::uint8_t> body) {
  Bytes out{type, 3, 3};
  append(out, with_length(2, body));
  return out;
}
inline Bytes extension(std::uint16_t type, std::span<const std::uint8_t> body) {
  Bytes out;
  put(out, 2, type);
  append(out, with_length(2, body));
  return out;
}

// What the server does. A hook may change a whole handshake message before it is hashed and sent.
struct Script {
  using Hook = std::function<void(Bytes&)>;
  std::uint16_t suite = 0x1301;
  std::uint16_t group = 0x001D;  // X25519 or X25519MLKEM768
  int retries = 0;               // HelloRetryRequests before the ServerHello
  std::uint16_t retry_group = 0x001D;
  Bytes cookie;
  bool change_cipher_spec = true;
  bool request_certificate = false;
  std::vector<std::uint16_t> stated_groups;
  std::string alpn;
  std::vector<Bytes> chain;  // empty: its own certificate
  std::size_t sans = 1;      // names in its own certificate
  std::uint16_t scheme = 0x0807;
  Hook server_hello, extensions, certificate, verify, finished;
  std::function<void(std::vector<Bytes>&)> flight;  // all encrypted messages together
  std::size_t record_bytes = 4096;                  // content of a protected record
  std::function<void(Bytes&)> records;              // the protected records together
  Bytes behind_server_hello;                        // plain, as it is
  Bytes behind_finished;                            // content of a record under application keys
  std::uint8_t behind_finished_type = 22;
};

class Tls13Server {
 public:
  explicit Tls13Server(Script script)
      : script_(std::move(script)), signer_(crypto::ed25519_generate(random_)) {
    if (script_.chain.empty()) script_.chain = {self_signed()};
  }

  // The answer to a hello record of the client (or ChangeCipherSpec and hello).
  Bytes answer(std::span<const std::uint8_t> from_client) {
    while (!from_client.empty() && from_client[0] == 20) from_client = from_client.subspan(6);
    Bytes hello(from_client.begin() + 5, from_client.end());
    read_hello(hello);
    if (!transcript_) transcript_.emplace(hash());
    transcript_->add(hello);
    if (script_.retries > 0) {
      --script_.retries;
      return retry();
    }
    return whole_flight();
  }

  // Opens what the client sends behind the flight: its messages, and whether its Finished fits.
  struct ClientEnd {
    std::vector<Bytes> messages;
    bool finished_fits = false;
    std::vector<crypto::Tls13Inner> behind;  // under application keys
  };
  ClientEnd read_client_end(std::span<const std::uint8_t> data) {
    ClientEnd out;
    crypto::Tls13RecordKeys keys(suite(), secrets_.client);
    crypto::Tls13RecordKeys application(suite(), application_.client);
    while (data.size() >= 5) {
      const std::size_t length = 5 + (static_cast<std::size_t>(data[3]) << 8 | data[4]);
      const auto record = data.first(length);
      data = data.subspan(length);
      if (record[0] == 20) continue;
      if (out.finished_fits) {
        auto inner = application.open(record);
        if (inner) out.behind.push_back(std::move(*inner));
        continue;
      }
      const auto inner = keys.open(record);
      if (!inner) return out;
      out.messages.push_back(inner->content);
      if (inner->content[0] == 20) {
        const Bytes wanted = crypto::tls13_finished(hash(), secrets_.client, transcript_->digest());
        out.finished_fits = std::ranges::equal(wanted, std::span(inner->content).subspan(4));
      } else {
        transcript_->add(inner->content);
      }
    }
    return out;
  }
  [[nodiscard]] const std::vector<Bytes>& chain() const { return script_.chain; }
  [[nodiscard]] const Bytes& transcript_hash() const { return transcript_hash_; }
  [[nodiscard]] const Bytes& cookie_of_client() const { return cookie_of_client_; }

 private:
  [[nodiscard]] crypto::Tls13Suite suite() const { return *crypto::tls13_suite_of(script_.suite); }
  [[nodiscard]] crypto::Tls13Hash hash() const { return crypto::hash_of(suite()); }

  void read_hello(std::span<const std::uint8_t> hello) {
    ByteReader in(hello);
    static_cast<void>(in.take(4 + 2 + 32));
    const auto session = in.vector(1);
    session_id_.assign(session->begin(), session->end());
    static_cast<void>(in.vector(2));
    static_cast<void>(in.vector(1));
    ByteReader extensions(*in.vector(2));
    client_share_.clear();
    while (const auto type = extensions.u16()) {
      ByteReader value(*extensions.vector(2));
      if (*type == 44) {
        const auto cookie = value.vector(2);
        cookie_of_client_.assign(cookie->begin(), cookie->end());
      }
      if (*type != 51) continue;
      ByteReader shares(*value.vector(2));
      while (const auto group = shares.u16()) {
        const auto share = shares.vector(2);
        if (*group == script_.group) client_share_.assign(share->begin(), share->end());
      }
    }
  }

  Bytes hello_message(std::span<const std::uint8_t> nonce, const Bytes& extensions) const {
    Bytes body{3, 3};
    append(body, nonce);
    append(body, with_length(1, session_id_));
    put(body, 2, script_.suite);
    body.push_back(0);
    append(body, with_length(2, extensions));
    return handshake_message(2, body);
  }

  Bytes retry() {
    const Bytes magic =
        *from_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
    Bytes extensions = extension(43, Bytes{3, 4});
    Bytes group;
    put(group, 2, script_.retry_group);
    if (script_.retry_group != 0) append(extensions, extension(51, group));
    if (!script_.cookie.empty()) append(extensions, extension(44, with_length(2, script_.cookie)));
    const Bytes message = hello_message(magic, extensions);
    transcript_->restart_for_retry();
    transcript_->add(message);
    Bytes out = plain_record(22, message);
    if (script_.change_cipher_spec) append(out, Bytes{20, 3, 3, 0, 1, 1});
    return out;
  }

  Secret key_exchange(Bytes& share) {
    const std::span<const std::uint8_t> client(client_share_);
    const auto key = crypto::EcdhKey::generate(crypto::EcdhGroup::kX25519);
    if (script_.group == 0x001D) {
      share = key.share();
      return std::move(*key.agree(client));
    }
    const auto kem = crypto::mlkem_encapsulate(crypto::MlKem::k768, client.first(1184), random_);
    share = kem->ciphertext;
    append(share, key.share());
    const auto classical = key.agree(client.subspan(1184));
    return Secret(std::string(kem->shared_secret.expose()) + std::string(classical->expose()));
  }

  Bytes whole_flight() {
    Bytes share;
    const Secret secret =
        client_share_.empty() ? Secret(std::string(32, 'x')) : key_exchange(share);
    Bytes entry;
    put(entry, 2, script_.group);
    append(entry, with_length(2, share));
    Bytes extensions = extension(43, Bytes{3, 4});
    append(extensions, extension(51, entry));
    Bytes message = hello_message(Bytes(32, 7), extensions);
    if (script_.server_hello) script_.server_hello(message);
    transcript_->add(message);
    Bytes out = plain_record(22, message);
    append(out, script_.behind_server_hello);
    if (script_.change_cipher_spec) append(out, Bytes{20, 3, 3, 0, 1, 1});
    crypto::Tls13KeySchedule schedule(hash());
    secrets_ = schedule.handshake(secret, transcript_->digest());
    crypto::Tls13RecordKeys keys(suite(), secrets_.server);
    Bytes records = protect(keys, flight_messages());
    transcript_hash_ = transcript_->digest();
    application_ = schedule.application(transcript_hash_);
    if (!script_.behind_finished.empty()) {
      crypto::Tls13RecordKeys application(suite(), application_.server);
      append(records, *application.seal(script_.behind_finished_type, script_.behind_finished));
    }
    if (script_.records) script_.records(records);
    append(out, records);
    return out;
  }

  std::vector<Bytes> flight_messages() {
    std::vector<Bytes> all;
    const auto add = [&](Bytes message, const Script::Hook& hook) {
      if (hook) hook(message);
      transcript_->add(message);
      all.push_back(std::move(message));
    };
    Bytes extensions;
    if (!script_.alpn.empty()) {
      const Bytes name = with_length(1, as_bytes(script_.alpn));
      append(extensions, extension(16, with_length(2, name)));
    }
    if (!script_.stated_groups.empty()) {
      Bytes groups;
      for (const std::uint16_t group : script_.stated_groups) put(groups, 2, group);
      append(extensions, extension(10, with_length(2, groups)));
    }
    add(handshake_message(8, with_length(2, extensions)), script_.extensions);
    if (script_.request_certificate) {
      Bytes body{2, 'c', 'x'};
      append(body, with_length(2, extension(13, with_length(2, Bytes{8, 7}))));
      add(handshake_message(13, body), nullptr);
    }
    Bytes list;
    for (const Bytes& der : script_.chain) {
      append(list, with_length(3, der));
      put(list, 2, 0);
    }
    Bytes body{0};
    append(body, with_length(3, list));
    add(handshake_message(11, body), script_.certificate);
    const Bytes content = crypto::server_certificate_verify_content(transcript_->digest());
    Bytes verify;
    put(verify, 2, script_.scheme);
    append(verify, with_length(2, *crypto::ed25519_sign(signer_.seed, content)));
    add(handshake_message(15, verify), script_.verify);
    const Bytes mac = crypto::tls13_finished(hash(), secrets_.server, transcript_->digest());
    add(handshake_message(20, mac), script_.finished);
    if (script_.flight) script_.flight(all);
    return all;
  }

  Bytes protect(crypto::Tls13RecordKeys& keys, const std::vector<Bytes>& messages) const {
    Bytes content, out;
    for (const Bytes& message : messages) append(content, message);
    for (std::size_t at = 0; at < content.size(); at += script_.record_bytes) {
      const auto piece = std::span<const std::uint8_t>(content).subspan(
          at, std::min(script_.record_bytes, content.size() - at));
      append(out, *keys.seal(22, piece));
    }
    return out;
  }

  Bytes self_signed() const {
    EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                 as_bytes(signer_.seed.expose()).data(), 32);
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("scripted"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    GENERAL_NAMES* names = GENERAL_NAMES_new();
    for (std::size_t i = 0; i < script_.sans; ++i) {
      GENERAL_NAME* name = GENERAL_NAME_new();
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      ASN1_STRING_set(text, ("n" + std::to_string(i)).c_str(), -1);
      GENERAL_NAME_set0_value(name, GEN_DNS, text);
      sk_GENERAL_NAME_push(names, name);
    }
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    X509_sign(certificate, key, nullptr);
    unsigned char* raw = nullptr;
    const int size = i2d_X509(certificate, &raw);
    Bytes out(raw, raw + size);
    OPENSSL_free(raw);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
  }

  mutable SystemRandom random_;
  Script script_;
  crypto::Ed25519KeyPair signer_;
  Bytes session_id_, client_share_, cookie_of_client_, transcript_hash_;
  std::optional<crypto::Tls13Transcript> transcript_;
  crypto::Tls13TrafficSecrets secrets_, application_;
};

}  // namespace carnet::probe::test
