#include "probe/tls_groups.h"

#include "inventory/registry.h"
#include "probe/tls_handshake.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using inventory::AlgorithmClass;
using inventory::Finding;
using inventory::Profile;
using inventory::Support;
using Kind = HelloAnswer::Kind;

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

// One answer to a list of groups, from which the server's way of choosing is read.
struct Choice {
  std::vector<std::uint16_t> offered;
  std::uint16_t chosen = 0;
};

class GroupProbe {
 public:
  GroupProbe(Wire& wire, std::vector<std::uint16_t> stated, Profile profile)
      : wire_(wire), profile_(profile), stated_(std::move(stated)) {
    remaining_ = tls13_group_candidates();
  }

  Task<GroupResult> run(std::optional<HelloAnswer> first) {
    if (!first) {
      auto spec = first_group_hello(wire_);
      first = co_await ask_twice(wire_, std::move(spec));
    }
    if (first->kind == Kind::kAlert && first->alert->description == kProtocolVersion) {
      result_.tls13 = Support::kUnsupported;
      refused_ = true;
      co_return finish();
    }
    result_.first = *first;
    if (take(*first, remaining_)) {
      co_await second_choice();
      accept_stated();
      co_await walk();
      if (profile_ == Profile::kDeep) co_await ask_each();
      co_await settle_order();
    } else {
      refused_ = false;
    }
    co_return finish();
  }

 private:
  // The opposite order without the favourite: it shows the second choice and often whose order
  // counts. Carried through, for the list that the server may state to a client that did not get
  // its favourite.
  Task<void> second_choice() {
    auto offered = remaining_;
    std::reverse(offered.begin(), offered.end());
    const bool need_list = stated_.empty() && profile_ != Profile::kDeep;
    ClientOffer offer;
    offer.hello = group_hello(wire_, offered);
    offer.hello.suites = completable_suites();
    offer.on_retry = need_list ? ClientOffer::OnRetry::kFinishIfCheap : ClientOffer::OnRetry::kStop;
    const auto result = co_await shake_hands(wire_, std::move(offer));
    if (!result.retry_group) co_return;  // walk() asks again and says what is wrong
    HelloAnswer answer;
    answer.kind = Kind::kRetryRequest;
    answer.hello.emplace();
    answer.hello->suite = result.suite.value_or(0);
    answer.hello->key_share_group = result.retry_group;
    take(answer, offered);
    if (need_list) stated_ = result.server_groups;
  }

  void accept_stated() {
    if (profile_ == Profile::kDeep) return;
    for (const std::uint16_t group : stated_) {
      if (std::erase(remaining_, group) > 0) found_.push_back(group);
    }
  }

  // Each round takes one group away, so the loop ends whatever the server says.
  Task<void> walk() {
    HelloAnswer answer;
    while (!remaining_.empty()) {
      const auto offered = remaining_;
      answer = co_await ask_twice(wire_, group_hello(wire_, offered));
      if (!take(answer, offered)) break;
    }
    refused_ = remaining_.empty() || refuses_groups(answer);
    if (!refused_) {
      note("group_enumeration_incomplete", "low",
           "The list of groups could not be read to its end: " + answer.describe() + ".");
    }
  }

  // Whose order counts. A server that passes over a group it has, for one further down the client's
  // list, has an order of its own; if none of its answers did, the opposite order is asked.
  Task<void> settle_order() {
    if (found_.size() < 2) co_return;
    for (const Choice& choice : choices_) {
      const auto first_known =
          std::find_if(choice.offered.begin(), choice.offered.end(),
                       [this](std::uint16_t group) { return contains(found_, group); });
      if (*first_known == choice.chosen) continue;
      result_.server_order = true;
      co_return;
    }
    auto reversed = tls13_group_candidates();
    std::reverse(reversed.begin(), reversed.end());
    const auto answer = co_await ask_twice(wire_, group_hello(wire_, reversed));
    if (answer.kind != Kind::kRetryRequest || !answer.hello->key_share_group) co_return;
    result_.server_order = *answer.hello->key_share_group == found_.front();
  }

  GroupResult finish() {
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

  // True if the answer named one of the groups that were offered.
  bool take(const HelloAnswer& answer, const std::vector<std::uint16_t>& offered) {
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
    choices_.push_back({offered, *group});  // `offered` may be remaining_ itself
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

  void note(std::string code, std::string severity, std::string detail) {
    result_.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }
  Wire& wire_;
  Profile profile_;
  std::vector<std::uint16_t> stated_, remaining_, found_, alone_refused_;
  std::vector<Choice> choices_;
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

Task<GroupResult> enumerate_groups(Wire& wire, std::optional<HelloAnswer> first,
                                   std::vector<std::uint16_t> stated, Profile profile) {
  GroupProbe probe(wire, std::move(stated), profile);
  auto result = co_await probe.run(std::move(first));
  co_return result;
}

}  // namespace carnet::probe
