#include <algorithm>

#include "inventory/registry.h"
#include "probe/tls_look.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using crypto::SignatureVerdict;
using inventory::Profile;
using inventory::Support;
using inventory::TlsObservation;
using End = HandshakeResult::End;

bool is_there(Support state) {
  return state == Support::kPreferred || state == Support::kSupported;
}

class Report {
 public:
  Report(TlsLook look, const ReportContext& context) : look_(std::move(look)), context_(context) {}

  TlsObservation write() {
    out_.server_name = context_.server_name;
    out_.handshake_proof = look_.main.proof;
    out_.alpn = look_.main.alpn;
    out_.findings = std::move(look_.findings);
    write_versions();
    write_groups();
    write_suites();
    int number = 0;
    for (const auto& chain : look_.chains) judge_chain(chain, number++, context_.chain, out_);
    note_handshake();
    note_properties();
    if (context_.out_of_time) {
      note("probe_incomplete", "info",
           "The time for this target ran out before everything was asked.");
    }
    auto& findings = look_.groups.findings;
    std::move(findings.begin(), findings.end(), std::back_inserter(out_.findings));
    return std::move(out_);
  }

 private:
  void write_versions();
  void write_groups();
  void set_group(std::uint16_t codepoint, Support state);
  void write_suites();
  void note_weak_suites();
  void note_handshake();
  void note_properties();
  void note(std::string code, std::string severity, std::string detail) {
    out_.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }
  // The version that a handshake ended in, whether it was carried through or read in the clear.
  [[nodiscard]] bool ended_in(const std::string& version) const {
    const End end = look_.main.end;
    return (end == End::kProven || end == End::kCleartext) && look_.main.proof.version == version;
  }

  TlsLook look_;
  const ReportContext& context_;
  TlsObservation out_;
};

void Report::write_versions() {
  out_.versions.push_back({"TLS 1.3", look_.groups.tls13});
  if (context_.profile == Profile::kQuick) {
    for (const char* version : {"TLS 1.2", "TLS 1.1", "TLS 1.0"}) {
      out_.versions.push_back(
          {version, ended_in(version) ? Support::kSupported : Support::kNotTested});
    }
    return;
  }
  for (const auto& version : look_.legacy.versions) {
    const bool old = version.version != "TLS 1.2" && version.state == Support::kSupported;
    if (old) {
      const bool ssl = version.version == "SSL 3.0";
      note("obsolete_tls_version", ssl ? "high" : "medium",
           "The server still accepts " + version.version + ", which " +
               (ssl ? "RFC 7568" : "RFC 8996") + " forbids.");
    }
    out_.versions.push_back(version);
  }
}

void Report::set_group(std::uint16_t codepoint, Support state) {
  for (auto& group : out_.groups) {
    if (group.codepoint != codepoint) continue;
    group.state = state;
    return;
  }
  out_.groups.push_back(describe_group(codepoint, state));
}

void Report::write_groups() {
  out_.groups = std::move(look_.groups.groups);
  out_.server_order = look_.groups.server_order;
  if (look_.groups.tls13 == Support::kUnsupported) {
    // Post-quantum groups exist in TLS 1.3 only; the classical ones may live on in TLS 1.2.
    for (auto& group : out_.groups) {
      const bool classical = group.kind == "classical";
      group.state = classical ? Support::kNotTested : Support::kUnsupported;
    }
    for (const std::uint16_t curve : look_.curves.refused) set_group(curve, Support::kUnsupported);
    for (const std::uint16_t curve : look_.legacy.curves) set_group(curve, Support::kSupported);
    for (const std::uint16_t curve : look_.curves.curves) set_group(curve, Support::kSupported);
    if (!look_.curves.curves.empty()) {
      set_group(look_.curves.curves.front(), Support::kPreferred);
    }
  }
  if (look_.main.end == End::kProven) {
    const auto known =
        std::find_if(out_.groups.begin(), out_.groups.end(),
                     [this](const auto& group) { return group.codepoint == *look_.main.group; });
    const bool shown = known != out_.groups.end() && is_there(known->state);
    if (!shown) set_group(*look_.main.group, Support::kSupported);
  }
  std::vector<inventory::TlsGroupSupport> sorted;
  for (const Support state : {Support::kPreferred, Support::kSupported, Support::kUnsupported,
                              Support::kNotProven, Support::kNotTested}) {
    std::copy_if(out_.groups.begin(), out_.groups.end(), std::back_inserter(sorted),
                 [state](const auto& group) { return group.state == state; });
  }
  out_.groups = std::move(sorted);
}

