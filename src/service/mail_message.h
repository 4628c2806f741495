#pragma once
// Messages by mail: RFC 5322 with MIME, plain text in UTF-8. Pure functions.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/secret.h"

namespace carnet::service {

// The operator's mail server; trusted configuration, so the guard on targets is not asked.
struct MailServer {
  std::string host;
  std::uint16_t port = 587;
  bool implicit_tls = false;  // smtps://; else STARTTLS (service/courier.h says when)
  std::string from;           // a bare address
  std::string user;           // "" for none
  std::shared_ptr<const Secret> password;
};
// Of "smtp://mail.example.org[:587]" or "smtps://mail.example.org[:465]": host, port and
// implicit_tls. kValidationFailed with a phrase that says what would be right.
[[nodiscard]] Result<MailServer> parse_mail_server(std::string_view url);

struct MailMessage {
  DeliveryId delivery;  // names the message: the same at every attempt
  Timestamp created_at{};
  std::string from, to;  // bare addresses
  std::string subject, text;
};
// The whole message with CRLF. Control characters of a subject become spaces.
[[nodiscard]] std::string mail_text(const MailMessage& message);

}  // namespace carnet::service
