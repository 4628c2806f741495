#include "app/version.h"

#include <ares.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "crypto/provider.h"

namespace carnet::app {

std::string_view version() { return CARNET_VERSION; }

std::string version_text() {
  return fmt::format(
      "carnet {}\n"
      "  built with  {}\n"
      "  openssl     {}\n"
      "  ml-kem/dsa  {}\n"
      "  sqlite      {}\n"
      "  c-ares      {}\n"
      "  curl        {}\n",
      version(), __VERSION__, OpenSSL_version(OPENSSL_VERSION), crypto::provider_name(),
      sqlite3_libversion(), ares_version(nullptr), curl_version_info(CURLVERSION_NOW)->version);
}

}  // namespace carnet::app
