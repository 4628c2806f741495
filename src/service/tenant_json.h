#pragma once
// How a tenant's settings and authorised targets lie in its row. Private to service/. Pure
// functions.

#include <string>
#include <string_view>

#include "net/target.h"
#include "service/tenancy.h"

namespace carnet::service {

// Reading is lenient: a member that is missing or odd counts as not set (the text is our own).
[[nodiscard]] Settings read_settings(std::string_view text);
[[nodiscard]] std::string write_settings(const Settings& settings);
[[nodiscard]] AuthorizedTargets read_authorized_targets(std::string_view text);
[[nodiscard]] std::string write_authorized_targets(const AuthorizedTargets& targets);

// "example.org" covers itself and every name below it; a single label ("db1") covers only itself,
// so that nobody attests to a whole top-level domain. Both in lower case.
[[nodiscard]] bool domain_covers(std::string_view domain, std::string_view host);

}  // namespace carnet::service
