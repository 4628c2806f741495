#include "evidence/sarif.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <string_view>
#include <unordered_map>

#include "base/check.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/embedded.h"
#include "evidence/json_rows.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Finding;
using inventory::ScanDocument;

struct Rule {
  std::string id, name, short_text, full_text, help, level;
};
using Rules = std::map<std::string, Rule, std::less<>>;

struct RuleSet {
  std::string help_uri;
  Rules rules;
};

const RuleSet& rule_set() {
  static const RuleSet set = [] {
    RuleSet read;
    const auto parsed = json::parse(embedded::sarif_rules_json());
    CARNET_CHECK(parsed.has_value());  // compiled in, and a test reads it
    read.help_uri = parsed->at("helpUri").as_string();
    for (const bj::value& row : parsed->at("rules").as_array()) {
      const auto text = [&row](const char* member) {
        return std::string(row.at(member).as_string());
      };
      Rule rule{.id = text("id"),
                .name = text("name"),
                .short_text = text("short"),
                .full_text = text("full"),
                .help = text("help"),
                .level = text("level")};
      read.rules.emplace(rule.id, std::move(rule));
    }
    return read;
  }();
  return set;
}

std::string_view level_of(std::string_view severity) {
  if (severity == "critical" || severity == "high") return "error";
  if (severity == "medium") return "warning";
  return "note";
}

// What GitHub sorts by, from 0.1 to 10.0: the ends of the CVSS bands.
std::string_view security_severity(std::string_view severity) {
  if (severity == "critical") return "9.5";
  if (severity == "high") return "8.0";
  if (severity == "medium") return "5.5";
  if (severity == "low") return "3.0";
  return "0.5";
}

std::string place_of(const Endpoint& endpoint) {
  if (endpoint.file) return endpoint.host;
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
              : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

// RFC 3986: everything but the unreserved characters and "/" is escaped.
std::string uri_path(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Texts from outside are plain words in a message, whatever they look like: SARIF reads {0} as a
// placeholder and [words](target) as a link (sections 3.11.5 and 3.11.6), also in `text`.
bj::object text_message(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ']' && i + 1 < text.size() && text[i + 1] == '(') out += '\\';
    if (c == '{' || c == '}') out += c;
    out += c;
  }
  return {{"text", out}};
}

// Two rounds: the rules stand before the results that name them, so the first only finds out which
// there are; the second writes each result and forgets it.
class Sarif {
 public:
  explicit Sarif(const ScanDocument& document) : document_(document) {
    for (const Endpoint& endpoint : document_.endpoints) endpoints_[endpoint.id] = &endpoint;
    for (const inventory::BacklogItem& item : document_.judgement.backlog)
      if (item.status != "done") items_.emplace(item.asset_id, &item);
  }

  void write(const TextSink& sink) {
    add_all();
    JsonRows out(sink);
    out.open({{"$schema",
               "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
               "sarif-schema-2.1.0.json"},
              {"version", "2.1.0"}});
    out.begin_array("runs");
    out.open(run_head());
    out.begin_array("results");
    results_ = &out;
    add_all();
    out.end_array();
    out.member("properties", run_properties());
    out.close();
    out.end_array();
    out.close();
    out.finish();
  }

 private:
  void add_all() {
    for (const Asset& asset : document_.judgement.assets) add_asset(asset);
    for (const Endpoint& endpoint : document_.endpoints) add_findings(endpoint);
  }

  // In the first round a result is no more than its rule.
  bool only_counts(const std::string& rule) {
    if (results_ == nullptr) static_cast<void>(index_of(rule));
    return results_ == nullptr;
  }

  // A rule for a code that has no row of its own still says what it is about.
  static Rule rule_of(const std::string& id) {
    const auto found = rule_set().rules.find(id);
    if (found != rule_set().rules.end()) return found->second;
    std::string words = id;
    for (char& c : words)
      if (c == '_' || c == '-') c = ' ';
    if (!words.empty() && words.front() >= 'a' && words.front() <= 'z')
      words.front() = static_cast<char>(words.front() - 'a' + 'A');
    return {.id = id,
            .name = {},
            .short_text = words,
            .full_text = words + ", as noted while the endpoint was looked at.",
            .help = "See the result's message.",
            .level = "note"};
  }

