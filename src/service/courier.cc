#include "service/courier.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "net/http_url.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::chrono::seconds kResolveTime{3};

net::Sent ended(std::string outcome) { return {.outcome = std::move(outcome)}; }

bool is_loopback(const net::IpAddress& address) {
  static const auto kV4 = *net::Cidr::parse("127.0.0.0/8");
  static const auto kV6 = *net::Cidr::parse("::1/128");
  return kV4.contains(address) || kV6.contains(address);
}

}  // namespace

Task<net::Sent> Courier::call(store::WebhookRow webhook, store::DeliveryRow delivery) const {
  const auto url = net::parse_http_url(webhook.url);
  if (!url) co_return ended("failed");
  const SteadyTime deadline = parts_.clock.steady_now() + kResolveTime;
  const auto resolved = co_await parts_.dialer.resolve_checked(url->host, deadline);
  if (!resolved)
    co_return ended(resolved.error().code == ErrorCode::kTargetNotAuthorized ? "blocked" : "dns");
  const auto open = [this](const net::IpAddress& address) {
    return parts_.policy.explicitly_allowed(address);
  };
  if (!url->tls && !std::all_of(resolved->addresses.begin(), resolved->addresses.end(), open))
    co_return ended("blocked");

  const Timestamp now = parts_.clock.now();
  const std::string timestamp =
      fmt::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  const auto signature = parts_.secrets.sign(webhook, timestamp, delivery.body, now);
  if (!signature) co_return ended("failed");
  net::Sending sending;
  sending.url = url->text();
  sending.host = url->host;
  sending.port = url->port;
  sending.addresses = resolved->addresses;
  sending.headers = {"Content-Type: application/json",
                     "X-Carnet-Timestamp: " + timestamp,
                     "X-Carnet-Delivery-Id: " + delivery.id.str(),
                     "X-Carnet-Event: " + delivery.event,
                     "X-Carnet-Attempt: " + fmt::to_string(delivery.attempts),
                     "X-Carnet-Signature: " + *signature};
  sending.body = std::move(delivery.body);
  co_return co_await net::send_and_wait(parts_.sender, std::move(sending));
}

Task<net::Sent> Courier::mail(store::DeliveryRow delivery) const {
  if (parts_.mail_server == nullptr) co_return ended("no_server");
  const MailServer& server = *parts_.mail_server;
  const SteadyTime deadline = parts_.clock.steady_now() + kResolveTime;
  const auto resolved = co_await parts_.resolver.resolve(server.host, deadline);
  if (!resolved) co_return ended("dns");
  const auto near = [this](const net::IpAddress& address) {
    return is_loopback(address) || parts_.policy.explicitly_allowed(address);
  };
  const auto body = json::parse(delivery.body);
  if (!body || !body->is_object()) co_return ended("failed");
  const bj::object& message = body->get_object();
  const auto member = [&message](std::string_view name) {
    const bj::value* const text = message.if_contains(bj::string_view(name.data(), name.size()));
    return text != nullptr && text->is_string() ? std::string(text->as_string()) : std::string();
  };
  const bool v6 = server.host.find(':') != std::string::npos;
  net::Sending sending;
  // The path is the name that EHLO says.
  sending.url = fmt::format("{}://{}{}{}:{}/{}", server.implicit_tls ? "smtps" : "smtp",
                            v6 ? "[" : "", server.host, v6 ? "]" : "", server.port,
                            server.from.substr(server.from.rfind('@') + 1));
  sending.host = server.host;
  sending.port = server.port;
  sending.addresses = resolved->addresses;
  sending.guarded = false;
  sending.mail_from = server.from;
  sending.mail_to = delivery.recipient;
  sending.starttls = !std::all_of(resolved->addresses.begin(), resolved->addresses.end(), near);
  sending.user = server.user;
  sending.password = server.password;
  sending.body = mail_text({.delivery = delivery.id,
                            .created_at = delivery.created_at,
                            .from = server.from,
                            .to = delivery.recipient,
                            .subject = member("subject"),
                            .text = member("text")});
  co_return co_await net::send_and_wait(parts_.sender, std::move(sending));
}

}  // namespace carnet::service
