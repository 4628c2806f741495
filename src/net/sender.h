#pragma once
// Sending what is to be delivered: an HTTP POST, or a message by SMTP, with libcurl on one thread
// of its own. Of an answer nothing comes back but the class of its status. No redirect is followed,
// no proxy or netrc of the environment counts, certificates are verified, every call ends. What is
// guarded goes to the addresses that the caller had checked (CURLOPT_RESOLVE), and each address is
// judged once more when its socket is opened. Created by app/; thread-safe.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/task.h"
#include "net/dialer.h"

namespace carnet::net {

struct Sending {
  std::string url;
  std::string host;  // as it stands in `url`, without brackets
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses;  // of the host, checked; never empty
  bool guarded = true;               // judged again by policy and own listeners

  // HTTP:
  std::vector<std::string> headers;  // "Name: value"
  // SMTP, where mail_to is given:
  std::string mail_from, mail_to;
  bool starttls = true;  // required; else never asked for
  std::string user;      // "" for none
  std::shared_ptr<const Secret> password;

  std::string body;  // of the POST; a whole message with CRLF
};

struct Sent {
  // "2xx" to "5xx", or why there was no answer: timeout, refused, reset, tls, dns, blocked, login,
  // failed (libcurl's other reasons), stopped.
  std::string outcome;
  int status = 0;  // of the last answer; 0 for none. For decisions, not for show.
  [[nodiscard]] bool good() const { return outcome == "2xx"; }
};

class Sender {
 public:
  virtual ~Sender() = default;
  // Called once, on the sender's thread or within send(). Must not throw or block.
  using Done = std::function<void(Sent)>;
  virtual void send(Sending sending, Done done) = 0;
  // Ends what is on its way with "stopped", and all that comes later. Idempotent; before the
  // executors of what waits end.
  virtual void stop() = 0;
  [[nodiscard]] virtual int in_flight() const = 0;
};

struct SenderOptions {
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds call_timeout{10000};  // of an HTTP call, from first to last byte
  std::chrono::milliseconds mail_timeout{60000};  // of a message by SMTP
  std::size_t answer_bytes_max = 16 * 1024;       // more of a body is not read
  std::string ca_file;                            // PEM; beside the system's folder of certificates
  std::string user_agent = "carnet";
};
// The policy and `own` (may be null) outlive it.
[[nodiscard]] std::unique_ptr<Sender> make_sender(const AddressPolicy& policy,
                                                  const OwnListeners* own, SenderOptions options);

// Suspends the coroutine until it is sent; resumes it on its own executor.
[[nodiscard]] Task<Sent> send_and_wait(Sender& sender, Sending sending);

}  // namespace carnet::net
