#include "probe/tls_groups.h"

#include "inventory/registry.h"

namespace carnet::probe {
namespace {

using inventory::AlgorithmClass;
using inventory::Finding;
using inventory::Profile;
using inventory::Support;
using Kind = HelloAnswer::Kind;

constexpr std::size_t kLargeHelloBytes = 1700;  // over one Ethernet frame, as a hybrid share is
constexpr std::uint8_t kHandshakeFailure = 40, kIllegalParameter = 47, kProtocolVersion = 70,
                       kInsufficientSecurity = 71;

const std::vector<std::uint16_t> kTls13Suites{0x1302, 0x1303, 0x1301, 0x1304, 0x1305};

// The classical groups of TLS 1.3 (RFC 8446, 8734, 8998) and secp256k1, which one stack in ten
// lists.
constexpr std::array<std::uint16_t, 17> kClassical{0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x001F,
                                                   0x0020, 0x0021, 0x001A, 0x001B, 0x001C, 0x0016,
                                                   0x0029, 0x0100, 0x0101, 0x0102, 0x0103};
constexpr std::uint16_t kFfdhe8192 = 0x0104;

HelloSpec group_hello(const Wire& wire, std::vector<std::uint16_t> groups) {
  HelloSpec spec;
  spec.versions = {kTls13};
  spec.suites = kTls13Suites;
  spec.groups = std::move(groups);
  spec.signature_schemes = all_signature_schemes();
  spec.empty_key_share = true;
  spec.server_name = wire.server_name();
  return spec;
}

bool contains(const std::vector<std::uint16_t>& list, std::uint16_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// An alert that means "none of these groups", not "this hello troubles me".
bool refuses_groups(const HelloAnswer& answer) {
  if (answer.kind != Kind::kAlert || !answer.alert) return false;
  const std::uint8_t code = answer.alert->description;
  return code == kHandshakeFailure || code == kIllegalParameter || code == kInsufficientSecurity;
}

bool no_answer(const HelloAnswer& answer) {
  return answer.kind == Kind::kClosed || answer.kind == Kind::kReset ||
         answer.kind == Kind::kSilent || answer.kind == Kind::kNoConnection;
}

// A lost packet must not become a verdict: what brought no answer is asked once more.
Task<HelloAnswer> ask_twice(Wire& wire, HelloSpec spec) {
  auto answer = co_await ask(wire, spec);
  if (no_answer(answer) && !wire.out_of_time()) answer = co_await ask(wire, std::move(spec));
  co_return answer;
}

class GroupProbe {
 public:
  GroupProbe(Wire& wire, Profile profile) : wire_(wire), profile_(profile) {
    remaining_ = tls13_group_candidates();
  }

  // The same groups in the opposite order, in a hello of the size a hybrid key share makes.
  Task<void> compare_orders() {
    auto reversed = tls13_group_candidates();
    std::reverse(reversed.begin(), reversed.end());
    const HelloSpec small = group_hello(wire_, std::move(reversed));
    HelloSpec large = small;
    large.pad_to_bytes = kLargeHelloBytes;
    auto answer = co_await ask_twice(wire_, std::move(large));
    if (no_answer(answer) && answer.kind != Kind::kNoConnection && !wire_.out_of_time()) {
      const std::string detail = answer.detail;
      answer = co_await ask_twice(wire_, small);
      if (answer.kind == Kind::kRetryRequest) note_large_hello(detail);
    }
    if (answer.kind == Kind::kRetryRequest) reversed_choice_ = answer.hello->key_share_group;
  }

  Task<void> walk(HelloAnswer answer) {
    if (answer.kind == Kind::kAlert && answer.alert->description == kProtocolVersion) {
      result_.tls13 = Support::kUnsupported;
      refused_ = true;
      co_return;
    }
    // Each round takes one group away, so the loop ends whatever the server says.
    while (take(answer) && !remaining_.empty()) {
      answer = co_await ask_twice(wire_, group_hello(wire_, remaining_));
    }
    refused_ = !found_.empty() && (remaining_.empty() || refuses_groups(answer));
    if (!found_.empty() && !refused_) {
      note("group_enumeration_incomplete", "low",
           "The list of groups could not be read to its end: " + describe(answer) + ".");
    }
    if (profile_ == Profile::kDeep && !found_.empty()) co_await ask_each();
  }

  GroupResult finish() {
    if (found_.size() >= 2 && reversed_choice_) {
      result_.server_order = *reversed_choice_ == found_.front();
    }
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const Support state = i == 0 ? Support::kPreferred : Support::kSupported;
      result_.groups.push_back(describe_group(found_[i], state));
    }
    for (const std::uint16_t group : remaining_) {
      const bool missing = refused_ || contains(alone_refused_, group);
      result_.groups.push_back(
          describe_group(group, missing ? Support::kUnsupported : Support::kNotProven));
    }
    return std::move(result_);
  }

 private:
  // True if the answer named one of the groups that were offered.
  bool take(const HelloAnswer& answer) {
    if (answer.kind != Kind::kRetryRequest) {
      if (answer.kind == Kind::kServerHello && answer.hello->version >= kTls13) {
        note("key_share_not_offered", "info",
             "The server went on with a key share that was not offered, so its groups are not "
             "proven.");
      }
      return false;
    }
    if (!contains(kTls13Suites, answer.hello->suite)) {
      note("suite_not_offered", "low", "The server chose a cipher suite that was not offered.");
      return false;
    }
    const auto group = answer.hello->key_share_group;
    if (!group || !contains(remaining_, *group)) {
      note("group_not_offered", "low",
           "The server named a group that was not offered, so its other groups are not proven.");
      return false;
    }
    result_.tls13 = Support::kSupported;
    if (!contains(result_.suites, answer.hello->suite))
      result_.suites.push_back(answer.hello->suite);
    found_.push_back(*group);
    std::erase(remaining_, *group);
    return true;
  }

  // Deep: every group that was not named is asked for alone, and the TLS 1.3 suites one by one.
  Task<void> ask_each() {
    std::vector<std::uint16_t> proven_missing;
    const auto left = remaining_;
    for (const std::uint16_t group : left) {
      if (wire_.out_of_time()) break;
      const auto answer = co_await ask_twice(wire_, group_hello(wire_, {group}));
      if (answer.kind == Kind::kRetryRequest && answer.hello->key_share_group == group) {
        found_.push_back(group);
        std::erase(remaining_, group);
      } else if (refuses_groups(answer)) {
        proven_missing.push_back(group);
      }
    }
    if (!refused_) alone_refused_ = std::move(proven_missing);
    for (const std::uint16_t suite : kTls13Suites) {
      if (contains(result_.suites, suite) || wire_.out_of_time()) continue;
      HelloSpec spec = group_hello(wire_, found_);
      spec.suites = {suite};
      const auto answer = co_await ask_twice(wire_, std::move(spec));
      if (answer.kind == Kind::kRetryRequest && answer.hello->suite == suite) {
        result_.suites.push_back(suite);
      }
    }
  }

  void note_large_hello(const std::string& detail) {
    note("large_client_hello_intolerant", "high",
         "A ClientHello over 1,500 bytes gets no answer (" + detail +
             ") while a small one does; browsers with hybrid key shares will fail here.");
  }
  void note(std::string code, std::string severity, std::string detail) {
    result_.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }
  static std::string describe(const HelloAnswer& answer) {
    if (answer.alert) return "the server sent the alert " + alert_name(answer.alert->description);
    if (!answer.detail.empty()) return answer.detail;
    return "the server gave an answer that does not fit";
  }

  Wire& wire_;
  Profile profile_;
  std::vector<std::uint16_t> remaining_, found_, alone_refused_;
  std::optional<std::uint16_t> reversed_choice_;
  bool refused_ = false;
  GroupResult result_;
};

}  // namespace

std::vector<std::uint16_t> tls13_group_candidates() {
  const auto of_class = [](AlgorithmClass family, std::vector<std::uint16_t>& out) {
    for (const inventory::Algorithm& algorithm : inventory::builtin_registry().algorithms()) {
      if (algorithm.family != family) continue;
      out.insert(out.end(), algorithm.tls_groups.begin(), algorithm.tls_groups.end());
    }
  };
  std::vector<std::uint16_t> out;
  of_class(AlgorithmClass::kHybrid, out);
  of_class(AlgorithmClass::kPostQuantum, out);
  out.insert(out.end(), kClassical.begin(), kClassical.end());
  out.push_back(kFfdhe8192);
  of_class(AlgorithmClass::kExperimental, out);
  return out;
}

inventory::TlsGroupSupport describe_group(std::uint16_t codepoint, Support state) {
  inventory::TlsGroupSupport out;
  out.codepoint = codepoint;
  out.state = state;
  const inventory::Algorithm* known = inventory::find_by_tls_group(codepoint);
  out.name = known != nullptr ? known->name : fmt::format("0x{:04X}", codepoint);
  out.kind = std::string(
      inventory::to_string(known != nullptr ? known->family : AlgorithmClass::kExperimental));
  return out;
}

HelloSpec first_group_hello(const Wire& wire) {
  return group_hello(wire, tls13_group_candidates());
}

Task<GroupResult> enumerate_groups(Wire& wire, HelloAnswer first, Profile profile) {
  GroupProbe probe(wire, profile);
  std::vector<Task<void>> tasks;
  if (first.kind == Kind::kRetryRequest) tasks.push_back(probe.compare_orders());
  tasks.push_back(probe.walk(std::move(first)));
  co_await run_all(std::move(tasks));
  co_return probe.finish();
}

}  // namespace carnet::probe