void Report::write_suites() {
  for (const std::uint16_t suite : look_.groups.suites) {
    out_.cipher_suites.push_back({"TLS 1.3", suite_name(suite), suite});
  }
  auto& legacy = look_.legacy;
  std::move(legacy.suites.begin(), legacy.suites.end(), std::back_inserter(out_.cipher_suites));
  const auto& proof = look_.main.proof;
  if (look_.main.suite && ended_in(proof.version)) {
    const bool known =
        std::any_of(out_.cipher_suites.begin(), out_.cipher_suites.end(), [&](const auto& other) {
          return other.codepoint == *look_.main.suite && other.version == proof.version;
        });
    if (!known) {
      out_.cipher_suites.push_back({proof.version, proof.cipher_suite, *look_.main.suite});
    }
  }
  out_.legacy_key_exchanges = std::move(legacy.key_exchanges);
  out_.dh_bits = legacy.dh_bits;
  if (out_.dh_bits > 0 && out_.dh_bits < 2048) {
    note("weak_dh_group", out_.dh_bits < 1024 ? "critical" : "high",
         "The server uses a finite-field Diffie-Hellman group of " + std::to_string(out_.dh_bits) +
             " bits; 2048 is the least.");
  }
  note_weak_suites();
}

void Report::note_weak_suites() {
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

// How the handshake that counts ended, where that is worth a word.
void Report::note_handshake() {
  const HandshakeResult& main = look_.main;
  const std::string lost =
      out_.certificates.empty() ? " The certificates were not read." : std::string();
  if (main.end == End::kAlert) {
    note("handshake_refused", "medium",
         "The server refused the handshake (" + main.failure + ")." + lost);
  } else if (main.end == End::kFailed || main.no_answer()) {
    note("handshake_failed", "medium",
         "The handshake did not finish (" + main.failure + ")." + lost);
  } else if (main.end == End::kRetry) {
    note("handshake_not_possible", "info",
         "The handshake was not finished: the server asks for a key exchange that is recognised "
         "but not implemented here." +
             lost);
  } else if (main.end == End::kProven && main.signature == SignatureVerdict::kCannotTell) {
    note("signature_not_verified", "info",
         "The server's signature (" + main.proof.signature_scheme +
             ") was not verified: nothing here can verify this algorithm. The key exchange is "
             "proven all the same.");
  }
}

void Report::note_properties() {
  const HandshakeResult& main = look_.main;
  const LegacyResult& legacy = look_.legacy;
  if (main.ocsp_stapled || legacy.ocsp_stapled) {
    note("ocsp_stapled", "info", "The server staples an OCSP response to its certificate.");
  }
  if (main.session_tickets || legacy.session_tickets) {
    note("session_tickets", "info", "The server issues session tickets.");
  }
  if (main.client_certificate_requested) {
    note("client_certificate_requested", "info", "The server asks for a client certificate.");
  }
  if (legacy.insecure_renegotiation) {
    note("insecure_renegotiation", "medium",
         "The server does not know secure renegotiation (RFC 5746).");
  }
  if (!look_.schemes.empty()) {
    std::string names;
    for (const std::uint16_t scheme : look_.schemes) {
      names += (names.empty() ? "" : ", ") + scheme_name(scheme);
    }
    note("signature_schemes", "info", "The server signed with " + names + ".");
  }
  // The software itself is the detail: the advice looks for its name.
  if (!look_.http_server.empty()) note("server_software", "info", look_.http_server);
}

}  // namespace

TlsObservation report(TlsLook look, const ReportContext& context) {
  Report report(std::move(look), context);
  return report.write();
}

}  // namespace carnet::probe
