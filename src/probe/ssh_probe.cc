#include "probe/ssh_probe.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "crypto/hash.h"
#include "inventory/registry.h"
#include "probe/ssh_parser.h"

namespace carnet::probe {
namespace {

using inventory::SshObservation;

constexpr std::string_view kOurBanner = "SSH-2.0-Carnet_0.1\r\n";
constexpr std::size_t kHostKeyTypesMax = 12;
constexpr std::string_view kStrictKex = "kex-strict-s-v00@openssh.com";

// What a client of today offers, hybrids first, to say what it would get. The first name that the
// server has too is negotiated (RFC 4253 section 7.1).
constexpr std::array<std::string_view, 18> kOfferedKex{"mlkem768x25519-sha256",
                                                       "mlkem768nistp256-sha256",
                                                       "mlkem1024nistp384-sha384",
                                                       "sntrup761x25519-sha512",
                                                       "sntrup761x25519-sha512@openssh.com",
                                                       "mlkem1024-sha384",
                                                       "mlkem768-sha256",
                                                       "curve25519-sha256",
                                                       "curve25519-sha256@libssh.org",
                                                       "ecdh-sha2-nistp256",
                                                       "ecdh-sha2-nistp384",
                                                       "ecdh-sha2-nistp521",
                                                       "diffie-hellman-group16-sha512",
                                                       "diffie-hellman-group18-sha512",
                                                       "diffie-hellman-group-exchange-sha256",
                                                       "diffie-hellman-group14-sha256",
                                                       "diffie-hellman-group14-sha1",
                                                       "diffie-hellman-group1-sha1"};

// The exchanges we can begin, the plainest first.
constexpr std::array<std::string_view, 8> kUsableKex{
    "curve25519-sha256",      "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",     "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",     "mlkem768x25519-sha256",
    "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"};

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_marker(std::string_view name) {  // not algorithms: RFC 8308 and OpenSSH's strict kex
  return name == "ext-info-s" || name == "ext-info-c" || name.starts_with("kex-strict-");
}

void append_random(Bytes& out, std::size_t count, Random& random) {
  Bytes fresh(count);
  random.fill(fresh);
  out.insert(out.end(), fresh.begin(), fresh.end());
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// An uncompressed point of a curve; its secret is dropped at once.
Bytes ec_point(std::string curve) {
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.data()));
  CARNET_CHECK(key != nullptr);
  unsigned char* raw = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key.get(), &raw);
  CARNET_CHECK(size > 0);
  Bytes out(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

// A well-formed client share. Nobody knows its secret and nobody needs it: the reply comes all the
// same.
Bytes client_share(std::string_view kex, Random& random) {
  Bytes out;
  if (kex == "ecdh-sha2-nistp256") return ec_point("P-256");
  if (kex == "ecdh-sha2-nistp384") return ec_point("P-384");
  if (kex == "ecdh-sha2-nistp521") return ec_point("P-521");
  if (kex.starts_with("mlkem768")) {
    // 1152 bytes of zero coefficients pass FIPS 203's modulus check; 32 bytes of seed follow.
    out.resize(1152, 0);
    append_random(out, 32, random);
  } else if (kex.starts_with("sntrup761")) {
    out.resize(1158, 0);
  }
  append_random(out, 32, random);  // X25519 takes any 32 bytes
  return out;
}

Bytes kex_init(std::string_view kex, std::string_view host_key, const SshKexInit& server,
               Random& random) {
  const auto first_of = [](const std::vector<std::string>& list) {
    return list.empty() ? std::string("none") : list.front();
  };
  Bytes out{kSshKexInit};
  append_random(out, 16, random);
  put_ssh_string(out, as_bytes(kex));
  put_ssh_string(out, as_bytes(host_key));
  put_ssh_string(out, as_bytes(first_of(server.ciphers_to_server)));
  put_ssh_string(out, as_bytes(first_of(server.ciphers_to_client)));
  put_ssh_string(out, as_bytes(first_of(server.macs_to_server)));
  put_ssh_string(out, as_bytes(first_of(server.macs_to_client)));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, as_bytes("none"));  // compression
  for (int i = 0; i < 2; ++i) put_ssh_string(out, {});                // languages
  out.insert(out.end(), 5, 0);                                        // no guessed packet, reserved
  return out;
}

// One connection up to the server's KEXINIT.
struct Session {
  Channel channel;
  SshReader reader;
  SshKexInit server;
};

tl::unexpected<Error> broken(std::string why) {
  return make_error(ErrorCode::kUnavailable, std::move(why));
}

Task<Result<Bytes>> read_packet(Session& session) {
  Bytes buffer(16 * 1024);
  while (true) {
    if (auto packet = session.reader.next_packet()) co_return std::move(*packet);
    if (session.reader.failed()) co_return broken(session.reader.failure());
    const auto got =
        co_await session.channel.connection->read_some(buffer, session.channel.deadline);
    if (!got) co_return tl::unexpected(got.error());
    if (*got == 0) co_return broken("the server closed the connection");
    session.reader.feed(std::span<const std::uint8_t>(buffer).first(*got));
  }
}

// The next packet of the type that is waited for; chatter in between is passed over, within the
// reader's bound.
Task<Result<Bytes>> read_message(Session& session, std::uint8_t wanted) {
  while (true) {
    auto packet = co_await read_packet(session);
    if (!packet) co_return packet;
    const std::uint8_t type = packet->front();
    if (type == wanted) co_return packet;
    if (type == kSshDisconnect) {
      co_return broken("the server disconnected: " + parse_disconnect(*packet));
    }
    const bool chatter =
        type == kSshIgnore || type == kSshDebug || type == kSshExtInfo || type == kSshUnimplemented;
    if (!chatter) co_return broken("unexpected SSH message " + std::to_string(type));
  }
}

Task<Result<void>> begin(Wire& wire, Session& session) {
  auto channel = co_await wire.open();
  if (!channel) co_return tl::unexpected(std::move(channel).error());
  session.channel = std::move(*channel);
  auto sent = co_await session.channel.connection->write_all(as_bytes(kOurBanner),
                                                             session.channel.deadline);
  if (!sent) co_return sent;
  auto packet = co_await read_message(session, kSshKexInit);
  if (!packet) co_return tl::unexpected(std::move(packet).error());
  auto parsed = parse_kex_init(*packet);
  if (!parsed) co_return broken("malformed SSH KEXINIT");
  session.server = std::move(*parsed);
  co_return Result<void>();
}

Task<Result<Bytes>> read_host_key(Wire& wire, Session& session, std::string kex, std::string type) {
  Random& random = wire.services().random;
  net::Connection& connection = *session.channel.connection;
  Bytes out = ssh_packet(kex_init(kex, type, session.server, random));
  Bytes init{kSshKexEcdhInit};
  put_ssh_string(init, client_share(kex, random));
  const Bytes second = ssh_packet(init);
  out.insert(out.end(), second.begin(), second.end());
  const auto sent = co_await connection.write_all(out, session.channel.deadline);
  if (!sent) co_return tl::unexpected(sent.error());
  const auto packet = co_await read_message(session, kSshKexEcdhReply);
  if (!packet) co_return packet;
  auto key = parse_kex_reply(*packet);
  if (!key) co_return broken("malformed SSH key exchange reply");
  co_return std::move(*key);
}

// The names for one and the same key differ only in the signature's hash.
std::string key_family(const std::string& algorithm) {
  if (algorithm == "ssh-rsa" || algorithm == "rsa-sha2-256" || algorithm == "rsa-sha2-512") {
    return "ssh-rsa";
  }
  if (algorithm.starts_with("rsa-sha2-") && algorithm.find("-cert-") != std::string::npos) {
    return "ssh-rsa-cert-v01@openssh.com";
  }
  return algorithm;
}

class SshProbe {
 public:
  explicit SshProbe(Wire& wire) : wire_(wire) {}

