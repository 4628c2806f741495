// Key establishment and host keys of an SSH endpoint.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "assess/classify_internal.h"
#include "assess/method.h"

namespace carnet::assess {
namespace {

using inventory::Algorithm;
using inventory::AlgorithmKind;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::SshHostKey;
using inventory::SshObservation;

// "SSH-2.0-OpenSSH_9.2p1 Debian-2" -> "openssh-9.0": the newest version for which the texts differ.
std::string software_of(std::string_view banner) {
  constexpr std::string_view kMark = "OpenSSH_";
  const std::size_t at = banner.find(kMark);
  if (at == std::string_view::npos) return {};
  const char* begin = banner.data() + at + kMark.size();
  const char* end = banner.data() + banner.size();
  int major = 0;
  int minor = 0;
  const auto [dot, error] = std::from_chars(begin, end, major);
  if (error != std::errc{}) return "openssh";
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  if (major > 9 || (major == 9 && minor >= 9)) return "openssh-9.9";
  if (major == 9) return "openssh-9.0";
  return "openssh";
}

// What would be negotiated: the probe's own result, else the first method of the server's list that
// is one.
const Algorithm* default_kex(const SshObservation& ssh) {
  if (const Algorithm* row = inventory::find_by_ssh_name(ssh.negotiated_kex)) return row;
  for (const std::string& name : ssh.kex) {
    const Algorithm* row = inventory::find_by_ssh_name(name);
    if (row != nullptr && row->kind == AlgorithmKind::kKeyEstablishment) return row;
  }
  return nullptr;
}

const Algorithm* best_post_quantum(const SshObservation& ssh) {
  const Algorithm* best = nullptr;
  for (const std::string& name : ssh.kex) {
    const Algorithm* row = inventory::find_by_ssh_name(name);
    if (row == nullptr || row->kind != AlgorithmKind::kKeyEstablishment) continue;
    if (row->status != AssetStatus::kSafe) continue;
    if (best == nullptr || std::pair(row->standard, row->nist_category) >
                               std::pair(best->standard, best->nist_category)) {
      best = row;
    }
  }
  return best;
}

std::vector<std::string> broken_offers(const SshObservation& ssh) {
  std::set<std::string> broken;
  for (const auto* names : {&ssh.kex, &ssh.ciphers, &ssh.macs}) {
    for (const std::string& name : *names) {
      const Algorithm* row = inventory::find_by_ssh_name(name);
      if (row != nullptr && row->status == AssetStatus::kBroken) broken.insert(name);
    }
  }
  return {broken.begin(), broken.end()};
}

void judge_kex(ClassifiedAsset& result, const Algorithm& by_default, const Algorithm* post_quantum,
               bool urgent) {
  auto& vulnerability = result.asset.vulnerability;
  if (by_default.status == AssetStatus::kSafe) {
    vulnerability.status = AssetStatus::kSafe;
    vulnerability.severity = by_default.standard ? "info" : "low";
    vulnerability.summary =
        fmt::format("A client that offers it gets {}, so what is recorded today stays unreadable.",
                    by_default.name);
    if (!by_default.standard) {
      vulnerability.summary += " " + by_default.note;
      result.causes.push_back({"ssh-pre-standard", "low", by_default.note, false});
    }
    return;
  }
  vulnerability.status = AssetStatus::kAtRisk;
  vulnerability.hndl_exposed = true;
  vulnerability.severity = urgent && post_quantum == nullptr ? "high" : "medium";
  vulnerability.summary = fmt::format(
      "Key exchange is classical ({}): a session recorded today can be read once a large quantum "
      "computer exists.",
      by_default.name);
  if (post_quantum != nullptr) {
    vulnerability.summary +=
        fmt::format(" It knows {}, but does not choose it.", post_quantum->name);
  }
  result.causes.push_back({"ssh-no-pq", vulnerability.severity, ""});
}

ClassifiedAsset classify_kex(const Endpoint& endpoint, const SshObservation& ssh, bool urgent) {
  ClassifiedAsset result =
      new_asset(endpoint, "ssh", Exposure::kKeyEstablishment, "key-establishment");
  auto& asset = result.asset;
  asset.label = "SSH key exchange of " + place(endpoint);
  result.software = software_of(ssh.banner);
  for (const std::string& cipher : ssh.ciphers) {
    const Algorithm* row = inventory::find_by_ssh_name(cipher);
    result.suites.push_back(row != nullptr ? row->name : cipher);
  }
  const Algorithm* by_default = default_kex(ssh);
  if (by_default == nullptr) {
    asset.algorithm = ssh.negotiated_kex;
    asset.vulnerability.severity = "low";
    asset.vulnerability.summary =
        "The server spoke SSH, but offered no key exchange that is in the registry.";
  } else {
    const Algorithm* post_quantum = best_post_quantum(ssh);
    asset.algorithm = by_default->name;
    asset.key_size = by_default->key_bits;
    describe(asset.vulnerability, *by_default, asset.key_size);
    if (by_default->status == AssetStatus::kSafe) {
      asset.pq_credit = kCreditPreferred;
    } else if (post_quantum != nullptr) {
      asset.pq_credit = kCreditSupported;
    }
    judge_kex(result, *by_default, post_quantum, urgent);
  }
  const std::vector<std::string> broken = broken_offers(ssh);
  if (!broken.empty()) {
    asset.vulnerability.status = AssetStatus::kBroken;
    asset.vulnerability.severity = "critical";
    asset.vulnerability.hndl_exposed = true;
    asset.vulnerability.summary = fmt::format(
        "Offers {}, which a classical attacker breaks or every current standard forbids.",
        join_words(broken));
    result.causes.push_back({"ssh-weak-kex", "critical", join_words(broken), false});
  }
  return result;
}

struct RsaOffers {
  bool sha1 = false;
  bool sha2 = false;
};

RsaOffers rsa_offers(const SshObservation& ssh) {
  RsaOffers offers;
  for (const std::string& name : ssh.host_key_algorithms) {
    offers.sha1 |= name == "ssh-rsa" || name == "ssh-rsa-cert-v01@openssh.com";
    offers.sha2 |= name.starts_with("rsa-sha2-");
  }
  return offers;
}

void judge_host_key(ClassifiedAsset& result, const SshHostKey& key, const Algorithm& row,
                    RsaOffers offers) {
  auto& vulnerability = result.asset.vulnerability;
  const bool rsa = row.shor_qubits_per_key_bit > 0;
  const bool short_key = key.bits > 0 && key.bits < row.broken_below_bits;
  const bool sha1_only = rsa && offers.sha1 && !offers.sha2;
  if (row.status == AssetStatus::kBroken || short_key || sha1_only) {
    const std::string why = short_key
                                ? fmt::format("The {} key has only {} bits.", row.name, key.bits)
                            : sha1_only ? "The RSA key signs with SHA-1 (ssh-rsa) only."
                                        : fmt::format("{} is withdrawn.", row.name);
    vulnerability.status = AssetStatus::kBroken;
    vulnerability.severity = "critical";
    vulnerability.pqc_replacement = "ssh-mldsa44-ed25519";
    vulnerability.summary = why + " No quantum computer is needed to attack this.";
    result.causes.push_back({"ssh-host-key-weak", "critical", why, false});
    return;
  }
  if (row.status == AssetStatus::kSafe) {
    vulnerability.status = AssetStatus::kSafe;
    vulnerability.severity = "info";
    vulnerability.summary = fmt::format("The host key is post-quantum ({}).", row.name);
    return;
  }
  vulnerability.status = AssetStatus::kAtRisk;
  vulnerability.severity = "medium";
  vulnerability.pqc_replacement = "ssh-mldsa44-ed25519";
  vulnerability.summary = fmt::format(
      "The host can be impersonated once a large quantum computer exists, not before, and recorded "
      "sessions are not affected ({}).",
      row.name);
  result.causes.push_back({"ssh-host-key-classical", "medium", ""});
  if (rsa && offers.sha1) result.causes.push_back({"ssh-sha1-signature", "medium", "", false});
}

ClassifiedAsset classify_host_key(const Endpoint& endpoint, const SshObservation& ssh,
                                  const SshHostKey& key) {
  ClassifiedAsset result =
      new_asset(endpoint, "ssh", Exposure::kAuthentication, "host-key " + key.type);
  auto& asset = result.asset;
  asset.label = fmt::format("SSH host key {} of {}", key.type, place(endpoint));
  asset.key_size = key.bits;
  result.software = software_of(ssh.banner);
  const Algorithm* row = inventory::find_by_ssh_key_type(key.type);
  if (row == nullptr) {
    asset.algorithm = key.type;
    asset.vulnerability.severity = "low";
    asset.vulnerability.summary =
        fmt::format("Not judged: the host key type {} is not in the registry.", key.type);
    return result;
  }
  asset.algorithm = row->name;
  describe(asset.vulnerability, *row, key.bits);
  judge_host_key(result, key, *row, rsa_offers(ssh));
  return result;
}

}  // namespace

std::vector<ClassifiedAsset> classify_ssh(const Endpoint& endpoint, const SshObservation& ssh,
                                          bool urgent) {
  std::vector<ClassifiedAsset> assets;
  assets.push_back(classify_kex(endpoint, ssh, urgent));
  for (const SshHostKey& key : ssh.host_keys) {
    assets.push_back(classify_host_key(endpoint, ssh, key));
  }
  if (ssh.host_keys.empty()) {
    ClassifiedAsset unknown = new_asset(endpoint, "ssh", Exposure::kAuthentication, "host-key");
    unknown.asset.label = "SSH host key of " + place(endpoint);
    unknown.asset.vulnerability.severity = "low";
    unknown.asset.vulnerability.summary = "The host key could not be fetched.";
    assets.push_back(std::move(unknown));
  }
  return assets;
}

}  // namespace carnet::assess
