#pragma once
// What `carnet serve` is made from, as the settings say: read at the start, and again at SIGHUP
// where that is said. Errors are fit for the terminal. Used by serve.cc only; any thread, one at a
// time.

#include <memory>
#include <optional>

#include "api/tls.h"
#include "app/settings.h"
#include "app/signing_key_files.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "service/signing_keys.h"
#include "store/database.h"

namespace carnet::app {

[[nodiscard]] Result<Secret> pepper_for(const Settings& settings, Random& random);
// Also at SIGHUP. nullopt: there is none.
[[nodiscard]] Result<std::optional<Secret>> admin_key_for(const Settings& settings);

using TlsIdentityPtr = std::shared_ptr<const api::TlsIdentity>;
// Also at SIGHUP. Null without TLS.
[[nodiscard]] Result<TlsIdentityPtr> tls_identity_for(const Settings& settings, const Clock& clock);

[[nodiscard]] SigningKeyPlaces key_places(const Settings& settings);
// Null without persistence: then there are no passports. A data directory of a release that had no
// signing keys gets them here.
[[nodiscard]] Result<service::SigningKeysNow> signing_keys_for(const Settings& settings,
                                                               const Clock& clock, Random& random);

[[nodiscard]] Result<std::unique_ptr<store::Database>> open_database(const Settings& settings);

}  // namespace carnet::app
