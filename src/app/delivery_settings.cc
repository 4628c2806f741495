#include "app/delivery_settings.h"

#include <filesystem>

#include <fmt/format.h>

#include "app/data_dir.h"
#include "service/outbox.h"

namespace carnet::app {

DeliverySettings read_delivery_settings(const std::function<std::string(std::string_view)>& text_of,
                                        std::vector<SettingProblem>& problems) {
  DeliverySettings out;
  out.ca_file = text_of("outbound-ca-file");
  std::error_code ignored;
  if (!out.ca_file.empty() && !std::filesystem::is_regular_file(out.ca_file, ignored))
    problems.push_back({"outbound-ca-file", "is no file"});
  const std::string url = text_of("smtp-url");
  const std::string from = text_of("smtp-from");
  const std::string user = text_of("smtp-user");
  out.smtp_password_file = text_of("smtp-password-file");
  if (url.empty()) {
    if (!from.empty()) problems.push_back({"smtp-from", "needs --smtp-url"});
    if (!user.empty()) problems.push_back({"smtp-user", "needs --smtp-url"});
    if (!out.smtp_password_file.empty())
      problems.push_back({"smtp-password-file", "needs --smtp-url"});
    return out;
  }
  auto server = service::parse_mail_server(url);
  if (!server) {
    problems.push_back({"smtp-url", server.error().public_detail});
    return out;
  }
  if (!service::is_mail_address(from))
    problems.push_back({"smtp-from", "must be an address such as carnet@example.org"});
  if (user.empty() != out.smtp_password_file.empty())
    problems.push_back({user.empty() ? "smtp-user" : "smtp-password-file",
                        "is missing: user and password go together"});
  server->from = from;
  server->user = user;
  out.mail = std::move(*server);
  return out;
}

Result<std::unique_ptr<const service::MailServer>> mail_server_for(
    const DeliverySettings& settings) {
  if (!settings.mail) return std::unique_ptr<const service::MailServer>();
  auto server = std::make_unique<service::MailServer>(*settings.mail);
  if (!server->user.empty()) {
    CARNET_TRY(password, read_key_file(settings.smtp_password_file));
    if (password.empty())
      return make_error(ErrorCode::kUnavailable,
                        fmt::format("The file with the mail server's password, {}, is missing or "
                                    "empty.",
                                    settings.smtp_password_file));
    server->password = std::make_shared<const Secret>(std::move(password));
  }
  return std::unique_ptr<const service::MailServer>(std::move(server));
}

}  // namespace carnet::app