  std::size_t index_of(const std::string& id) {
    const auto [place, added] = indices_.try_emplace(id, rules_.size());
    if (!added) return place->second;
    const Rule rule = rule_of(id);
    bj::object json;
    json["id"] = rule.id;
    if (!rule.name.empty()) json["name"] = rule.name;
    json["shortDescription"] = text_message(rule.short_text);
    json["fullDescription"] = text_message(rule.full_text);
    json["help"] = {{"text", rule.help}, {"markdown", rule.help}};
    json["helpUri"] = rule_set().help_uri;
    json["defaultConfiguration"] = {{"level", rule.level}};
    bj::object properties;
    properties["tags"] = bj::array{bj::value("security"), bj::value("cryptography")};
    json["properties"] = std::move(properties);
    rules_.push_back(std::move(json));
    return place->second;
  }

  bj::object location(const Endpoint* endpoint, const std::string& place, std::string_view kind,
                      int line) const {
    const bool file = endpoint != nullptr && endpoint->file;
    bj::object artifact;
    if (file) {
      artifact["uri"] = uri_path(endpoint->host);
    } else {
      const std::string scheme = endpoint != nullptr && !endpoint->protocol.empty()
                                     ? uri_path(endpoint->protocol)
                                     : std::string("tls");
      artifact["uri"] = scheme + "://" + uri_authority(endpoint, place);
    }
    bj::object physical;
    physical["artifactLocation"] = std::move(artifact);
    // Code-scanning dashboards refuse a result without a line.
    physical["region"] = {{"startLine", line > 0 ? line : 1}};
    bj::object logical;
    logical["name"] = place;
    logical["fullyQualifiedName"] = place;
    logical["kind"] = file ? "file" : kind;
    bj::object json;
    json["physicalLocation"] = std::move(physical);
    bj::array list;
    list.push_back(std::move(logical));
    json["logicalLocations"] = std::move(list);
    return json;
  }

  static std::string uri_authority(const Endpoint* endpoint, const std::string& place) {
    if (endpoint == nullptr) return uri_path(place);
    const bool ipv6 =
        endpoint->host.find(':') != std::string::npos &&
        endpoint->host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
    if (ipv6) return fmt::format("[{}]:{}", endpoint->host, endpoint->port);
    return fmt::format("{}:{}", uri_path(endpoint->host), endpoint->port);
  }

  void add(const std::string& rule, std::string_view severity, std::string message,
           bj::object where, const std::string& identity, bj::object properties) {
    bj::object result;
    result["ruleId"] = rule;
    result["ruleIndex"] = static_cast<std::int64_t>(index_of(rule));
    result["kind"] = "fail";
    result["level"] = level_of(severity);
    result["message"] = text_message(message);
    bj::array locations;
    locations.push_back(std::move(where));
    result["locations"] = std::move(locations);
    result["partialFingerprints"] = {
        {"carnetFinding/v1", crypto::sha256_hex(rule + "\n" + identity).substr(0, 32)}};
    properties["severity"] = severity;
    properties["security-severity"] = security_severity(severity);
    result["properties"] = std::move(properties);
    results_->row(std::move(result));
  }

  void add_asset(const Asset& asset) {
    const auto& vulnerability = asset.vulnerability;
    const auto item = items_.find(asset.id);
    if (vulnerability.status == AssetStatus::kSafe && item == items_.end()) return;
    const std::string rule = fmt::format("{}-{}", inventory::to_string(asset.exposure),
                                         inventory::to_string(vulnerability.status));
    if (only_counts(rule)) return;
    const auto endpoint = endpoints_.find(asset.endpoint_id);
    const Endpoint* seen = endpoint == endpoints_.end() ? nullptr : endpoint->second;
    const std::string place =
        seen != nullptr ? place_of(*seen) : fmt::format("{}:{}", asset.host, asset.port);
    std::string message = asset.label + ": " + vulnerability.summary;
    bj::object properties{{"assetId", asset.id},
                          {"algorithm", asset.algorithm},
                          {"status", inventory::to_string(vulnerability.status)},
                          {"hndlExposed", vulnerability.hndl_exposed},
                          {"moscaPriority", asset.mosca_priority}};
    if (item != items_.end()) {
      message += " " + item->second->title + ".";
      properties["remediationId"] = item->second->id;
      if (!item->second->deadline.empty()) properties["deadline"] = item->second->deadline;
    }
    add(rule, vulnerability.severity, std::move(message), location(seen, place, "resource", 0),
        asset.id, std::move(properties));
  }

