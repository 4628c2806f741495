#include "app/fetch.h"

#include <curl/curl.h>

#include <memory>

#include <fmt/format.h>

namespace carnet::app {
namespace {

constexpr long kTimeoutSeconds = 20;  // limit: internal

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

struct Collected {
  std::string bytes;
  std::size_t bytes_max = 0;
};

std::size_t collect(char* data, std::size_t size, std::size_t count, void* into) {
  auto& out = *static_cast<Collected*>(into);
  if (out.bytes.size() + size * count > out.bytes_max) return 0;
  out.bytes.append(data, size * count);
  return size * count;
}

}  // namespace

Result<Fetched> fetch(const std::string& url, std::size_t bytes_max) {
  const std::unique_ptr<CURL, CurlDeleter> handle(curl_easy_init());
  Collected collected{.bytes = {}, .bytes_max = bytes_max};
  char reason[CURL_ERROR_SIZE] = "";
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTimeoutSeconds);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &collected);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("{} gives no answer: {}", url,
                                  reason[0] != '\0' ? reason : curl_easy_strerror(code)));
  Fetched out;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out.status);
  out.body = std::move(collected.bytes);
  return out;
}

}  // namespace carnet::app
