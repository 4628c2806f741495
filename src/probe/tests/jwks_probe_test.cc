// The key sets of a real HTTPS server (Python's), found by URL and by discovery; and the HTTP
// reader alone on hostile answers.
#include "probe/jwks_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/http_reply.h"
#include "probe/tests/harness.h"
#include "probe/tests/servers.h"

namespace carnet::probe {
namespace {

using testing::HasSubstr;
using testing::Not;
using State = HttpReplyReader::State;

constexpr const char* kKeys =
    R"({"keys":[{"kty":"EC","crv":"P-256","kid":"one","use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},{"kty":"oct","kid":"shared","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}]})";

// Answers of the form {path: [status, headers, body]} over TLS with the ecdsa certificate.
test::Server https_server(const test::TempDir& dir, const std::string& answers) {
  test::make_ecdsa(dir);
  dir.write("server.py", R"(
import http.server, json, ssl, sys
answers = json.load(open(sys.argv[2]))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        status, headers, body = answers.get(self.path, [404, {}, 'no'])
        body = body.replace('PORT', sys.argv[1]).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if 'Transfer-Encoding' in headers:
            self.end_headers()
            for i in range(0, len(body), 7):
                part = body[i:i + 7]
                self.wfile.write(b'%x\r\n%s\r\n' % (len(part), part))
            self.wfile.write(b'0\r\n\r\n')
        else:
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    def log_message(self, *args): pass
class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *args): pass
server = Quiet(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
)");
  dir.write("answers.json", answers);
  const std::uint16_t port = test::free_port();
  return test::Server(dir,
                      {"python3", dir.file("server.py"), std::to_string(port),
                       dir.file("answers.json"), dir.file("ecdsa.crt"), dir.file("ecdsa.key")},
                      port);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

inventory::Endpoint probe(std::uint16_t port, std::string path = {}) {
  test::Harness harness;
  auto all =
      harness.run({{"127.0.0.1", port, "jwks", std::move(path)}}, inventory::Profile::kStandard);
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? inventory::Endpoint{} : std::move(all.front());
}

TEST(JwksProbe, ReadsAKeySetByItsUrl) {
  const test::TempDir dir;
  const auto server =
      https_server(dir, std::string(R"({"/keys?v=2":[200,{"Transfer-Encoding":"chunked"},)") +
                            quoted(kKeys) + "]}");
  const auto endpoint = probe(server.port(), "/keys?v=2");
  ASSERT_TRUE(endpoint.jwks) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.protocol, "jwks");
  EXPECT_TRUE(endpoint.reached);
  EXPECT_EQ(endpoint.jwks->url, "https://127.0.0.1:" + std::to_string(server.port()) + "/keys?v=2");
  ASSERT_EQ(endpoint.jwks->keys.size(), 2U);
  EXPECT_EQ(endpoint.jwks->keys[0].kid, "one");
  EXPECT_EQ(endpoint.jwks->keys[0].algorithm, "ECDSA P-256");
  EXPECT_TRUE(test::has_finding(endpoint.jwks->findings, "symmetric_key_published"));
  // The server's own certificate is nobody's: a finding, not a stop.
  EXPECT_TRUE(test::has_finding(endpoint.jwks->findings, "certificate_self_signed") ||
              test::has_finding(endpoint.jwks->findings, "certificate_untrusted"));
  for (const auto& finding : endpoint.jwks->findings) {
    EXPECT_THAT(finding.detail, Not(HasSubstr("c2VjcmV0")));
  }
}

TEST(JwksProbe, FindsTheSetOfAnOpenIdProvider) {
  const test::TempDir dir;
  const auto server = https_server(
      dir, R"({"/.well-known/openid-configuration":[200,{},)" +
               quoted(R"({"issuer":"x","jwks_uri":"https://127.0.0.1:PORT/oauth/keys"})") +
               R"(],"/oauth/keys":[200,{},)" + quoted(kKeys) + "]}");
  const auto endpoint = probe(server.port());
  ASSERT_TRUE(endpoint.jwks) << endpoint.unreached_reason;
  EXPECT_THAT(endpoint.jwks->url, testing::EndsWith("/oauth/keys"));
  EXPECT_EQ(endpoint.jwks->keys.size(), 2U);
}

TEST(JwksProbe, TheUsualPlaceIsTriedWithoutDiscovery) {
  const test::TempDir dir;
  const auto server =
      https_server(dir, R"({"/.well-known/jwks.json":[200,{},)" + quoted(kKeys) + "]}");
  EXPECT_TRUE(probe(server.port()).jwks.has_value());
}

TEST(JwksProbe, NothingIsFetchedFromElsewhere) {
  const test::TempDir dir;
  const auto server = https_server(
      dir,
      R"({"/.well-known/openid-configuration":[200,{},)" +
          quoted(R"({"jwks_uri":"https://keys.example/jwks"})") +
          R"(],"/moved":[302,{"Location":"https://127.0.0.1:PORT/keys"},""],"/keys":[200,{},)" +
          quoted(kKeys) + R"(],"/page":[200,{},"<html>"],"/other":[200,{},"{}"]})");
  const auto elsewhere = probe(server.port());
  EXPECT_FALSE(elsewhere.reached);
  EXPECT_THAT(elsewhere.unreached_reason, HasSubstr("https://keys.example/jwks"));
  const auto moved = probe(server.port(), "/moved");
  EXPECT_FALSE(moved.reached);
  EXPECT_THAT(moved.unreached_reason, HasSubstr("redirects are not followed"));
  EXPECT_THAT(probe(server.port(), "/page").unreached_reason, HasSubstr("is not JSON"));
  EXPECT_THAT(probe(server.port(), "/other").unreached_reason, HasSubstr("no JSON Web Key Set"));
  EXPECT_THAT(probe(server.port(), "/none").unreached_reason, HasSubstr("HTTP 404"));
}

TEST(JwksProbe, WhatIsNotTlsIsTold) {
  const test::TempDir dir;
  test::make_ecdsa(dir);
  const std::uint16_t port = test::free_port();
  const test::Server server(
      dir, {"python3", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1"}, port);
  const auto endpoint = probe(port, "/keys");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason, HasSubstr("TLS"));
}

struct Reply {
  State state = State::kMore;
  int status = 0;
  std::string body;
};

Reply read(std::string_view text, std::size_t chunk = SIZE_MAX, std::size_t limit = 1000) {
  HttpReplyReader reader(limit);
  Reply out;
  for (std::size_t at = 0; at < text.size() && out.state == State::kMore;) {
    const std::string_view part = text.substr(at, chunk);
    out.state = reader.feed(part);
    at += part.size();
  }
  if (out.state == State::kMore) out.state = reader.finish();
  out.status = reader.status();
  out.body = reader.body();
  return out;
}

TEST(HttpReply, IsTheSameInAnyPieces) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 ok\r\nContent-type: text/plain\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}) {
    const Reply whole = read(text);
    EXPECT_EQ(whole.state, State::kDone) << text;
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, "hello");
    for (std::size_t chunk = 1; chunk < 9; ++chunk) {
      const Reply pieces = read(text, chunk);
      EXPECT_EQ(pieces.state, whole.state) << chunk;
      EXPECT_EQ(pieces.body, whole.body) << chunk;
    }
  }
}

// The bounds count the same bytes however these come.
TEST(HttpReply, BoundsAreTheSameInAnyPieces) {
  constexpr std::string_view kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string long_size =
      std::string(kChunked) + "1;" + std::string(8300, 'x') + "\r\na\r\n0\r\n\r\n";
  const std::string endless_trailer = std::string(kChunked) + "0\r\n" + std::string(40000, '\r');
  const std::string body_like_a_head = "HTTP/1.1 200 OK\n\n" + std::string(900, 'a') + "\r\n\r\n";
  const std::string long_head =
      "HTTP/1.1 200 OK\r\nA: " + std::string(32 * 1024 - 25, 'a') + "\r\n\r\n";
  for (const std::string& text : {long_size, endless_trailer, body_like_a_head, long_head}) {
    const Reply whole = read(text);
    for (const std::size_t chunk : {1U, 7U, 4096U}) {
      const Reply pieces = read(text, chunk);
      EXPECT_EQ(pieces.state, whole.state) << chunk << text.substr(0, 60);
    }
  }
  EXPECT_EQ(read(long_size).state, State::kBroken);
  EXPECT_EQ(read(endless_trailer).state, State::kTooLarge);
  EXPECT_EQ(read(body_like_a_head).state, State::kDone);
  EXPECT_EQ(read(long_head + "b").state, State::kDone);
}

TEST(HttpReply, HostileAnswersAreRefused) {
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa").state,
            State::kBroken);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").state, State::kBroken);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n").state,
            State::kBroken);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n").state, State::kTooLarge);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n").state,
            State::kTooLarge);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").state,
            State::kBroken);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n").state, State::kBroken);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n").state, State::kBroken);
  EXPECT_EQ(read("SSH-2.0-OpenSSH_9.2\r\n\r\n").state, State::kBroken);
  EXPECT_EQ(read(std::string(40000, 'a')).state, State::kTooLarge);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'a')).state, State::kTooLarge);
  EXPECT_EQ(read("").state, State::kBroken);
}

}  // namespace
}  // namespace carnet::probe
