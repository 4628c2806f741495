#include "probe/other_addresses.h"

#include <algorithm>
#include <set>

namespace carnet::probe {
namespace {

using inventory::Endpoint;
using inventory::OtherAddress;
using inventory::SshObservation;
using inventory::Support;
using inventory::TlsObservation;

using Names = std::set<std::string>;

// This machine's network, not the server: nothing to hold against anybody.
constexpr std::string_view kNoRoad = "network unreachable";

bool is_there(Support state) {
  return state == Support::kPreferred || state == Support::kSupported;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

// What was seen of one kind of thing: what is there, and what is known not to be.
struct Seen {
  Names there, absent;
};

void tell(const char* what, const Seen& reported, const Seen& other,
          std::vector<std::string>& out) {
  std::vector<std::string> missing, more;
  std::set_intersection(reported.there.begin(), reported.there.end(), other.absent.begin(),
                        other.absent.end(), std::back_inserter(missing));
  std::set_intersection(other.there.begin(), other.there.end(), reported.absent.begin(),
                        reported.absent.end(), std::back_inserter(more));
  if (!missing.empty()) out.push_back("no " + std::string(what) + joined(missing, ", "));
  if (!more.empty()) out.push_back(std::string(what) + joined(more, ", ") + " as well");
}

// Whole lists, where what is not in them is not there.
void tell_lists(const char* what, const std::vector<std::string>& reported,
                const std::vector<std::string>& other, std::vector<std::string>& out) {
  const Names here(reported.begin(), reported.end()), there(other.begin(), other.end());
  Seen first{here, {}}, second{there, {}};
  std::set_difference(there.begin(), there.end(), here.begin(), here.end(),
                      std::inserter(first.absent, first.absent.end()));
  std::set_difference(here.begin(), here.end(), there.begin(), there.end(),
                      std::inserter(second.absent, second.absent.end()));
  tell(what, first, second, out);
}

Seen versions_of(const TlsObservation& tls) {
  Seen out;
  for (const auto& row : tls.versions) {
    if (is_there(row.state)) out.there.insert(row.version);
    if (row.state == Support::kUnsupported) out.absent.insert(row.version);
  }
  return out;
}

Seen groups_of(const TlsObservation& tls) {
  Seen out;
  for (const auto& row : tls.groups) {
    if (is_there(row.state)) out.there.insert(row.name);
    if (row.state == Support::kUnsupported) out.absent.insert(row.name);
  }
  return out;
}

std::string preferred_group_of(const TlsObservation& tls) {
  const auto row = std::find_if(tls.groups.begin(), tls.groups.end(), [](const auto& group) {
    return group.state == Support::kPreferred;
  });
  return row == tls.groups.end() ? std::string() : row->name;
}

// The key of the certificate that an ordinary client gets.
std::string first_key_of(const TlsObservation& tls) {
  for (const auto& certificate : tls.certificates) {
    if (certificate.chain != 0 || certificate.position != 0) continue;
    const std::string bits =
        certificate.key_bits > 0 ? " of " + std::to_string(certificate.key_bits) + " bits" : "";
    return certificate.key_algorithm + bits;
  }
  return {};
}

void tell_tls(const TlsObservation& reported, const TlsObservation& other,
              std::vector<std::string>& out) {
  tell("", versions_of(reported), versions_of(other), out);
  tell("group ", groups_of(reported), groups_of(other), out);
  const std::string group = preferred_group_of(reported), other_group = preferred_group_of(other);
  if (!group.empty() && !other_group.empty() && group != other_group) {
    out.push_back("prefers " + other_group + " to " + group);
  }
  const std::string key = first_key_of(reported), other_key = first_key_of(other);
  if (!key.empty() && !other_key.empty() && key != other_key) {
    out.push_back("a certificate with a key of " + other_key + " instead of " + key);
  }
}

void tell_ssh(const SshObservation& reported, const SshObservation& other,
              std::vector<std::string>& out) {
  // Empty where they could not be read.
  if (!reported.kex.empty() && !other.kex.empty()) {
    tell_lists("key exchange ", reported.kex, other.kex, out);
    tell_lists("host key algorithm ", reported.host_key_algorithms, other.host_key_algorithms, out);
    tell_lists("cipher ", reported.ciphers, other.ciphers, out);
    tell_lists("MAC ", reported.macs, other.macs, out);
  }
  for (const auto& key : reported.host_keys) {
    const auto same_type = std::find_if(other.host_keys.begin(), other.host_keys.end(),
                                        [&key](const auto& one) { return one.type == key.type; });
    if (same_type != other.host_keys.end() && same_type->fingerprint != key.fingerprint) {
      out.push_back("another host key of type " + key.type);
    }
  }
}

std::vector<std::string> thumbprints_of(const inventory::JwksObservation& jwks) {
  std::vector<std::string> out;
  out.reserve(jwks.keys.size());
  for (const auto& key : jwks.keys) out.push_back(key.thumbprint);
  return out;
}

// An upgrade that was not had leaves only the rows: its findings are about the upgrade.
void add_finding(Endpoint& endpoint, inventory::Finding finding) {
  if (endpoint.tls) {
    endpoint.tls->findings.push_back(std::move(finding));
  } else if (endpoint.ssh) {
    endpoint.ssh->findings.push_back(std::move(finding));
  } else if (endpoint.jwks) {
    endpoint.jwks->findings.push_back(std::move(finding));
  }
}

const OtherAddress* row_of(const Endpoint& reported, const std::string& address) {
  const auto& rows = reported.other_addresses;
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const OtherAddress& one) { return one.address == address; });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::vector<net::IpAddress> addresses_to_compare(const std::vector<net::IpAddress>& all,
                                                 const Endpoint& reported,
                                                 inventory::Profile profile) {
  std::vector<net::IpAddress> out;
  const auto own = net::IpAddress::parse(reported.address);
  if (profile == inventory::Profile::kQuick || !own) return out;
  const bool deep = profile == inventory::Profile::kDeep;
  const std::size_t most = deep ? kAddressesLookedAtMax - 1 : 1;
  for (const net::IpAddress& address : all) {
    if (out.size() == most) break;
    if (address == *own || row_of(reported, address.to_string()) != nullptr) continue;
    if (deep || address.is_v4() != own->is_v4()) out.push_back(address);
  }
  return out;
}

std::vector<std::string> differences(const Endpoint& reported, const Endpoint& other) {
  std::vector<std::string> out;
  if (reported.protocol != other.protocol) {
    out.push_back("speaks " + other.protocol + ", not " + reported.protocol);
    return out;
  }
  if (reported.starttls && other.starttls && reported.starttls->state != other.starttls->state) {
    out.push_back("STARTTLS is " + other.starttls->state + ", not " + reported.starttls->state);
  }
  if (reported.tls && other.tls) tell_tls(*reported.tls, *other.tls, out);
  if (reported.ssh && other.ssh) tell_ssh(*reported.ssh, *other.ssh, out);
  if (reported.jwks && other.jwks) {
    tell_lists("key ", thumbprints_of(*reported.jwks), thumbprints_of(*other.jwks), out);
  }
  return out;
}

OtherAddress compare_address(const Endpoint& reported, const net::IpAddress& address,
                             const Endpoint& other) {
  OtherAddress row{address.to_string(), "same", {}};
  if (!other.reached) {
    const bool no_road = other.unreached_reason == kNoRoad;
    row.state = no_road ? "not-looked-at" : "unreachable";
    row.detail = no_road ? "this machine has no way to it" : other.unreached_reason;
    return row;
  }
  const auto found = differences(reported, other);
  if (!found.empty()) {
    row.state = "differs";
    row.detail = joined(found, "; ");
  }
  return row;
}

void note_other_addresses(const std::vector<net::IpAddress>& all, Endpoint& reported) {
  std::vector<OtherAddress> rows;
  std::vector<std::string> silent, differing;
  for (const net::IpAddress& address : all) {
    const std::string text = address.to_string();
    if (text == reported.address || rows.size() == kOtherAddressesMax) continue;
    const OtherAddress* known = row_of(reported, text);
    rows.push_back(known != nullptr ? *known : OtherAddress{text, "not-looked-at", {}});
    const OtherAddress& row = rows.back();
    if (row.state == "unreachable") silent.push_back(text + " (" + row.detail + ")");
    if (row.state == "differs") differing.push_back(text + " (" + row.detail + ")");
  }
  reported.other_addresses = std::move(rows);
  if (!silent.empty()) {
    add_finding(reported, {"address_unreachable", "medium",
                           "The name also leads to " + joined(silent, ", ") +
                               "; what is reported is the answer of " + reported.address + "."});
  }
  if (!differing.empty()) {
    add_finding(reported,
                {"addresses_differ", "medium",
                 "Other addresses of the name answer otherwise: " + joined(differing, ", ") +
                     "; what is reported is the answer of " + reported.address + "."});
  }
}

}  // namespace carnet::probe
