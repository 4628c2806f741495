#pragma once
// One GET over TLS on a connection of the guarded dialer. The server's certificate is not required
// to be trusted: what is wrong with it is told beside the answer. No redirect is followed. Belongs
// to one coroutine.

#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/error.h"
#include "base/task.h"
#include "probe/wire.h"

namespace carnet::probe {

struct HttpsAnswer {
  int status = 0;
  std::string body;
  std::string location;      // of a redirect
  std::vector<Bytes> chain;  // as the server sent it, DER
};

// `path` begins with "/". The error's public_detail is a phrase for people: "connection refused",
// "TLS handshake failed: …", "answer too large".
[[nodiscard]] Task<Result<HttpsAnswer>> https_get(Wire& wire, std::string path,
                                                  std::size_t body_bytes_max);

}  // namespace carnet::probe
