#include "app/api_client.h"

#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/private_files.h"
#include "base/json.h"
#include "base/terminal.h"

namespace carnet::app {
namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;
constexpr long kTimeoutSeconds = 30;
constexpr long kStandstillTimeoutSeconds = 120;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeaderDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t collect(char* data, std::size_t size, std::size_t count, void* into) {
  auto& out = *static_cast<std::string*>(into);
  if (out.size() + size * count > kAnswerBytesMax) return 0;
  out.append(data, size * count);
  return size * count;
}

struct Answer {
  long status = 0;
  std::string body;
};

// Where a long answer goes: what is refused is a short one, and is kept.
struct Saving {
  CURL* curl = nullptr;
  int fd = -1;
  std::string refusal;
};

std::size_t save(char* data, std::size_t size, std::size_t count, void* into) {
  auto& saving = *static_cast<Saving*>(into);
  long status = 0;
  curl_easy_getinfo(saving.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return collect(data, size, count, &saving.refusal);
  return write_all(saving.fd, "the output", {data, size * count}) ? size * count : 0;
}

Result<Answer> send(const ApiRequest& request, const Secret& key, Saving* saving = nullptr) {
  const std::unique_ptr<CURL, CurlDeleter> handle(curl_easy_init());
  Answer answer;
  char reason[CURL_ERROR_SIZE] = "";
  const std::string url = request.url + request.path;
  std::unique_ptr<curl_slist, HeaderDeleter> headers(
      curl_slist_append(nullptr, ("Authorization: Bearer " + std::string(key.expose())).c_str()));
  headers.reset(
      curl_slist_append(headers.release(), ("Content-Type: " + request.content_type).c_str()));
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (saving == nullptr) {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTimeoutSeconds);
  } else {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStandstillTimeoutSeconds);
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  }
  if (saving == nullptr) {
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  } else {
    saving->curl = curl;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &save);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, saving);
  }
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("cannot reach {}: {}. Is the service running there? Name another with --url.",
                    request.url, reason[0] != '\0' ? reason : curl_easy_strerror(code)));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace

std::string plain_text(const boost::json::value& value) {
  if (const auto* text = value.if_string()) return terminal_text({text->data(), text->size()});
  if (value.is_null()) return "-";
  return terminal_text(json::write(value));
}

int ask_service(std::string_view command, const ApiRequest& request, const Secret& key,
                boost::json::object& answer) {
  auto got = send(request, key);
  if (!got) {
    fmt::print(stderr, "carnet {}: {}\n", command, got.error().public_detail);
    return kExitUnreached;
  }
  auto body = json::parse(got->body.empty() ? "{}" : got->body);
  if (!body || !body->is_object()) {
    fmt::print(stderr, "carnet {}: {} did not answer like Carnet (HTTP {}); is --url right?\n",
               command, request.url, got->status);
    return kExitUnreached;
  }
  answer = std::move(body->as_object());
  if (got->status < 400) return 0;
  const auto* detail = answer.if_contains("detail");
  fmt::print(
      stderr, "carnet {}: {}\n", command,
      detail != nullptr ? plain_text(*detail) : fmt::format("refused with HTTP {}", got->status));
  return kExitRefused;
}

int save_answer(std::string_view command, const ApiRequest& request, const Secret& key, int fd) {
  Saving saving{.curl = nullptr, .fd = fd, .refusal = {}};
  const auto got = send(request, key, &saving);
  if (!got) {
    fmt::print(stderr, "carnet {}: {}\n", command, got.error().public_detail);
    return kExitUnreached;
  }
  if (got->status == 200) return 0;
  const auto body = json::parse(saving.refusal);
  const auto* detail =
      body && body->is_object() ? body->get_object().if_contains("detail") : nullptr;
  fmt::print(
      stderr, "carnet {}: {}\n", command,
      detail != nullptr ? plain_text(*detail) : fmt::format("refused with HTTP {}", got->status));
  return kExitRefused;
}

}  // namespace carnet::app
