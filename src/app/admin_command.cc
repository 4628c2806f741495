#include "app/admin_command.h"

#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/data_dir.h"
#include "base/json.h"

namespace carnet::app {
namespace {

constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;
constexpr int kExitUnreached = 3;
constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;
constexpr long kTimeoutSeconds = 30;

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

Result<Answer> send(const AdminConnection& connection, const AdminRequest& request,
                    const Secret& key) {
  const std::unique_ptr<CURL, CurlDeleter> handle(curl_easy_init());
  Answer answer;
  char reason[CURL_ERROR_SIZE] = "";
  const std::string url = connection.url + request.path;
  std::unique_ptr<curl_slist, HeaderDeleter> headers(
      curl_slist_append(nullptr, ("Authorization: Bearer " + std::string(key.expose())).c_str()));
  headers.reset(curl_slist_append(headers.release(), "Content-Type: application/json"));
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTimeoutSeconds);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("cannot reach {}: {}. Is the service running there? Name another with --url.",
                    connection.url, reason[0] != '\0' ? reason : curl_easy_strerror(code)));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

std::string text_of(const boost::json::value& value) {
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  if (value.is_null()) return "-";
  return json::write(value);
}

void print_object(const boost::json::object& object, std::string_view indent) {
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name == "status" || name == "nextCursor" || name == "hasMore" || name == "count") continue;
    if (const auto* list = member.value().if_array()) {
      if (list->empty()) fmt::print("{}none\n", indent);
      bool first = true;
      for (const auto& item : *list) {
        if (!first) fmt::print("\n");
        first = false;
        if (const auto* inner = item.if_object()) {
          print_object(*inner, indent);
        } else {
          fmt::print("{}{}\n", indent, text_of(item));
        }
      }
    } else {
      fmt::print("{}{:<15} {}\n", indent, name, text_of(member.value()));
    }
  }
}

}  // namespace

int run_admin_request(const AdminConnection& connection, const AdminRequest& request) {
  auto key = read_key_file(connection.key_file);
  if (!key || key->empty()) {
    fmt::print(stderr, "carnet admin: {}\n",
               key ? fmt::format("there is no admin key at {}; name the file with --admin-key-file "
                                 "or its directory with --data",
                                 connection.key_file)
                   : key.error().public_detail);
    return kExitUsage;
  }
  auto answer = send(connection, request, *key);
  if (!answer) {
    fmt::print(stderr, "carnet admin: {}\n", answer.error().public_detail);
    return kExitUnreached;
  }
  const auto body = json::parse(answer->body.empty() ? "{}" : answer->body);
  const auto* object = body ? body->if_object() : nullptr;
  if (object == nullptr) {
    fmt::print(stderr, "carnet admin: {} did not answer like Carnet (HTTP {}); is --url right?\n",
               connection.url, answer->status);
    return kExitUnreached;
  }
  if (answer->status >= 400) {
    const auto* detail = object->if_contains("detail");
    fmt::print(
        stderr, "carnet admin: {}\n",
        detail != nullptr ? text_of(*detail) : fmt::format("refused with HTTP {}", answer->status));
    return kExitRefused;
  }
  if (connection.json) {
    fmt::print("{}", json::write_pretty(*body));
  } else {
    print_object(*object, "");
  }
  return 0;
}

}  // namespace carnet::app
