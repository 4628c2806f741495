// Where the kinds of a request lead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/target.h"
#include "probe/engine.h"
#include "probe/protocols.h"

namespace carnet::probe {
namespace {

using testing::ElementsAre;

std::vector<std::string> planned(std::vector<std::string> kinds, std::string_view target,
                                 std::vector<std::uint16_t> ports = {}) {
  PlanRequest request;
  request.targets = {*net::parse_target(target)};
  request.kinds = std::move(kinds);
  request.ports = std::move(ports);
  std::vector<std::string> out;
  const auto endpoints = plan(request);
  if (!endpoints) return {endpoints.error().fields.at(0).detail};
  for (const auto& one : *endpoints) out.push_back(std::to_string(one.port) + " " + one.kind);
  return out;
}

TEST(PlanKinds, EmailIsEachPortsProtocol) {
  EXPECT_THAT(planned({"email"}, "mail.example"),
              ElementsAre("25 smtp", "465 smtp", "587 smtp", "143 imap", "993 imap", "110 pop3",
                          "995 pop3"));
  EXPECT_THAT(planned({"email"}, "mail.example:143"), ElementsAre("143 imap"));
  EXPECT_THAT(planned({"email"}, "mail.example:2525"), ElementsAre("2525 email"));
}

TEST(PlanKinds, EachKindHasItsPorts) {
  EXPECT_THAT(planned({}, "a.example"), ElementsAre("443 "));
  EXPECT_THAT(planned({"tls", "ssh"}, "a.example"), ElementsAre("443 tls", "22 ssh"));
  EXPECT_THAT(planned({"smtp"}, "a.example"), ElementsAre("25 smtp", "587 smtp", "465 smtp"));
  EXPECT_THAT(planned({"ldap"}, "a.example"), ElementsAre("389 ldap", "636 ldap"));
  EXPECT_THAT(planned({"postgresql"}, "a.example"), ElementsAre("5432 postgresql"));
  EXPECT_THAT(planned({"xmpp"}, "a.example"), ElementsAre("5222 xmpp", "5223 xmpp"));
}

TEST(PlanKinds, NamedPortsOutweighTheKinds) {
  EXPECT_THAT(planned({"imap"}, "a.example", {993, 10143}), ElementsAre("993 imap", "10143 imap"));
  EXPECT_THAT(planned({"imap"}, "a.example:1"), ElementsAre("1 imap"));
}

TEST(PlanKinds, UnknownKindIsToldWhatThereIs) {
  const auto detail = planned({"tls", "gopher"}, "a.example");
  EXPECT_THAT(detail,
              ElementsAre(testing::HasSubstr("must be one of tls, ssh, email, jwks, smtp")));
}

}  // namespace
}  // namespace carnet::probe
