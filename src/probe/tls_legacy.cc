#include "probe/tls_legacy.h"

#include "inventory/registry.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using inventory::TlsSuite;
using Kind = HelloAnswer::Kind;

// Alerts that speak of the version or of what was offered in it; others (a name that the server
// does not know, an error inside it) say nothing about the version.
constexpr std::uint8_t kHandshakeFailure = 40, kIllegalParameter = 47, kProtocolVersion = 70,
                       kInsufficientSecurity = 71;

bool refuses_version(const HelloAnswer& answer) {
  if (answer.kind != Kind::kAlert || !answer.alert) return false;
  const std::uint8_t code = answer.alert->description;
  return code == kHandshakeFailure || code == kIllegalParameter || code == kProtocolVersion ||
         code == kInsufficientSecurity;
}

// Curves first that nearly every server has; then the rest of RFC 8422 and RFC 4492.
const std::vector<std::uint16_t> kCurves{0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x001A, 0x001B,
                                         0x001C, 0x0016, 0x0015, 0x0013, 0x0009, 0x000A, 0x000B,
                                         0x000C, 0x000D, 0x000E, 0x0014, 0x0012};
constexpr std::array<std::uint16_t, 5> kFfdhe{0x0100, 0x0101, 0x0102, 0x0103, 0x0104};

// What a server must not have shows even if it likes something else better: with a whole class
// taken away it has to show another.
enum class SuiteClass { kEcdsa, kEcdheAead, kEcdheCbc, kDhe, kRsa, kObsolete };
constexpr std::array<SuiteClass, 6> kClasses{SuiteClass::kEcdsa,    SuiteClass::kEcdheAead,
                                             SuiteClass::kEcdheCbc, SuiteClass::kDhe,
                                             SuiteClass::kRsa,      SuiteClass::kObsolete};

// nullopt for what needs a secret of ours (PSK, SRP, Kerberos) or no certificate kind we know.
std::optional<SuiteClass> class_of(const TlsSuite& suite) {
  const std::string& exchange = suite.key_exchange;
  const std::string& cipher = suite.cipher;
  if (suite.tls13 || suite.codepoint == 0) return std::nullopt;
  const bool testable = exchange.starts_with("ECDHE") || exchange.starts_with("ECDH") ||
                        exchange.starts_with("DH") || exchange.starts_with("RSA");
  if (!testable || suite.authentication == "PSK" || exchange.find("PSK") != std::string::npos) {
    return std::nullopt;
  }
  const bool old_cipher = cipher == "NULL" || cipher.starts_with("3DES") ||
                          cipher.starts_with("DES") || cipher.starts_with("RC") ||
                          cipher.starts_with("IDEA");
  if (old_cipher || suite.authentication == "anon" || exchange == "ECDH" || exchange == "DH" ||
      suite.name.find("EXPORT") != std::string::npos) {
    return SuiteClass::kObsolete;
  }
  if (exchange == "ECDHE" && suite.authentication == "ECDSA") return SuiteClass::kEcdsa;
  if (exchange == "ECDHE") {
    return suite.mac == "AEAD" ? SuiteClass::kEcdheAead : SuiteClass::kEcdheCbc;
  }
  if (exchange == "DHE") return SuiteClass::kDhe;
  if (exchange == "RSA") return SuiteClass::kRsa;
  return SuiteClass::kObsolete;
}

// Every suite that can be tested, in the order of the classes; which of them are for TLS 1.2 only.
// Sorted out once: a probe asks for them a dozen times.
struct ClassedSuite {
  std::uint16_t codepoint;
  SuiteClass of;
  bool before_tls12;  // RFC 5246 section 1.2: neither AEAD nor SHA-2 before TLS 1.2
};
const std::vector<ClassedSuite>& classed_suites() {
  static const std::vector<ClassedSuite> kSuites = [] {
    std::vector<ClassedSuite> all;
    for (const SuiteClass one : kClasses) {
      for (const TlsSuite& suite : inventory::builtin_registry().tls_suites()) {
        if (class_of(suite) != one) continue;
        const bool newer =
            suite.mac == "AEAD" || suite.mac.starts_with("SHA2") || suite.mac.starts_with("SHA3");
        all.push_back({suite.codepoint, one, !newer});
      }
    }
    return all;
  }();
  return kSuites;
}

