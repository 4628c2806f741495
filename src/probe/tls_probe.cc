#include "probe/tls_probe.h"

#include "inventory/registry.h"
#include "probe/tls_groups.h"
#include "probe/tls_legacy.h"

namespace carnet::probe {
namespace {

using inventory::Finding;
using inventory::Profile;
using inventory::Support;
using inventory::TlsObservation;
using Kind = HelloAnswer::Kind;

class TlsProbe {
 public:
  TlsProbe(Wire& wire, const TlsTools& tools, Profile profile)
      : wire_(wire), tools_(tools), profile_(profile) {}

  Task<TlsProbeResult> run() {
    auto first = co_await ask(wire_, first_group_hello(wire_));
    TlsProbeResult out;
    if (first.kind == Kind::kNotTls || first.kind == Kind::kNoConnection) {
      out.reason = first.detail;
      out.speaks_ssh = first.speaks_ssh;
      co_return out;
    }
    const bool spoke = first.hello || first.alert;
    if (!spoke) {
      // Silence to an unusual hello is not silence to every hello.
      handshake_ = co_await tools_.handshake.run(wire_, HandshakeClient::Certificates::kAny);
      if (!handshake_->proof.proven && !handshake_->alert) {
        out.reason = "connected, but no TLS answer (" + first.detail + ")";
        co_return out;
      }
      note("unusual_hello_unanswered", "medium",
           "A TLS 1.3 ClientHello with an empty key share got no answer (" + first.detail +
               ") while an ordinary one did, so the groups could not be listed.");
    }
    std::vector<Task<void>> tasks;
    tasks.push_back(groups(std::move(first)));
    if (!handshake_) tasks.push_back(handshake());
    if (profile_ != Profile::kQuick) tasks.push_back(legacy());
    co_await run_all(std::move(tasks));
    co_await follow_up();
    assemble();
    out.observation = std::move(out_);
    co_return out;
  }

 private:
  Task<void> groups(HelloAnswer first) {
    groups_ = co_await enumerate_groups(wire_, std::move(first), profile_);
  }
  Task<void> handshake() {
    handshake_ = co_await tools_.handshake.run(wire_, HandshakeClient::Certificates::kAny);
  }
  Task<void> legacy() { legacy_ = co_await probe_legacy_tls(wire_, profile_); }

  // What only makes sense once the first answers are in.
  Task<void> follow_up() {
    if (handshake_->proof.proven) {
      add_chain(handshake_->chain);
      // One that offers TLS 1.3 and ends lower has shown that the server does not have it.
      if (handshake_->proof.version == "TLS 1.3") {
        groups_.tls13 = Support::kSupported;
      } else if (groups_.tls13 == Support::kNotProven) {
        groups_.tls13 = Support::kUnsupported;
      }
    }
    for (const auto& chain : legacy_.chains) add_chain(chain);
    const bool tls12 =
        std::any_of(legacy_.versions.begin(), legacy_.versions.end(), [](const auto& version) {
          return version.version == "TLS 1.2" && version.state == Support::kSupported;
        });
    // Up to TLS 1.2 the suites have asked for every kind of certificate; TLS 1.3 needs a second
    // try.
    const bool second = handshake_->proof.proven && !tls12 && !wire_.out_of_time() &&
                        !handshake_->chain.empty() && groups_.tls13 == Support::kSupported &&
                        profile_ != Profile::kQuick;
    if (second) co_await second_certificate();
    if (groups_.tls13 == Support::kUnsupported && tls12 && !legacy_.curves.empty()) {
      curves_ = co_await enumerate_tls12_curves(wire_);
    }
  }

  Task<void> second_certificate() {
    using Certificates = HandshakeClient::Certificates;
    const auto leaf = inventory_leaf_algorithm();
    const Certificates other =
        leaf.starts_with("RSA") ? Certificates::kOnlyEcdsa : Certificates::kOnlyRsa;
    const auto result = co_await tools_.handshake.run(wire_, other);
    if (result.proof.proven) add_chain(result.chain);
  }