  Task<SshProbeResult> run() {
    SshProbeResult out;
    Session first;
    const auto begun = co_await begin(wire_, first);
    if (!first.reader.banner()) {
      out.reason = begun ? "no SSH banner" : begun.error().public_detail;
      co_return out;
    }
    out_.banner = *first.reader.banner();
    note_banner();
    if (!begun) {
      note("ssh_algorithms_not_read", "medium",
           "The algorithm lists were not read: " + begun.error().public_detail + ".");
      out.observation = std::move(out_);
      co_return out;
    }
    note_lists(first.server);
    co_await read_host_keys(std::move(first));
    out.observation = std::move(out_);
    co_return out;
  }

 private:
  void note_banner() {
    if (out_.banner.starts_with("SSH-2.0-")) return;
    const bool both = out_.banner.starts_with("SSH-1.99-");
    note("ssh_protocol_1", both ? "high" : "critical",
         both ? "The server still accepts version 1 of the SSH protocol."
              : "The server does not announce version 2 of the SSH protocol.");
  }

  void note_lists(const SshKexInit& server) {
    out_.strict_kex = contains(server.kex, kStrictKex);
    for (const std::string& name : server.kex) {
      if (!is_marker(name)) out_.kex.push_back(name);
    }
    out_.host_key_algorithms = server.host_keys;
    out_.ciphers = both_ways(server.ciphers_to_client, server.ciphers_to_server);
    out_.macs = both_ways(server.macs_to_client, server.macs_to_server);
    for (const std::string_view name : kOfferedKex) {
      if (!contains(out_.kex, name)) continue;
      out_.negotiated_kex = name;
      break;
    }
    note_terrapin();
  }