std::optional<SuiteClass> class_of_suite(std::uint16_t codepoint) {
  static const std::map<std::uint16_t, SuiteClass> kClassOf = [] {
    std::map<std::uint16_t, SuiteClass> all;
    for (const ClassedSuite& suite : classed_suites()) all.emplace(suite.codepoint, suite.of);
    return all;
  }();
  const auto found = kClassOf.find(codepoint);
  return found == kClassOf.end() ? std::nullopt : std::optional(found->second);
}

// Suites of one class, or of all in the order of the classes.
std::vector<std::uint16_t> suites_of(std::optional<SuiteClass> wanted, bool tls12) {
  std::vector<std::uint16_t> out;
  for (const ClassedSuite& suite : classed_suites()) {
    if (wanted && *wanted != suite.of) continue;
    if (tls12 || suite.before_tls12) out.push_back(suite.codepoint);
  }
  return out;
}

HelloSpec legacy_hello(const Wire& wire, std::uint16_t version, std::vector<std::uint16_t> suites) {
  HelloSpec spec;
  spec.legacy_version = version;
  spec.suites = std::move(suites);
  spec.groups = kCurves;
  spec.groups.insert(spec.groups.end(), kFfdhe.begin(), kFfdhe.end());
  if (version == kTls12) spec.signature_schemes = all_signature_schemes();
  spec.server_name = wire.server_name();
  spec.extensions = version != kSsl30;
  return spec;
}

class LegacyProbe {
 public:
  LegacyProbe(Wire& wire, const HelloAnswer* first, Profile profile)
      : wire_(wire), first_(first), profile_(profile) {}

  Task<LegacyResult> run() {
    for (const std::uint16_t version : {kTls12, kTls11, kTls10}) {
      states_[version] = Support::kNotProven;
    }
    if (first_ != nullptr) take_first();
    std::vector<Task<void>> tasks;
    tasks.push_back(newest());
    tasks.push_back(older());
    co_await run_all(std::move(tasks));
    settle();
    co_return std::move(result_);
  }

 private:
  // The server chose the best it has of all versions.
  void take_first() {
    const std::uint16_t version = first_->hello->version;
    for (auto& [known, state] : states_) {
      if (known > version) state = Support::kUnsupported;
    }
    states_[version] = Support::kSupported;
    take(*first_, ordinary_suites());
  }

  // TLS 1.2: versions and suites in one, down to the refusal.
  Task<void> newest() {
    if (states_[kTls12] == Support::kUnsupported) co_return;
    auto suites = suites_of(std::nullopt, true);
    if (states_[kTls12] == Support::kSupported) {
      remove(suites, first_->hello->suite);
    } else {
      const auto answer = co_await ask_version(kTls12, suites);
      if (states_[kTls12] != Support::kSupported) co_return;
      remove(suites, answer.hello->suite);
    }
    co_await walk(kTls12, std::move(suites));
  }

  // TLS 1.1 and whatever is under it: a server takes the highest version that it has.
  Task<void> older() {
    const auto suites = suites_of(std::nullopt, false);
    for (const std::uint16_t version : {kTls11, kTls10}) {
      if (states_[version] == Support::kNotProven) {
        const auto answer = co_await ask_version(version, suites);
        const bool nothing_older =
            answer.kind == Kind::kAlert && answer.alert->description == kProtocolVersion;
        if (nothing_older) {
          // The alert speaks of every version up to the one offered.
          for (auto& [other, state] : states_) {
            if (other <= version && state == Support::kNotProven) state = Support::kUnsupported;
          }
        }
      }
      if (profile_ == Profile::kDeep && states_[version] == Support::kSupported) {
        auto left = suites;
        erase_seen(left, version);
        co_await walk(version, std::move(left));
      }
    }
    // Nobody speaks SSL 3.0 and not TLS 1.0; without the latter only the deep profile asks.
    if (states_[kTls10] == Support::kSupported || profile_ == Profile::kDeep) {
      states_[kSsl30] = Support::kNotProven;
      [[maybe_unused]] const auto answer = co_await ask_version(kSsl30, suites);
    }
  }