  std::string inventory_leaf_algorithm() const;
  void add_chain(const std::vector<Bytes>& chain) {
    if (chain.empty()) return;
    const bool known = std::any_of(chains_.begin(), chains_.end(), [&](const auto& other) {
      return other.front() == chain.front();
    });
    if (!known) chains_.push_back(chain);
  }

  void assemble() {
    out_.server_name = wire_.server_name();
    out_.handshake_proof = handshake_->proof;
    out_.alpn = handshake_->alpn;
    assemble_versions();
    assemble_groups();
    assemble_suites();
    const ChainContext context{wire_.host(), wire_.services().clock.now(), tools_.trust};
    int number = 0;
    for (const auto& chain : chains_) judge_chain(chain, number++, context, out_);
    if (chains_.empty()) explain_missing_chain();
    if (wire_.out_of_time()) {
      note("probe_incomplete", "info",
           "The time for this target ran out before everything was asked.");
    }
    std::move(groups_.findings.begin(), groups_.findings.end(), std::back_inserter(out_.findings));
  }

  void assemble_versions() {
    out_.versions.push_back({"TLS 1.3", groups_.tls13});
    if (profile_ == Profile::kQuick) {
      for (const char* version : {"TLS 1.2", "TLS 1.1", "TLS 1.0"}) {
        const bool seen = handshake_->proof.proven && handshake_->proof.version == version;
        out_.versions.push_back({version, seen ? Support::kSupported : Support::kNotTested});
      }
      return;
    }
    for (auto& version : legacy_.versions) {
      // A handshake that was carried through outweighs a hello that was not understood.
      if (handshake_->proof.proven && handshake_->proof.version == version.version) {
        version.state = Support::kSupported;
      }
      const bool old = version.version != "TLS 1.2" && version.state == Support::kSupported;
      if (old) {
        note("obsolete_tls_version", version.version == "SSL 3.0" ? "high" : "medium",
             "The server still accepts " + version.version + ", which " +
                 (version.version == "SSL 3.0" ? "RFC 7568" : "RFC 8996") + " forbids.");
      }
      out_.versions.push_back(version);
    }
  }

  void assemble_groups();
  void assemble_suites();
  void explain_missing_chain();
  void note(std::string code, std::string severity, std::string detail) {
    out_.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }

