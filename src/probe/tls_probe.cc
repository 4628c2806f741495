#include "probe/tls_probe.h"

#include <algorithm>

#include "inventory/x509.h"
#include "probe/http_banner.h"
#include "probe/tls_look.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using End = HandshakeResult::End;

constexpr std::uint8_t kNoApplicationProtocol = 120;

CertificateKind kind_of_chain(const std::vector<Bytes>& chain) {
  const auto leaf = inventory::parse_certificate(chain.front());
  return leaf ? kind_of_key(leaf->key_algorithm) : CertificateKind::kOther;
}

class TlsProbe {
 public:
  TlsProbe(Wire& wire, const TlsTools& tools, Profile profile)
      : wire_(wire), tools_(tools), profile_(profile) {}

  Task<TlsProbeResult> run() {
    TlsProbeResult out;
    auto main = main_offer(wire_);
    look_.main = co_await greet(std::move(main));
    if (look_.main.no_answer()) co_await try_smaller_hellos();
    if (!look_.main.answered()) {
      out.reason = look_.main.failure;
      if (look_.main.no_answer()) out.reason = "connected, but no TLS answer (" + out.reason + ")";
      out.speaks_ssh = look_.main.speaks_ssh;
      co_return out;
    }
    std::vector<Task<void>> tasks;
    tasks.push_back(groups());
    if (profile_ != Profile::kQuick) tasks.push_back(legacy());
    if (wants_banner()) tasks.push_back(banner());
    co_await run_all(std::move(tasks));
    co_await follow_up();
    const ChainContext chain{wire_.host(), wire_.services().clock.now(), tools_.trust};
    out.observation = report(std::move(look_), {.server_name = wire_.server_name(),
                                                .profile = profile_,
                                                .chain = chain,
                                                .out_of_time = wire_.out_of_time()});
    co_return out;
  }

 private:
  Task<HandshakeResult> greet(ClientOffer offer) {
    AfterProof after;
    after.await_tickets = profile_ != Profile::kQuick;
    ClientOffer again = offer;
    auto result = co_await shake_hands(wire_, std::move(offer), after);
    if (result.alert == kNoApplicationProtocol && !again.hello.alpn.empty()) {
      again.hello.alpn.clear();
      result = co_await shake_hands(wire_, std::move(again), after);
    }
    co_return result;
  }

  // Silence to one hello is not silence to every hello: the same again, a small one, and one
  // without key share, all at once because each may wait in vain.
  Task<void> try_smaller_hellos() {
    const std::string why = look_.main.failure;
    HandshakeResult small;
    std::vector<Task<void>> tasks;
    tasks.push_back(greet_into(look_.main, main_offer(wire_)));
    tasks.push_back(greet_into(small, small_offer(wire_)));
    tasks.push_back(ask_into(first_));
    co_await run_all(std::move(tasks));
    if (look_.main.answered()) co_return;  // a packet was lost
    if (small.answered()) {
      look_.note("large_client_hello_intolerant", "high",
                 "A ClientHello over 1,500 bytes gets no answer (" + why +
                     ") while a small one does; browsers with hybrid key shares will fail here.");
      look_.main = std::move(small);
      if (first_->no_answer()) {
        look_.note("unusual_hello_unanswered", "medium",
                   "A TLS 1.3 ClientHello with an empty key share got no answer (" +
                       first_->detail +
                       ") while an ordinary one did, so the groups could not be listed.");
      }
    } else if (first_->hello || (first_->kind == HelloAnswer::Kind::kAlert)) {
      // It speaks TLS, though no whole handshake came about.
      look_.main.end = first_->hello ? End::kFailed : End::kAlert;
      if (first_->alert) look_.main.alert = first_->alert->description;
      look_.main.failure = first_->hello ? why : first_->describe();
    }
  }
  Task<void> greet_into(HandshakeResult& out, ClientOffer offer) {
    out = co_await greet(std::move(offer));
  }
  Task<void> ask_into(std::optional<HelloAnswer>& out) {
    auto spec = first_group_hello(wire_);
    out = co_await ask(wire_, std::move(spec));
  }

  Task<void> groups() {
    look_.groups =
        co_await enumerate_groups(wire_, std::move(first_), look_.main.server_groups, profile_);
  }
  Task<void> legacy() {
    const HelloAnswer* first = look_.main.cleartext ? &*look_.main.cleartext : nullptr;
    look_.legacy = co_await probe_legacy_tls(wire_, first, profile_);
  }

  [[nodiscard]] bool wants_banner() const {
    return profile_ == Profile::kDeep && look_.main.end == End::kProven &&
           !protocols_for(wire_).empty() && !look_.main.client_certificate_requested;
  }
  Task<void> banner() { look_.http_server = co_await ask_http_server(wire_, *look_.main.group); }

