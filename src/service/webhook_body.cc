#include "service/webhook_body.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/json.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::array kEvents = {kScanCompleted, kScanFailed, kAlertRaised, kAlertResolved,
                                kScheduleSkipped};
// Slack takes 3,000 characters in a section's text and 50 blocks; Teams 28 KB a message. The
// numbers below stay within both.
constexpr std::size_t kAlertsShownMax = 10;
constexpr std::size_t kLineBytesMax = 500;

std::string title_of(std::string_view event) {
  if (event == kScanCompleted) return "Scan completed";
  if (event == kScanFailed) return "Scan failed";
  if (event == kAlertRaised) return "Alert raised";
  if (event == kAlertResolved) return "Alert resolved";
  if (event == kScheduleSkipped) return "Scheduled scan skipped";
  return "Test call";
}

// Where what the message says can be checked: the stored passport of the scan, or the page that
// checks any document of ours.
std::string verify_url(const Event& event, std::string_view public_url) {
  return event.scan ? fmt::format("{}/pqc/verify/{}", public_url, event.scan->str())
                    : fmt::format("{}/verify", public_url);
}

std::string cut(std::string text) {
  if (text.size() <= kLineBytesMax) return text;
  std::size_t end = kLineBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "…";
}

std::string score_text(double score) {
  constexpr double kTenths = 10;
  return fmt::format("{}", std::round(score * kTenths) / kTenths);
}

// The sentence of each alert, for a person.
std::vector<std::string> alert_lines(const Event& event) {
  std::vector<std::string> out;
  for (const bj::value& alert : event.alerts) {
    if (out.size() == kAlertsShownMax) {
      out.push_back(fmt::format("… and {} more", event.alerts.size() - kAlertsShownMax));
      break;
    }
    const bj::object* const object = alert.if_object();
    if (object == nullptr) continue;
    for (const std::string_view member : {"message", "title", "summary", "kind"}) {
      const bj::value* const text =
          object->if_contains(bj::string_view(member.data(), member.size()));
      if (text == nullptr || !text->is_string()) continue;
      out.push_back(cut(std::string(text->as_string())));
      break;
    }
  }
  return out;
}

bj::object carnet_body(const Event& event, const WebhookBody& about) {
  return {{"schemaVersion", kWebhookSchemaVersion},
          {"event", event.name},
          {"deliveryId", about.delivery.str()},
          {"createdAt", to_rfc3339(about.created_at)},
          {"tenantId", event.tenant.str()},
          {"scanId", event.scan ? bj::value(event.scan->str()) : bj::value(nullptr)},
          {"readinessScore",
           event.readiness_score ? bj::value(*event.readiness_score) : bj::value(nullptr)},
          {"alerts", event.alerts},
          {"verifyUrl", verify_url(event, about.public_url)},
          {"message", event.message}};
}

// Slack's mrkdwn reads these three.
std::string slack_escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '&') {
      out += "&amp;";
    } else if (letter == '<') {
      out += "&lt;";
    } else if (letter == '>') {
      out += "&gt;";
    } else {
      out += letter;
    }
  }
  return out;
}

bj::object slack_section(std::string text) {
  return {{"type", "section"}, {"text", bj::object{{"type", "mrkdwn"}, {"text", std::move(text)}}}};
}

bj::object slack_body(const Event& event, const WebhookBody& about) {
  const std::string message = slack_escaped(cut(event.message));
  bj::array blocks;
  blocks.push_back(
      bj::object{{"type", "header"},
                 {"text", bj::object{{"type", "plain_text"}, {"text", title_of(event.name)}}}});
  blocks.push_back(slack_section(message));
  if (event.readiness_score)
    blocks.push_back(slack_section("*Readiness score:* " + score_text(*event.readiness_score)));
  for (const std::string& line : alert_lines(event))
    blocks.push_back(slack_section("• " + slack_escaped(line)));
  blocks.push_back(bj::object{
      {"type", "context"},
      {"elements",
       bj::array{bj::object{{"type", "mrkdwn"},
                            {"text", fmt::format("<{}|Verify> · {}",
                                                 slack_escaped(verify_url(event, about.public_url)),
                                                 about.delivery.str())}}}}});
  // `text` is what notifications show, and what is there where blocks are not.
  return {{"text", fmt::format("{}: {}", title_of(event.name), message)},
          {"blocks", std::move(blocks)}};
}

bj::object teams_text(std::string text) {
  return {{"type", "TextBlock"}, {"text", std::move(text)}, {"wrap", true}};
}

bj::object teams_body(const Event& event, const WebhookBody& about) {
  bj::array body;
  bj::object title = teams_text(title_of(event.name));
  title["size"] = "Medium";
  title["weight"] = "Bolder";
  body.push_back(std::move(title));
  body.push_back(teams_text(cut(event.message)));
  bj::array facts;
  if (event.readiness_score)
    facts.push_back(
        bj::object{{"title", "Readiness score"}, {"value", score_text(*event.readiness_score)}});
  if (event.scan) facts.push_back(bj::object{{"title", "Scan"}, {"value", event.scan->str()}});
  facts.push_back(bj::object{{"title", "Delivery"}, {"value", about.delivery.str()}});
  for (std::string& line : alert_lines(event)) body.push_back(teams_text("• " + std::move(line)));
  body.push_back(bj::object{{"type", "FactSet"}, {"facts", std::move(facts)}});
  bj::object card{{"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                  {"type", "AdaptiveCard"},
                  {"version", "1.4"},
                  {"body", std::move(body)}};
  card["actions"] = bj::array{bj::object{{"type", "Action.OpenUrl"},
                                         {"title", "Verify"},
                                         {"url", verify_url(event, about.public_url)}}};
  return {{"type", "message"},
          {"attachments",
           bj::array{bj::object{{"contentType", "application/vnd.microsoft.card.adaptive"},
                                {"contentUrl", nullptr},
                                {"content", std::move(card)}}}}};
}

}  // namespace

std::string webhook_body(const Event& event, const WebhookBody& about) {
  if (about.format == "slack") return json::write(slack_body(event, about));
  if (about.format == "teams") return json::write(teams_body(event, about));
  return json::write(carnet_body(event, about));
}

bool event_matches(std::string_view wanted, std::string_view event) {
  if (wanted == "*" || wanted == event) return true;
  return wanted.ends_with(".*") && event.starts_with(wanted.substr(0, wanted.size() - 1));
}

bool is_event_filter(std::string_view wanted) {
  const auto matches = [wanted](std::string_view event) { return event_matches(wanted, event); };
  return std::any_of(kEvents.begin(), kEvents.end(), matches);
}

}  // namespace carnet::service
