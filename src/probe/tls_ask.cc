#include "probe/tls_ask.h"

#include "inventory/registry.h"

namespace carnet::probe {
namespace {

using Kind = HelloAnswer::Kind;

HelloAnswer failed_io(const Error& error) {
  HelloAnswer out;
  out.detail = error.public_detail;
  out.kind = error.public_detail == "connection reset" ? Kind::kReset : Kind::kSilent;
  return out;
}

}  // namespace

std::string HelloAnswer::describe() const {
  if (alert && kind == Kind::kAlert)
    return "the server sent the alert " + alert_name(alert->description);
  if (!detail.empty()) return detail;
  return "the server gave an answer that does not fit";
}

HelloAnswer answer_of(const TlsServerParser& parser) {
  HelloAnswer out;
  out.hello = parser.server_hello();
  out.alert = parser.alert();
  out.certificates = parser.certificates();
  out.key_exchange = parser.key_exchange();
  out.ocsp_stapled = parser.ocsp_stapled();
  if (parser.state() == TlsServerParser::State::kFailed) {
    out.kind = Kind::kNotTls;
    out.detail = parser.failure();
    out.speaks_ssh = parser.saw_ssh();
  } else if (out.hello) {
    out.kind = out.hello->retry_request ? Kind::kRetryRequest : Kind::kServerHello;
  } else {
    out.kind = Kind::kAlert;
  }
  return out;
}

KeyExchangeForm key_exchange_form(std::uint16_t suite) {
  const inventory::TlsSuite* known = inventory::find_tls_suite(suite);
  if (known == nullptr) return KeyExchangeForm::kNone;
  const std::string& exchange = known->key_exchange;
  if (exchange == "ECDHE") return KeyExchangeForm::kEcdhe;
  if (exchange == "DHE") return KeyExchangeForm::kDhe;
  // Anonymous suites carry ephemeral keys although their names say DH and ECDH.
  if (known->authentication == "anon") {
    return exchange.starts_with("EC") ? KeyExchangeForm::kEcdhe : KeyExchangeForm::kDhe;
  }
  return KeyExchangeForm::kNone;
}

Task<HelloAnswer> ask(Wire& wire, HelloSpec spec) {
  auto channel = co_await wire.open_tls();
  if (!channel) {
    HelloAnswer out;
    out.kind = Kind::kNoConnection;
    out.detail = channel.error().public_detail;
    co_return out;
  }
  net::Connection& connection = *channel->connection;
  const Bytes hello = build_client_hello(spec, wire.services().random);
  const auto sent = co_await connection.write_all(hello, channel->deadline);
  if (!sent) co_return failed_io(sent.error());
  TlsServerParser parser(key_exchange_form, wire.services().limits.answer_bytes_max);
  Wire::ReadRoom room(wire);
  while (parser.state() == TlsServerParser::State::kNeedMore) {
    const auto got = co_await connection.read_some(room.all(), channel->deadline);
    // A ServerHello already answers the question, even if the rest of the flight is missing.
    if (!got && parser.server_hello()) break;
    if (!got) co_return failed_io(got.error());
    if (*got == 0) {
      if (parser.server_hello()) break;
      HelloAnswer out;
      out.kind = Kind::kClosed;
      out.detail = "the server closed the connection without an answer";
      co_return out;
    }
    parser.feed(room.first(*got));
  }
  connection.close();
  co_return answer_of(parser);
}

Task<HelloAnswer> ask_twice(Wire& wire, HelloSpec spec) {
  auto answer = co_await ask(wire, spec);
  if (answer.no_answer() && !wire.out_of_time()) answer = co_await ask(wire, std::move(spec));
  co_return answer;
}

}  // namespace carnet::probe
