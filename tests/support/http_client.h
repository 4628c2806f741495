#pragma once
// A client over a plain blocking socket that sends exactly the bytes it is told and reads answers
// strictly: what a framing test needs and a library would hide. Every wait ends after a minute.
// Used by one thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carnet::test {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string head;                                               // as it came
  [[nodiscard]] std::string header(std::string_view name) const;  // "" if absent; any case
  [[nodiscard]] std::size_t count(std::string_view name) const;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

class HttpClient {
 public:
  HttpClient(const std::string& address, std::uint16_t port);  // an address literal
  struct Manner {
    std::string source;      // the address to come from; "": the system's choice
    int receive_buffer = 0;  // bytes that the kernel takes before they are read; 0: its choice
  };
  HttpClient(const std::string& address, std::uint16_t port, const Manner& manner);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] bool connected() const { return fd_ >= 0; }
  bool send(std::string_view bytes);  // false if the peer has closed
  // The next answer; nullopt if the connection ended first or the answer breaks HTTP. Interim
  // answers (1xx) come as answers of their own. `to_head`: the request was HEAD, so no body
  // follows.
  [[nodiscard]] std::optional<HttpAnswer> read(bool to_head = false);
  // One whole request and its answer. Sends Host, and Content-Length where there is a body.
  [[nodiscard]] std::optional<HttpAnswer> ask(std::string_view method, std::string_view target,
                                              const HttpHeaders& headers = {},
                                              std::string_view body = {});
  // Until one such text has come, whatever it is part of; "" if the connection ended first.
  [[nodiscard]] std::string read_until(std::string_view text);
  [[nodiscard]] bool closed_by_peer();  // waits for the end of the stream
  // Up to `size` bytes as they are there; "" if the connection ended.
  [[nodiscard]] std::string read_up_to(std::size_t size);
  // Whether bytes or the end of the stream come within that time.
  [[nodiscard]] bool readable_within(std::chrono::milliseconds time) const;
  void shutdown_send();
  void close();
  void reset();  // closes with RST

 private:
  bool fill();
  [[nodiscard]] bool read_body(HttpAnswer& answer, bool to_head);
  [[nodiscard]] bool read_chunks(std::string& body);
  [[nodiscard]] bool need(std::size_t bytes);
  int fd_ = -1;
  std::string buffer_;
};

[[nodiscard]] std::string request_text(std::string_view method, std::string_view target,
                                       const HttpHeaders& headers = {}, std::string_view body = {});

}  // namespace carnet::test