  Wire& wire_;
  const TlsTools& tools_;
  Profile profile_;
  GroupResult groups_;
  LegacyResult legacy_;
  CurveResult curves_;
  std::optional<HandshakeResult> handshake_;
  std::vector<std::vector<Bytes>> chains_;
  TlsObservation out_;
};

std::string TlsProbe::inventory_leaf_algorithm() const {
  TlsObservation scratch;
  const ChainContext context{wire_.host(), wire_.services().clock.now(), tools_.trust};
  judge_chain({handshake_->chain.front()}, 0, context, scratch);
  return scratch.certificates.empty() ? std::string() : scratch.certificates.front().key_algorithm;
}

void TlsProbe::assemble_groups() {
  out_.groups = std::move(groups_.groups);
  out_.server_order = groups_.server_order;
  const auto set = [this](std::uint16_t codepoint, Support state) {
    for (auto& group : out_.groups) {
      if (group.codepoint != codepoint) continue;
      group.state = state;
      return;
    }
    out_.groups.push_back(describe_group(codepoint, state));
  };
  if (groups_.tls13 == Support::kUnsupported) {
    // Post-quantum groups exist in TLS 1.3 only; the classical ones may live on in TLS 1.2.
    for (auto& group : out_.groups) {
      const bool classical = group.kind == "classical";
      group.state = classical ? Support::kNotTested : Support::kUnsupported;
    }
    for (const std::uint16_t curve : curves_.refused) set(curve, Support::kUnsupported);
    for (const std::uint16_t curve : legacy_.curves) set(curve, Support::kSupported);
    for (const std::uint16_t curve : curves_.curves) set(curve, Support::kSupported);
    if (!curves_.curves.empty()) set(curves_.curves.front(), Support::kPreferred);
  }
  if (handshake_->proof.proven && handshake_->group) {
    const auto known =
        std::find_if(out_.groups.begin(), out_.groups.end(),
                     [this](const auto& group) { return group.codepoint == *handshake_->group; });
    const bool shown = known != out_.groups.end() &&
                       (known->state == Support::kPreferred || known->state == Support::kSupported);
    if (!shown) set(*handshake_->group, Support::kSupported);
  }
  std::vector<inventory::TlsGroupSupport> sorted;
  for (const Support state : {Support::kPreferred, Support::kSupported, Support::kUnsupported,
                              Support::kNotProven, Support::kNotTested}) {
    std::copy_if(out_.groups.begin(), out_.groups.end(), std::back_inserter(sorted),
                 [state](const auto& group) { return group.state == state; });
  }
  out_.groups = std::move(sorted);
}

void TlsProbe::assemble_suites() {
  for (const std::uint16_t suite : groups_.suites) {
    out_.cipher_suites.push_back({"TLS 1.3", suite_name(suite), suite});
  }
  std::move(legacy_.suites.begin(), legacy_.suites.end(), std::back_inserter(out_.cipher_suites));
  const auto& proof = handshake_->proof;
  if (proof.proven && handshake_->suite) {
    const bool known =
        std::any_of(out_.cipher_suites.begin(), out_.cipher_suites.end(), [&](const auto& other) {
          return other.codepoint == *handshake_->suite && other.version == proof.version;
        });
    if (!known) {
      out_.cipher_suites.push_back({proof.version, proof.cipher_suite, *handshake_->suite});
    }
  }
  out_.legacy_key_exchanges = std::move(legacy_.key_exchanges);
  out_.dh_bits = legacy_.dh_bits;
  if (out_.dh_bits > 0 && out_.dh_bits < 2048) {
    note("weak_dh_group", out_.dh_bits < 1024 ? "critical" : "high",
         "The server uses a finite-field Diffie-Hellman group of " + std::to_string(out_.dh_bits) +
             " bits; 2048 is the least.");
  }
  std::vector<std::string> named;
  for (const auto& suite : out_.cipher_suites) {
    const inventory::TlsSuite* known = inventory::find_tls_suite(suite.codepoint);
    const bool told = std::find(named.begin(), named.end(), suite.name) != named.end();
    if (known == nullptr || !known->weak || told) continue;
    named.push_back(suite.name);
    note("weak_cipher_suite", known->broken ? "high" : "low",
         "The server accepts " + suite.name + " (" + known->weak_reason + ").");
  }
}

void TlsProbe::explain_missing_chain() {
  const bool only_pq =
      std::any_of(out_.groups.begin(), out_.groups.end(),
                  [](const auto& group) {
                    return group.kind != "classical" && (group.state == Support::kPreferred ||
                                                         group.state == Support::kSupported);
                  }) &&
      std::none_of(out_.groups.begin(), out_.groups.end(), [](const auto& group) {
        return group.kind == "classical" &&
               (group.state == Support::kPreferred || group.state == Support::kSupported);
      });
  if (only_pq) {
    note("certificates_not_read", "info",
         "The certificates were not read: the server takes only post-quantum or hybrid groups, "
         "which this system's OpenSSL cannot complete.");
    return;
  }
  note(handshake_->alert ? "handshake_refused" : "handshake_failed", "medium",
       "The certificates were not read: the handshake did not finish (" + handshake_->failure +
           ").");
}

}  // namespace

Task<TlsProbeResult> probe_tls(Wire& wire, const TlsTools& tools, Profile profile) {
  TlsProbe probe(wire, tools, profile);
  auto result = co_await probe.run();
  co_return result;
}

}  // namespace carnet::probe