  Task<HelloAnswer> ask_version(std::uint16_t version, std::vector<std::uint16_t> suites) {
    auto answer = co_await ask_twice(wire_, legacy_hello(wire_, version, suites));
    if (answer.kind == Kind::kServerHello) {
      const std::uint16_t chosen = answer.hello->version;
      if (chosen != version) states_[version] = Support::kUnsupported;
      if (chosen <= version && take(answer, suites)) states_[chosen] = Support::kSupported;
    } else if (refuses_version(answer)) {
      states_[version] = Support::kUnsupported;
    } else if (answer.kind != Kind::kSilent && answer.kind != Kind::kNoConnection) {
      cut_.push_back(version);
    }
    co_return answer;
  }

  Task<void> walk(std::uint16_t version, std::vector<std::uint16_t> suites) {
    while (!suites.empty() && !wire_.out_of_time()) {
      const auto answer = co_await ask(wire_, legacy_hello(wire_, version, suites));
      if (answer.kind != Kind::kServerHello || answer.hello->version != version) co_return;
      if (!take(answer, suites)) co_return;
      remove(suites, answer.hello->suite);
    }
  }

  // Takes away what was shown: the suite, in the standard profile its whole class.
  void remove(std::vector<std::uint16_t>& suites, std::uint16_t shown) const {
    const auto shown_class = class_of_suite(shown);
    std::erase_if(suites, [&](std::uint16_t suite) {
      return suite == shown || (profile_ != Profile::kDeep && class_of_suite(suite) == shown_class);
    });
  }

  void erase_seen(std::vector<std::uint16_t>& suites, std::uint16_t version) const {
    const std::string name = version_name(version);
    std::erase_if(suites, [&](std::uint16_t suite) {
      return std::any_of(result_.suites.begin(), result_.suites.end(), [&](const auto& known) {
        return known.codepoint == suite && known.version == name;
      });
    });
  }

  // Notes what the answer shows; false if it is not an answer to what was offered.
  bool take(const HelloAnswer& answer, const std::vector<std::uint16_t>& offered) {
    const ServerHello& hello = *answer.hello;
    if (std::find(offered.begin(), offered.end(), hello.suite) == offered.end()) return false;
    result_.answered = true;
    result_.ocsp_stapled |= answer.ocsp_stapled;
    result_.session_tickets |= hello.session_ticket;
    result_.insecure_renegotiation |= !hello.secure_renegotiation && hello.version > kSsl30;
    inventory::TlsCipherSuite suite{version_name(hello.version), suite_name(hello.suite),
                                    hello.suite};
    const bool known =
        std::any_of(result_.suites.begin(), result_.suites.end(), [&](const auto& other) {
          return other.codepoint == suite.codepoint && other.version == suite.version;
        });
    if (!known) result_.suites.push_back(std::move(suite));
    note_exchange(answer);
    if (!answer.certificates.empty()) note_chain(answer.certificates);
    return true;
  }

  void note_exchange(const HelloAnswer& answer) {
    const TlsSuite* suite = inventory::find_tls_suite(answer.hello->suite);
    if (suite != nullptr) {
      auto& all = result_.key_exchanges;
      if (std::find(all.begin(), all.end(), suite->key_exchange) == all.end()) {
        all.push_back(suite->key_exchange);
      }
    }
    if (!answer.key_exchange) return;
    if (const auto scheme = answer.key_exchange->signature_scheme) {
      auto& all = result_.schemes;
      if (std::find(all.begin(), all.end(), *scheme) == all.end()) all.push_back(*scheme);
    }
    const int bits = answer.key_exchange->dh_bits;
    if (bits > 0 && (result_.dh_bits == 0 || bits < result_.dh_bits)) result_.dh_bits = bits;
    if (const auto group = answer.key_exchange->group) {
      auto& all = result_.curves;
      if (std::find(all.begin(), all.end(), *group) == all.end()) all.push_back(*group);
    }
  }