  // What only makes sense once the first answers are in.
  Task<void> follow_up() {
    add_chain(look_.main.chain);
    if (look_.main.signature_scheme) add_scheme(*look_.main.signature_scheme);
    for (const std::uint16_t scheme : look_.legacy.schemes) add_scheme(scheme);
    for (const auto& chain : look_.legacy.chains) add_chain(chain);
    settle_tls13();
    const bool tls13 = look_.groups.tls13 == Support::kSupported;
    if (tls13 && look_.main.end != End::kProven) co_await prove_with_what_is_there();
    if (tls13 && profile_ != Profile::kQuick) co_await other_certificates();
    if (!tls13 && has_tls12_curves()) {
      look_.curves = co_await enumerate_tls12_curves(wire_, look_.legacy.curves);
    }
  }

  // A handshake that offers TLS 1.3 and ends in it has shown that the server has it; one that ends
  // lower, without the mark that RFC 8446 section 4.1.3 prescribes for a server that has it, that
  // it does not.
  void settle_tls13() {
    Support& state = look_.groups.tls13;
    if (look_.main.proof.version == "TLS 1.3") state = Support::kSupported;
    const auto& lower = look_.main.cleartext;
    if (state == Support::kNotProven && lower && !lower->hello->downgrade_marker) {
      state = Support::kUnsupported;
    }
  }

  // The main hello did not come through, but the server names groups: one of those that can be
  // finished, alone.
  Task<void> prove_with_what_is_there() {
    std::vector<std::uint16_t> there;
    for (const auto& group : look_.groups.groups) {
      const bool found = group.state == Support::kPreferred || group.state == Support::kSupported;
      if (found && is_completable(group.codepoint)) there.push_back(group.codepoint);
    }
    if (there.empty() || wire_.out_of_time()) co_return;
    const std::string refusal = look_.main.failure;
    auto offer = tls13_offer(wire_, {there.front()});
    auto result = co_await greet(std::move(offer));
    if (result.end != End::kProven) {
      if (look_.main.chain.empty()) look_.main.chain = result.chain;
      co_return;
    }
    if (look_.main.end == End::kAlert || look_.main.end == End::kFailed) {
      look_.note(
          "ordinary_client_hello_refused", "medium",
          "A ClientHello as browsers with hybrid key shares send it does not come through (" +
              refusal + "), while one with a single key share does.");
    }
    look_.main = std::move(result);
    add_chain(look_.main.chain);
    if (look_.main.signature_scheme) add_scheme(*look_.main.signature_scheme);
  }

  // Every kind of certificate, each hello without the kinds already seen, until the server refuses.
  Task<void> other_certificates() {
    if (look_.main.end != End::kProven) co_return;
    std::vector<CertificateKind> seen;
    seen.reserve(look_.chains.size() + 1);
    for (const auto& chain : look_.chains) seen.push_back(kind_of_chain(chain));
    if (look_.main.signature_scheme) seen.push_back(kind_of_scheme(*look_.main.signature_scheme));
    constexpr int kKindsMax = 6;
    for (int round = 0; round < kKindsMax && !wire_.out_of_time(); ++round) {
      ClientOffer offer = tls13_offer(wire_, {cheapest_group()});
      offer.hello.signature_schemes = signature_schemes_without(seen);
      const auto result = co_await shake_hands(wire_, std::move(offer));
      if (result.chain.empty() || !result.signature_scheme) co_return;
      const CertificateKind kind = kind_of_scheme(*result.signature_scheme);
      const bool again = std::find(seen.begin(), seen.end(), kind) != seen.end();
      if (result.end != End::kProven || again) co_return;
      add_chain(result.chain);
      add_scheme(*result.signature_scheme);
      if (kind == CertificateKind::kOther) co_return;  // cannot be excluded
      seen.push_back(kind);
    }
  }

  [[nodiscard]] std::uint16_t cheapest_group() const {
    constexpr std::uint16_t kX25519 = 0x001D;
    const bool x25519 =
        std::any_of(look_.groups.groups.begin(), look_.groups.groups.end(), [](const auto& group) {
          return group.codepoint == kX25519 &&
                 (group.state == Support::kPreferred || group.state == Support::kSupported);
        });
    return x25519 ? kX25519 : *look_.main.group;
  }

  [[nodiscard]] bool has_tls12_curves() const {
    const auto& versions = look_.legacy.versions;
    return !look_.legacy.curves.empty() &&
           std::any_of(versions.begin(), versions.end(), [](const auto& version) {
             return version.version == "TLS 1.2" && version.state == Support::kSupported;
           });
  }

  void add_chain(const std::vector<Bytes>& chain) {
    if (chain.empty()) return;
    const bool known =
        std::any_of(look_.chains.begin(), look_.chains.end(),
                    [&](const auto& other) { return other.front() == chain.front(); });
    if (!known) look_.chains.push_back(chain);
  }
  void add_scheme(std::uint16_t scheme) {
    auto& all = look_.schemes;
    if (std::find(all.begin(), all.end(), scheme) == all.end()) all.push_back(scheme);
  }

  Wire& wire_;
  const TlsTools& tools_;
  Profile profile_;
  std::optional<HelloAnswer> first_;
  TlsLook look_;
};

}  // namespace

Task<TlsProbeResult> probe_tls(Wire& wire, const TlsTools& tools, Profile profile) {
  TlsProbe probe(wire, tools, profile);
  auto result = co_await probe.run();
  co_return result;
}

}  // namespace carnet::probe
