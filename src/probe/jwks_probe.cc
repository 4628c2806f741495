#include "probe/jwks_probe.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "inventory/jwks.h"
#include "inventory/x509_text.h"
#include "net/target.h"
#include "probe/https_get.h"
#include "probe/tls_chain.h"

namespace carnet::probe {
namespace {

namespace bj = boost::json;
using inventory::JwksObservation;

constexpr std::size_t kDocumentBytesMax = 1024 * 1024;
constexpr std::string_view kDiscovery = "/.well-known/openid-configuration";
constexpr std::string_view kUsualPlace = "/.well-known/jwks.json";
constexpr std::size_t kPathMax = 2048;  // limit: internal

std::string url_of(const Wire& wire, const std::string& path) {
  const bool v6 = wire.host().find(':') != std::string::npos;
  const std::string host = v6 ? "[" + wire.host() + "]" : wire.host();
  return wire.port() == 443 ? fmt::format("https://{}{}", host, path)
                            : fmt::format("https://{}:{}{}", host, wire.port(), path);
}

// A path that may stand in a request line: no white space, no control, no other bytes.
bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > kPathMax) return false;
  return std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// The path (with the query) of an https URL; "" if there is none.
std::string path_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t slash = url.find('/', scheme + 3);
  if (slash == std::string_view::npos) return "/";
  return std::string(url.substr(slash, url.find('#') - slash));
}

class JwksProbe {
 public:
  JwksProbe(Wire& wire, const TlsTools& tools) : wire_(wire), tools_(tools) {}

  Task<JwksProbeResult> run(std::string path) {
    if (path.empty() || path == "/") {
      path = co_await discover();
      if (path.empty()) co_return std::move(result_);
    }
    co_await fetch_set(std::move(path));
    co_return std::move(result_);
  }

 private:
  Task<std::optional<bj::value>> fetch(std::string path) {
    auto answer = co_await https_get(wire_, path, kDocumentBytesMax);
    if (!answer) {
      result_.reason = answer.error().public_detail;
      co_return std::nullopt;
    }
    look_at_chain(answer->chain);
    if (answer->status >= 300 && answer->status < 400) {
      result_.reason = fmt::format("{} leads elsewhere (HTTP {}), and redirects are not followed",
                                   path, answer->status);
      co_return std::nullopt;
    }
    if (answer->status != 200) {
      result_.reason = fmt::format("{} answers HTTP {}", path, answer->status);
      co_return std::nullopt;
    }
    auto value = json::parse(answer->body);
    if (!value) {
      result_.reason = fmt::format("{} is not JSON", path);
      co_return std::nullopt;
    }
    co_return std::move(*value);
  }

  // The path of the set; "" with the reason.
  Task<std::string> discover() {
    const auto document = co_await fetch(std::string(kDiscovery));
    if (!document) {
      const std::string why = result_.reason;
      const auto usual = co_await fetch(std::string(kUsualPlace));
      if (usual && inventory::is_jwks(*usual)) co_return std::string(kUsualPlace);
      result_.reason = why;
      co_return std::string();
    }
    const bj::object* object = document->if_object();
    const bj::value* uri = object != nullptr ? object->if_contains("jwks_uri") : nullptr;
    if (uri == nullptr || !uri->is_string()) {
      result_.reason = fmt::format("{} names no jwks_uri", kDiscovery);
      co_return std::string();
    }
    const std::string url = inventory::clean_text(std::string_view(uri->get_string()));
    const auto target = net::parse_target(url);
    const std::string path = path_of(url);
    if (!target || !is_plain_path(path)) {
      result_.reason = "its jwks_uri is no https:// URL";
      co_return std::string();
    }
    if (target->host != wire_.host() || target->port.value_or(443) != wire_.port()) {
      result_.reason = fmt::format(
          "its keys are at {}, another host, which was not named; scan that URL for kind jwks",
          url);
      co_return std::string();
    }
    co_return path;
  }

  Task<void> fetch_set(std::string path) {
    if (!is_plain_path(path)) {
      result_.reason = "the path of the URL cannot be asked for";
      co_return;
    }
    const auto document = co_await fetch(path);
    if (!document) co_return;
    if (!inventory::is_jwks(*document)) {
      result_.reason = fmt::format("{} is no JSON Web Key Set", path);
      co_return;
    }
    std::vector<inventory::Finding> faults;
    const auto fault = [&faults](std::size_t, std::string detail) {
      faults.push_back({"unreadable_key", "medium", std::move(detail)});
    };
    JwksObservation set = inventory::read_jwks(*document, fault);
    set.url = url_of(wire_, path);
    for (auto& one : faults) set.findings.push_back(std::move(one));
    for (auto& one : trust_) set.findings.push_back(std::move(one));
    if (set.keys.empty()) {
      set.findings.push_back({"empty_key_set", "low", "The key set has no keys."});
    }
    result_.observation = std::move(set);
  }

  // What the certificate's trust is worth decides whether the keys are the provider's: findings, no
  // stops.
  void look_at_chain(const std::vector<Bytes>& chain) {
    if (looked_ || chain.empty()) return;
    looked_ = true;
    inventory::TlsObservation seen;
    const ChainContext context{wire_.host(), wire_.services().clock.now(), tools_.trust};
    judge_chain(chain, 0, context, seen);
    trust_ = std::move(seen.findings);
  }

  Wire& wire_;
  const TlsTools& tools_;
  JwksProbeResult result_;
  std::vector<inventory::Finding> trust_;
  bool looked_ = false;
};

}  // namespace

Task<JwksProbeResult> probe_jwks(Wire& wire, const TlsTools& tools, std::string path) {
  JwksProbe probe(wire, tools);
  co_return co_await probe.run(std::move(path));
}

}  // namespace carnet::probe