  void note_chain(const std::vector<Bytes>& chain) {
    const bool known =
        std::any_of(result_.chains.begin(), result_.chains.end(),
                    [&](const auto& other) { return other.front() == chain.front(); });
    if (!known) result_.chains.push_back(chain);
  }

  // A closed connection or an alert about something else is a refusal only of a server that
  // answers other versions.
  void settle() {
    for (const std::uint16_t version : cut_) {
      Support& state = states_[version];
      if (result_.answered && state == Support::kNotProven) state = Support::kUnsupported;
    }
    for (auto state = states_.rbegin(); state != states_.rend(); ++state) {
      result_.versions.push_back({version_name(state->first), state->second});
    }
  }

  Wire& wire_;
  const HelloAnswer* first_;
  Profile profile_;
  std::map<std::uint16_t, Support> states_;
  std::vector<std::uint16_t> cut_;
  LegacyResult result_;
};

}  // namespace

std::string version_name(std::uint16_t version) {
  switch (version) {
    case kTls13:
      return "TLS 1.3";
    case kTls12:
      return "TLS 1.2";
    case kTls11:
      return "TLS 1.1";
    case kTls10:
      return "TLS 1.0";
    case kSsl30:
      return "SSL 3.0";
    default:
      return fmt::format("0x{:04X}", version);
  }
}

std::vector<std::uint16_t> ordinary_suites() {
  static const std::vector<std::uint16_t> kSuites = [] {
    std::vector<std::uint16_t> all;
    for (const SuiteClass one : kClasses) {
      const auto of_class = suites_of(one, true);
      if (one != SuiteClass::kObsolete) all.insert(all.end(), of_class.begin(), of_class.end());
    }
    return all;
  }();
  return kSuites;
}

std::string suite_name(std::uint16_t suite) {
  const TlsSuite* known = inventory::find_tls_suite(suite);
  return known != nullptr ? known->name : fmt::format("0x{:04X}", suite);
}

Task<LegacyResult> probe_legacy_tls(Wire& wire, const HelloAnswer* first, Profile profile) {
  LegacyProbe probe(wire, first, profile);
  auto result = co_await probe.run();
  co_return result;
}

Task<CurveResult> enumerate_tls12_curves(Wire& wire, std::vector<std::uint16_t> known) {
  CurveResult out;
  out.curves = std::move(known);
  std::vector<std::uint16_t> suites = suites_of(SuiteClass::kEcdsa, true);
  const auto aead = suites_of(SuiteClass::kEcdheAead, true);
  const auto cbc = suites_of(SuiteClass::kEcdheCbc, true);
  suites.insert(suites.end(), aead.begin(), aead.end());
  suites.insert(suites.end(), cbc.begin(), cbc.end());
  std::vector<std::uint16_t> remaining = kCurves;
  for (const std::uint16_t curve : out.curves) std::erase(remaining, curve);
  while (!remaining.empty() && !wire.out_of_time()) {
    HelloSpec spec = legacy_hello(wire, kTls12, suites);
    spec.groups = remaining;
    const auto answer = co_await ask(wire, std::move(spec));
    if (answer.kind == Kind::kAlert && !out.curves.empty()) {
      out.refused = remaining;
      break;
    }
    const auto group = answer.key_exchange ? answer.key_exchange->group : std::nullopt;
    if (!group || std::erase(remaining, *group) == 0) break;
    out.curves.push_back(*group);
  }
  co_return out;
}

}  // namespace carnet::probe
