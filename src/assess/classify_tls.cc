// Key establishment of a TLS endpoint.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "assess/classify_internal.h"
#include "assess/method.h"
#include "base/text.h"

namespace carnet::assess {
namespace {

using inventory::Algorithm;
using inventory::AlgorithmClass;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::Support;
using inventory::TlsObservation;

bool is_there(Support state) {
  return state == Support::kPreferred || state == Support::kSupported;
}

// What a TLS endpoint was seen to do, reduced to what the judgement asks.
struct TlsFacts {
  const Algorithm* by_default = nullptr;  // what a client gets that offers everything
  const Algorithm* post_quantum = nullptr;
  std::string unknown_group;  // the default, if the registry does not know it
  std::vector<std::string> old_versions;
  std::vector<std::string> broken_parts;  // suites and groups that a classical attacker breaks
  std::vector<std::string> suites;
  bool tls13 = false;
  bool falls_back = false;  // a classical group or an older version is accepted too
  bool rsa_transport = false;
  bool dhe = false;
  bool ecdhe = false;
  bool pq_not_asked = false;  // no hybrid group was tested, or none of the answers settled it
};

const Algorithm* find_group(const inventory::TlsGroupSupport& group) {
  const Algorithm* row = inventory::find_by_tls_group(group.codepoint);
  return row != nullptr ? row : inventory::find_by_name(group.name);
}

void read_versions(const TlsObservation& tls, TlsFacts& facts) {
  static constexpr std::string_view kOld[] = {"TLS 1.1", "TLS 1.0", "SSL 3.0", "SSL 2.0"};
  for (const auto& version : tls.versions) {
    if (!is_there(version.state)) continue;
    if (version.version == "TLS 1.3") facts.tls13 = true;
    if (version.version == "TLS 1.2") facts.falls_back = true;
    if (std::find(std::begin(kOld), std::end(kOld), version.version) != std::end(kOld)) {
      facts.old_versions.push_back(version.version);
    }
  }
  std::sort(facts.old_versions.begin(), facts.old_versions.end());
}

bool is_post_quantum(const Algorithm& row) { return row.status == AssetStatus::kSafe; }

void prefer(const Algorithm*& chosen, const Algorithm* candidate) {
  // Of several, the strongest standard; by name among equals, so that the order of the list does
  // not matter.
  const auto rank = [](const Algorithm* row) {
    return std::tuple(row->standard, row->nist_category, row->classical_security_bits.value_or(0));
  };
  if (chosen == nullptr || rank(candidate) > rank(chosen) ||
      (rank(candidate) == rank(chosen) && candidate->name < chosen->name)) {
    chosen = candidate;
  }
}

void read_groups(const TlsObservation& tls, TlsFacts& facts) {
  const Algorithm* preferred = nullptr;
  const Algorithm* classical = nullptr;
  bool hybrid_settled = false;
  for (const auto& group : tls.groups) {
    if (inventory::is_grease(group.codepoint)) continue;
    const Algorithm* row = find_group(group);
    if (row != nullptr && is_post_quantum(*row)) {
      hybrid_settled |= group.state != Support::kNotTested && group.state != Support::kNotProven;
    }
    if (!is_there(group.state)) continue;
    if (row == nullptr) {
      if (group.state == Support::kPreferred) facts.unknown_group = group.name;
      continue;
    }
    if (is_post_quantum(*row)) {
      prefer(facts.post_quantum, row);
    } else {
      prefer(classical, row);
      facts.falls_back = true;
    }
    if (row->status == AssetStatus::kBroken) facts.broken_parts.push_back(row->name);
    if (group.state == Support::kPreferred) prefer(preferred, row);
  }
  if (tls.handshake_proof.proven) {
    const Algorithm* row = inventory::find_by_name(tls.handshake_proof.group);
    if (row != nullptr && is_post_quantum(*row)) {
      hybrid_settled = true;
      prefer(facts.post_quantum, row);
    }
  }
  facts.pq_not_asked = !hybrid_settled;
  facts.by_default = preferred;
  if (preferred == nullptr && facts.unknown_group.empty()) {
    // A server that follows its client gives a modern one the hybrid, which such clients put first.
    // One whose order was not proven gets the benefit of no doubt.
    const bool follows_client = tls.server_order == std::optional<bool>(false);
    facts.by_default =
        follows_client && facts.post_quantum != nullptr ? facts.post_quantum : classical;
    if (facts.by_default == nullptr) facts.by_default = facts.post_quantum;
  }
}

void read_suites(const TlsObservation& tls, TlsFacts& facts) {
  std::set<std::string> broken(facts.broken_parts.begin(), facts.broken_parts.end());
  for (const auto& seen : tls.cipher_suites) {
    const inventory::TlsSuite* suite = inventory::find_tls_suite(seen.codepoint);
    facts.suites.push_back(suite != nullptr ? suite->name : seen.name);
    if (suite == nullptr) continue;
    if (suite->broken) broken.insert(suite->name);
    facts.rsa_transport |= suite->key_exchange == "RSA" && !suite->tls13;
    facts.dhe |= suite->key_exchange == "DHE";
    facts.ecdhe |= suite->key_exchange == "ECDHE";
  }
  for (const std::string& exchange : tls.legacy_key_exchanges) {
    facts.rsa_transport |= exchange == "RSA";
    facts.dhe |= exchange == "DHE";
    facts.ecdhe |= exchange == "ECDHE";
  }
  std::sort(facts.suites.begin(), facts.suites.end());
  facts.suites.erase(std::unique(facts.suites.begin(), facts.suites.end()), facts.suites.end());
  facts.broken_parts.assign(broken.begin(), broken.end());
}

TlsFacts gather(const TlsObservation& tls) {
  TlsFacts facts;
  read_versions(tls, facts);
  read_groups(tls, facts);
  read_suites(tls, facts);
  if (facts.by_default == nullptr && facts.unknown_group.empty()) {
    const char* legacy = facts.ecdhe ? "ECDHE" : facts.dhe ? "DHE" : "RSA key transport";
    if (facts.ecdhe || facts.dhe || facts.rsa_transport) {
      facts.by_default = inventory::find_by_name(legacy);
    }
  }
  return facts;
}

int leaf_rsa_bits(const TlsObservation& tls) {
  int bits = 0;
  for (const auto& certificate : tls.certificates) {
    if (certificate.position != 0 || certificate.key_algorithm != "RSA") continue;
    if (bits == 0 || certificate.key_bits < bits) bits = certificate.key_bits;
  }
  return bits;
}

// Key size of what is negotiated by default.
int default_bits(const TlsFacts& facts, const TlsObservation& tls) {
  if (facts.by_default == nullptr) return 0;
  if (facts.by_default->key_bits > 0) return facts.by_default->key_bits;
  if (facts.by_default->shor_qubits_per_key_bit == 0) return 0;
  return facts.dhe && !facts.ecdhe ? tls.dh_bits : leaf_rsa_bits(tls);
}

// "A, B, C and 4 more": a sentence, not a dump.
std::string abridged(std::vector<std::string> words) {
  constexpr std::size_t kShown = 3;
  if (words.size() > kShown + 1) {
    const std::size_t more = words.size() - kShown;
    words.resize(kShown);
    words.push_back(fmt::format("{} more", more));
  }
  return join_words(words);
}

void add_broken_causes(ClassifiedAsset& result, const TlsFacts& facts, const TlsObservation& tls) {
  if (!facts.old_versions.empty()) {
    result.causes.push_back(
        {"tls-old-protocol", "critical", join_words(facts.old_versions), false});
  }
  if (!facts.broken_parts.empty()) {
    result.causes.push_back({"tls-weak-suites", "critical", abridged(facts.broken_parts), false});
  }
  if (facts.dhe && tls.dh_bits > 0 && tls.dh_bits < kDhBitsMin) {
    result.causes.push_back(
        {"tls-weak-dh", "critical", fmt::format("{} bits", tls.dh_bits), false});
  }
  const int rsa_bits = leaf_rsa_bits(tls);
  if (facts.rsa_transport) {
    const Algorithm* row = inventory::find_by_name("RSA key transport");
    const bool broken = rsa_bits > 0 && rsa_bits < row->broken_below_bits;
    result.causes.push_back({"tls-rsa-transport", broken ? "critical" : "medium", "", !broken});
  }
}

std::string broken_summary(const std::vector<Cause>& causes) {
  std::string text;
  const auto say = [&text](const std::string& what) {
    text += (text.empty() ? "Accepts " : "; also ") + what;
  };
  for (const Cause& cause : causes) {
    if (cause.severity != "critical") continue;
    if (cause.id == "tls-old-protocol") {
      say(cause.detail + ", forbidden by every current standard");
    } else if (cause.id == "tls-weak-suites") {
      say("broken ciphers or curves (" + cause.detail + ")");
    } else if (cause.id == "tls-weak-dh") {
      say("a Diffie-Hellman group of only " + cause.detail);
    } else {
      say("RSA key transport with a key below 2048 bits");
    }
  }
  return text + ". No quantum computer is needed to attack this.";
}

void judge_at_risk(ClassifiedAsset& result, const TlsFacts& facts, bool urgent) {
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = AssetStatus::kAtRisk;
  vulnerability.hndl_exposed = true;
  if (facts.post_quantum != nullptr) {
    vulnerability.severity = "medium";
    vulnerability.summary = fmt::format(
        "Knows {}, but gives a client that offers both the classical {}: traffic recorded today "
        "can be "
        "read once a large quantum computer exists.",
        facts.post_quantum->name, facts.by_default->name);
    vulnerability.pqc_replacement = facts.post_quantum->name;
    result.causes.push_back({"tls-pq-not-preferred", "medium", ""});
    return;
  }
  vulnerability.severity = urgent ? "high" : "medium";
  vulnerability.summary = fmt::format(
      "{} ({}): traffic recorded today can be read once a large quantum computer exists.",
      facts.tls13 ? "Key establishment is classical"
                  : "Speaks no TLS 1.3, and older versions have no post-quantum key establishment",
      facts.by_default->name);
  if (facts.pq_not_asked && facts.tls13) {
    vulnerability.summary +=
        " Whether it also knows a hybrid group was not settled by its answers.";
  }
  result.causes.push_back({facts.tls13 ? "tls-no-pq" : "tls-no-tls13", vulnerability.severity, ""});
}

void judge_safe(ClassifiedAsset& result, const TlsFacts& facts) {
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = AssetStatus::kSafe;
  vulnerability.severity = "info";
  vulnerability.summary =
      fmt::format("A client that offers it gets {}, so what is recorded today stays unreadable.",
                  facts.by_default->name);
  if (facts.falls_back) {
    vulnerability.summary += " Older clients still get classical key establishment.";
  }
  if (!facts.by_default->standard) {
    vulnerability.severity = "low";
    vulnerability.summary += " " + facts.by_default->note;
    result.causes.push_back({"tls-pre-standard", "low", facts.by_default->note, false});
  }
}

}  // namespace

std::vector<ClassifiedAsset> classify_tls(const Endpoint& endpoint, const TlsObservation& tls,
                                          bool urgent) {
  const TlsFacts facts = gather(tls);
  ClassifiedAsset result = new_asset(endpoint, is_mail(endpoint) ? "email" : "tls",
                                     Exposure::kKeyEstablishment, "key-establishment");
  auto& asset = result.asset;
  asset.label = "Key establishment of " + place(endpoint);
  result.suites = facts.suites;
  for (const auto& finding : tls.findings) {
    if (finding.code == "server_software") result.software = to_lower_ascii(finding.detail);
  }
  const bool postfix =
      endpoint.starttls && endpoint.starttls->greeting.find("Postfix") != std::string::npos;
  if (result.software.empty() && postfix) result.software = "postfix";
  if (facts.by_default != nullptr) {
    asset.algorithm = facts.by_default->name;
    asset.key_size = default_bits(facts, tls);
    describe(asset.vulnerability, *facts.by_default, asset.key_size);
  } else {
    asset.algorithm = facts.unknown_group;
  }
  if (facts.post_quantum != nullptr) {
    const bool negotiated = facts.by_default != nullptr && is_post_quantum(*facts.by_default);
    asset.pq_credit = negotiated ? kCreditPreferred : kCreditSupported;
  }
  add_broken_causes(result, facts, tls);
  const bool broken = std::any_of(result.causes.begin(), result.causes.end(),
                                  [](const Cause& cause) { return cause.severity == "critical"; });
  if (facts.by_default == nullptr) {
    asset.vulnerability.status = AssetStatus::kUnknown;
    asset.vulnerability.severity = "low";
    asset.vulnerability.summary =
        facts.unknown_group.empty()
            ? "The server spoke TLS, but no handshake went far enough to show its key "
              "establishment."
            : fmt::format("The server picks the group {}, which is not in the registry.",
                          facts.unknown_group);
  } else if (is_post_quantum(*facts.by_default)) {
    judge_safe(result, facts);
  } else {
    judge_at_risk(result, facts, urgent);
  }
  if (broken) {
    // Whatever the best client gets, one that asks for the broken version or cipher gets that.
    asset.vulnerability.status = AssetStatus::kBroken;
    asset.vulnerability.severity = "critical";
    asset.vulnerability.hndl_exposed = true;
    asset.vulnerability.summary = broken_summary(result.causes);
  }
  std::vector<ClassifiedAsset> assets;
  assets.push_back(std::move(result));
  return assets;
}

}  // namespace carnet::assess
