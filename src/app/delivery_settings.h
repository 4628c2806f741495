#pragma once
// The settings of what goes out: the mail server and whom to trust. Pure functions but for
// mail_server_for(), which reads a file.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "service/mail_message.h"

namespace carnet::app {

struct DeliverySettings {
  std::optional<service::MailServer> mail;  // without its password
  std::string smtp_password_file;
  std::string ca_file;  // "" for the system's certificates alone
};

struct SettingProblem {
  std::string name;    // of the setting
  std::string phrase;  // "must be …"
};

// `text_of` gives each setting's text by its name.
[[nodiscard]] DeliverySettings read_delivery_settings(
    const std::function<std::string(std::string_view)>& text_of,
    std::vector<SettingProblem>& problems);

// With its password; nullptr without a mail server. kUnavailable with a sentence for the terminal
// if the password's file is missing or empty.
[[nodiscard]] Result<std::unique_ptr<const service::MailServer>> mail_server_for(
    const DeliverySettings& settings);

}  // namespace carnet::app
