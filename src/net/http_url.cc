#include "net/http_url.h"

#include <algorithm>

#include <fmt/format.h>

#include "net/target.h"

namespace carnet::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

tl::unexpected<Error> bad(std::string phrase) {
  return make_error(ErrorCode::kValidationFailed, std::move(phrase));
}

}  // namespace

std::string HttpUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string name = v6 ? fmt::format("[{}]", host) : host;
  const std::uint16_t usual = tls ? kHttpsPort : kHttpPort;
  return port == usual ? fmt::format("{}://{}{}", tls ? "https" : "http", name, path)
                       : fmt::format("{}://{}:{}{}", tls ? "https" : "http", name, port, path);
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  HttpUrl out;
  if (text.size() > kHttpUrlBytesMax)
    return bad(fmt::format("must have at most {} bytes", kHttpUrlBytesMax));
  if (text.starts_with("http://")) {
    out.tls = false;
  } else if (!text.starts_with("https://")) {
    return bad("must begin with https://");
  }
  const std::string_view rest = text.substr(out.tls ? 8 : 7);
  const auto plain = [](char letter) { return letter > ' ' && letter < '\x7f'; };
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  const std::string_view path = rest.substr(end);
  if (authority.find('@') != std::string_view::npos)
    return bad("must not hold a user or password; the signature says who calls");
  if (path.find('#') != std::string_view::npos) return bad("must not have a fragment (#…)");
  if (!std::all_of(path.begin(), path.end(), plain))
    return bad("must have other characters than printable ASCII in its path encoded as %XX");
  const bool has_port = authority.find(':', authority.rfind(']') == std::string_view::npos
                                                ? 0
                                                : authority.rfind(']')) != std::string_view::npos;
  // The host's own rules are those of a target.
  CARNET_TRY(target, parse_target(fmt::format("https://{}/", authority)));
  if (target.cidr || target.host.empty()) return bad("must name one host");
  out.host = target.host;
  out.port = has_port && target.port ? *target.port : out.tls ? kHttpsPort : kHttpPort;
  out.path = path.starts_with('/') ? std::string(path) : fmt::format("/{}", path);
  return out;
}

}  // namespace carnet::net