  static std::vector<std::string> both_ways(const std::vector<std::string>& one,
                                            const std::vector<std::string>& other) {
    std::vector<std::string> out = one;
    for (const std::string& name : other) {
      if (!contains(out, name)) out.push_back(name);
    }
    return out;
  }

  // CVE-2023-48795 needs one of these modes and no strict key exchange.
  void note_terrapin() {
    if (out_.strict_kex) return;
    const auto cbc = [](const std::string& name) { return name.find("-cbc") != std::string::npos; };
    const auto etm = [](const std::string& name) {
      return name.find("-etm@") != std::string::npos;
    };
    const bool open = contains(out_.ciphers, "chacha20-poly1305@openssh.com") ||
                      (std::any_of(out_.ciphers.begin(), out_.ciphers.end(), cbc) &&
                       std::any_of(out_.macs.begin(), out_.macs.end(), etm));
    if (!open) return;
    note("ssh_no_strict_kex", "medium",
         "The server does not offer strict key exchange, so a man in the middle can cut messages "
         "from the start of a connection (CVE-2023-48795).");
  }

  // The first session's KEXINIT serves the first key; every further key type needs a connection.
  Task<void> read_host_keys(Session first) {
    const auto usable = std::find_if(kUsableKex.begin(), kUsableKex.end(),
                                     [&](auto name) { return contains(out_.kex, name); });
    if (usable == kUsableKex.end()) {
      note("ssh_host_keys_not_read", "info",
           "The host keys were not read: the server takes none of the key exchanges that this "
           "probe can begin.");
      co_return;
    }
    kex_ = *usable;
    std::vector<std::string> types;
    std::vector<std::string> families;
    for (const std::string& algorithm : out_.host_key_algorithms) {
      const std::string family = key_family(algorithm);
      if (contains(families, family) || types.size() == kHostKeyTypesMax) continue;
      families.push_back(family);
      types.push_back(algorithm);
    }
    keys_.resize(types.size());
    std::vector<Task<void>> tasks;
    if (!types.empty()) tasks.push_back(read_with(std::move(first), types[0], 0));
    for (std::size_t i = 1; i < types.size(); ++i) tasks.push_back(read_fresh(types[i], i));
    co_await run_all(std::move(tasks));
    for (auto& key : keys_) {
      if (key) out_.host_keys.push_back(std::move(*key));
    }
    if (!out_.host_keys.empty()) {
      note("ssh_host_key_possession_not_proven", "info",
           "The host keys are as the server sent them; that it holds their private halves was not "
           "proven.");
    }
  }

  Task<void> read_with(Session session, std::string type, std::size_t index) {
    const auto blob = co_await read_host_key(wire_, session, kex_, type);
    take_key(blob, type, index);
  }

  Task<void> read_fresh(std::string type, std::size_t index) {
    Session session;
    const auto begun = co_await begin(wire_, session);
    if (!begun) {
      take_key(tl::unexpected(begun.error()), type, index);
      co_return;
    }
    const auto blob = co_await read_host_key(wire_, session, kex_, type);
    take_key(blob, type, index);
  }

  void take_key(const Result<Bytes>& blob, const std::string& type, std::size_t index) {
    if (!blob) {
      note("ssh_host_key_not_read", "low",
           "The host key of type " + type + " was not read: " + blob.error().public_detail + ".");
      return;
    }
    const auto parsed = parse_host_key(*blob);
    if (!parsed) {
      note("ssh_host_key_not_read", "low", "The host key of type " + type + " is malformed.");
      return;
    }
    const auto digest = crypto::sha256(*blob);
    std::string fingerprint = to_base64(digest);
    while (fingerprint.ends_with('=')) fingerprint.pop_back();
    keys_[index] = inventory::SshHostKey{parsed->type, parsed->bits, "SHA256:" + fingerprint};
  }

  void note(std::string code, std::string severity, std::string detail) {
    out_.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }

  Wire& wire_;
  SshObservation out_;
  std::string kex_;
  std::vector<std::optional<inventory::SshHostKey>> keys_;  // in the order of the types
};

}  // namespace

Task<SshProbeResult> probe_ssh(Wire& wire) {
  SshProbe probe(wire);
  auto result = co_await probe.run();
  co_return result;
}

}  // namespace carnet::probe
