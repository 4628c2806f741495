// What webhooks are sent, and which of them ask for an event.

#include "service/webhook_body.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

TEST(WebhookBody, SlackAndTeamsGetTheirShapes) {
  Event event;
  event.name = kAlertRaised;
  event.tenant = TenantId::trusted("ten_00000000000000000000000001");
  event.readiness_score = 41.55;
  event.message = "a < b & c";
  for (int i = 0; i < 30; ++i) event.alerts.push_back(bj::object{{"message", "lost <hybrid>"}});
  const auto body = [&event](std::string_view format) {
    return json::parse(webhook_body(event, {.format = format,
                                            .public_url = "https://carnet.example",
                                            .delivery = DeliveryId::trusted("dlv_1"),
                                            .created_at = {}}))
        .value()
        .as_object();
  };
  const bj::object slack = body("slack");
  EXPECT_EQ(slack.at("text").as_string(), "Alert raised: a &lt; b &amp; c");
  EXPECT_LE(slack.at("blocks").as_array().size(), 50U);
  EXPECT_EQ(slack.at("blocks").as_array().at(0).at("type").as_string(), "header");
  const bj::object teams = body("teams");
  EXPECT_EQ(teams.at("type").as_string(), "message");
  EXPECT_EQ(teams.at("attachments").as_array().at(0).at("content").at("type").as_string(),
            "AdaptiveCard");
}

TEST(EventFilter, NamesPrefixesAndAll) {
  EXPECT_TRUE(event_matches("*", "scan.failed"));
  EXPECT_TRUE(event_matches("scan.*", "scan.failed"));
  EXPECT_FALSE(event_matches("scan.*", "alert.raised"));
  EXPECT_FALSE(event_matches("scan", "scan.failed"));
  EXPECT_TRUE(is_event_filter("schedule.*"));
  EXPECT_FALSE(is_event_filter("scan.exploded"));
  EXPECT_FALSE(is_event_filter("webhook.*"));
  EXPECT_FALSE(is_event_filter(""));
}

}  // namespace
}  // namespace carnet::service
