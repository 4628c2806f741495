#include "service/webhook_secret.h"

#include <array>

#include "base/encoding.h"
#include "crypto/hash.h"

namespace carnet::service {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::string signature(const Secret& secret, const std::string& signed_text) {
  return "sha256=" + to_hex(crypto::hmac_sha256(secret, signed_text));
}

}  // namespace

WebhookSecrets::WebhookSecrets(const Secret& pepper, Random& random)
    : seal_key_(crypto::derive_key(pepper, "carnet webhook secrets v1")), random_(random) {}

Secret WebhookSecrets::make() const {
  std::array<std::uint8_t, kSecretBytes> bytes{};
  random_.fill(bytes);
  return Secret(std::string(kWebhookSecretPrefix) + to_base64url(bytes));
}

std::string WebhookSecrets::seal(const Secret& secret, const WebhookId& webhook) const {
  return crypto::seal(seal_key_, secret.expose(), webhook.str(), random_);
}

Result<std::string> WebhookSecrets::sign(const store::WebhookRow& webhook,
                                         std::string_view timestamp, std::string_view body,
                                         Timestamp now) const {
  std::string signed_text(timestamp);
  signed_text += '.';
  signed_text += body;
  auto plain = crypto::unseal(seal_key_, webhook.secret, webhook.id.str());
  if (!plain) return make_internal("webhook secret: the seal does not open");
  std::string out = signature(Secret(std::move(*plain)), signed_text);
  if (webhook.previous_secret.empty() || !webhook.previous_until || *webhook.previous_until <= now)
    return out;
  auto previous = crypto::unseal(seal_key_, webhook.previous_secret, webhook.id.str());
  if (!previous) return make_internal("former webhook secret: the seal does not open");
  return out + ", " + signature(Secret(std::move(*previous)), signed_text);
}

}  // namespace carnet::service