  void add_finding(const Endpoint& endpoint, const Finding& finding) {
    if (only_counts(finding.code)) return;
    const std::string place = place_of(endpoint);
    // Two findings of one code at one endpoint differ by what they say.
    add(finding.code, finding.severity, finding.detail, location(&endpoint, place, "resource", 0),
        place + "\n" + finding.detail, {});
  }

  void add_findings(const Endpoint& endpoint) {
    const auto add_each = [&](const std::vector<Finding>& findings) {
      for (const Finding& finding : findings) add_finding(endpoint, finding);
    };
    const auto add_certificates = [&](const std::vector<inventory::Certificate>& certificates) {
      for (const auto& certificate : certificates) add_each(certificate.findings);
    };
    if (endpoint.starttls) add_each(endpoint.starttls->findings);
    if (endpoint.tls) {
      add_each(endpoint.tls->findings);
      add_certificates(endpoint.tls->certificates);
    }
    if (endpoint.ssh) add_each(endpoint.ssh->findings);
    if (endpoint.jwks) {
      add_each(endpoint.jwks->findings);
      for (const auto& key : endpoint.jwks->keys) add_certificates(key.certificates);
    }
    if (!endpoint.file) return;
    add_each(endpoint.file->findings);
    add_certificates(endpoint.file->certificates);
    for (const inventory::FileError& error : endpoint.file->errors) {
      if (only_counts(error.code)) continue;
      add(error.code, "low", error.detail,
          location(&endpoint, place_of(endpoint), "resource", error.line),
          fmt::format("{}\n{}\n{}", endpoint.host, error.line, error.detail), {});
    }
  }

  bj::object run_head() {
    bj::object driver;
    driver["name"] = "Carnet";
    driver["rules"] = std::move(rules_);
    bj::object json;
    json["tool"] = {{"driver", std::move(driver)}};
    bj::object run{{"id", "carnet/" + document_.scan_id}};
    if (!document_.label.empty()) run["description"] = text_message(document_.label);
    json["automationDetails"] = std::move(run);
    bj::object invocation;
    invocation["executionSuccessful"] = true;
    invocation["startTimeUtc"] = to_rfc3339(document_.created_at);
    invocation["endTimeUtc"] = to_rfc3339(document_.finished_at);
    invocation["toolExecutionNotifications"] = notifications();
    bj::array invocations;
    invocations.push_back(std::move(invocation));
    json["invocations"] = std::move(invocations);
    json["columnKind"] = "unicodeCodePoints";
    return json;
  }

  bj::object run_properties() const {
    bj::object properties;
    properties["sample"] = document_.sample;
    if (document_.judgement.score) {
      properties["readinessScore"] = *document_.judgement.score;
      properties["readinessBand"] = document_.judgement.band;
    }
    properties["methodVersion"] = document_.judgement.method_version;
    return properties;
  }

  // What was not looked at belongs in the file too.
  bj::array notifications() const {
    bj::array list;
    if (document_.sample)
      list.push_back({{"level", "warning"},
                      {"message", text_message("SAMPLE: these endpoints are invented.")}});
    for (const Endpoint& endpoint : document_.endpoints) {
      if (endpoint.reached) continue;
      list.push_back({{"level", "warning"},
                      {"message", text_message("Not reached, so not judged: " + place_of(endpoint) +
                                               " (" + endpoint.unreached_reason + ").")}});
    }
    for (const std::string& note : document_.judgement.notes)
      list.push_back({{"level", "note"}, {"message", text_message(note)}});
    return list;
  }

  const ScanDocument& document_;
  std::unordered_map<std::string_view, const Endpoint*> endpoints_;
  // The first open one of an asset.
  std::unordered_map<std::string_view, const inventory::BacklogItem*> items_;
  std::map<std::string, std::size_t> indices_;
  bj::array rules_;
  JsonRows* results_ = nullptr;  // from the second round on
};

}  // namespace

void write_sarif_json(const ScanDocument& document, const TextSink& sink) {
  Sarif(document).write(sink);
}

std::string sarif_json(const ScanDocument& document) {
  std::string out;
  write_sarif_json(document, [&out](std::string_view piece) { out += piece; });
  return out;
}

}  // namespace carnet::evidence
