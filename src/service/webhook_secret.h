#pragma once
// The secrets that calls are signed with: "whsec_" and 43 characters (32 random bytes in
// base64url), of which every byte, the prefix too, is the key of the HMAC. Kept sealed under a key
// derived from the server's pepper. Thread-safe.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "store/webhooks.h"

namespace carnet::service {

inline constexpr std::string_view kWebhookSecretPrefix = "whsec_";

class WebhookSecrets {
 public:
  WebhookSecrets(const Secret& pepper, Random& random);

  [[nodiscard]] Secret make() const;
  // Bound to the webhook, so that nobody with write access to the database can move it to another.
  [[nodiscard]] std::string seal(const Secret& secret, const WebhookId& webhook) const;
  // X-Carnet-Signature of a body at a time ("1780000000"): "sha256=<hex>", and while a former
  // secret counts ", sha256=<hex>" by that one. kInternal if a seal does not open.
  [[nodiscard]] Result<std::string> sign(const store::WebhookRow& webhook,
                                         std::string_view timestamp, std::string_view body,
                                         Timestamp now) const;

 private:
  Secret seal_key_;
  Random& random_;
};

}  // namespace carnet::service
