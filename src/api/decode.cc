#include "api/decode.h"

#include <charconv>
#include <cmath>

#include <boost/json.hpp>

#include "api/routes.h"
#include "base/json.h"
#include "base/text.h"
#include "evidence/note.h"
#include "net/target.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr double kYearsMax = 100;

// The parsed body must outlive the Members over it; so both live here.
class Body {
 public:
  [[nodiscard]] static Result<Body> parse(std::string_view text) {
    CARNET_TRY(value, json::parse(text));
    if (!value.is_object())
      return make_validation_error({FieldError{.field = "body",
                                               .pointer = "",
                                               .code = "wrong_type",
                                               .detail = "must be a JSON object"}});
    return Body(std::move(value));
  }
  [[nodiscard]] const bj::object& object() const { return value_.get_object(); }

 private:
  explicit Body(bj::value value) : value_(std::move(value)) {}
  bj::value value_;
};

bool is_whole(double number) { return std::isfinite(number) && std::floor(number) == number; }

std::optional<std::int64_t> whole_number(const bj::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_double() && is_whole(value.get_double()) && std::fabs(value.get_double()) < 1e15)
    return static_cast<std::int64_t>(value.get_double());
  return std::nullopt;
}

bool is_number(const bj::value& value) {
  return value.is_int64() || value.is_uint64() || value.is_double();
}

assess::MoscaInput read_mosca(Members& members, service::FieldErrors& errors) {
  assess::MoscaInput mosca;
  const bj::object* object = members.object("mosca");
  if (object == nullptr) return mosca;
  Members inner(*object, errors, members.path_of("mosca"));
  mosca.data_shelf_life_years = inner.number("dataShelfLifeYears", 0, kYearsMax);
  mosca.migration_time_years = inner.number("migrationTimeYears", 0, kYearsMax);
  mosca.years_to_qday = inner.number("yearsToQDay", 0, kYearsMax);
  inner.done();
  return mosca;
}

}  // namespace

std::string Members::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

// An entry of a list: the field is the list, the pointer the entry.
Members::Place Members::place_of(std::string_view name, std::size_t index) const {
  Place place{.field = path_of(name), .pointer = {}};
  place.pointer = "/" + place.field + "/" + std::to_string(index);
  std::replace(place.pointer.begin(), place.pointer.end(), '.', '/');
  return place;
}

void Members::add(std::string_view name, std::string_view code, std::string_view detail) {
  errors_.add(path_of(name), code, detail);
}

void Members::wrong_type(std::string_view name, std::string_view wanted) {
  add(name, "wrong_type", fmt::format("must be {}", wanted));
}

const bj::value* Members::find(std::string_view name) {
  known_.push_back(name);
  const bj::value* value = object_.if_contains(bj::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Members::check_text(const Place& place, std::string_view value, Length length) {
  if (has_forbidden_control(value)) {
    errors_.add(place.field, "control_character",
                "must not hold control characters other than tab and newline", place.pointer);
    return false;
  }
  const std::size_t chars = utf8_length(value);
  if (chars > length.max) {
    errors_.add(place.field, "too_long", fmt::format("must have at most {} characters", length.max),
                place.pointer);
    return false;
  }
  if (chars < length.min || (length.min > 0 && trim_ascii(value).empty())) {
    errors_.add(place.field, "too_short",
                fmt::format("must have {} to {} characters", length.min, length.max),
                place.pointer);
    return false;
  }
  return true;
}

std::optional<std::string> Members::text(std::string_view name, Length length) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    wrong_type(name, "a text");
    return std::nullopt;
  }
  const std::string_view given(value->get_string().data(), value->get_string().size());
  if (!check_text({.field = path_of(name), .pointer = {}}, given, length)) return std::nullopt;
  return std::string(given);
}

std::optional<std::string> Members::one_of(std::string_view name,
                                           std::initializer_list<std::string_view> words) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const std::string_view given(value->get_string().data(), value->get_string().size());
    if (std::find(words.begin(), words.end(), given) != words.end()) return std::string(given);
  }
  add(name, value->is_string() ? "not_one_of" : "wrong_type",
      fmt::format("must be one of {}", fmt::join(words, ", ")));
  return std::nullopt;
}

std::optional<int> Members::integer(std::string_view name, int min, int max) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::string wanted = fmt::format("a whole number from {} to {}", min, max);
  if (!is_number(*value)) {
    wrong_type(name, wanted);
    return std::nullopt;
  }
  const auto number = whole_number(*value);
  if (number && *number >= min && *number <= max) return static_cast<int>(*number);
  add(name, "out_of_range", "must be " + wanted);
  return std::nullopt;
}

std::optional<double> Members::number(std::string_view name, double min, double max) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!is_number(*value)) {
    wrong_type(name, fmt::format("a number from {} to {}", min, max));
    return std::nullopt;
  }
  const double number = value->to_number<double>();
  if (number >= min && number <= max) return number;
  add(name, "out_of_range", fmt::format("must be a number from {} to {}", min, max));
  return std::nullopt;
}

std::optional<bool> Members::flag(std::string_view name) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  wrong_type(name, "true or false");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Members::texts(std::string_view name, std::size_t count_max,
                                                       Length each) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) {
    wrong_type(name, "a list of texts");
    return std::nullopt;
  }
  const bj::array& items = value->get_array();
  if (items.size() > count_max) {
    add(name, "too_many", fmt::format("must have at most {} entries", count_max));
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Place place = place_of(name, i);
    if (!items[i].is_string()) {
      errors_.add(place.field, "wrong_type", "must be a list of texts", place.pointer);
      continue;
    }
    const std::string_view given(items[i].get_string().data(), items[i].get_string().size());
    if (check_text(place, given, each)) out.emplace_back(given);
  }
  return out;
}

std::optional<std::vector<int>> Members::integers(std::string_view name, std::size_t count_max,
                                                  int min, int max) {
  const bj::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) {
    wrong_type(name, "a list of whole numbers");
    return std::nullopt;
  }
  const bj::array& items = value->get_array();
  if (items.size() > count_max) {
    add(name, "too_many", fmt::format("must have at most {} entries", count_max));
    return std::nullopt;
  }
  std::vector<int> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto number = whole_number(items[i]);
    if (number && *number >= min && *number <= max) {
      out.push_back(static_cast<int>(*number));
    } else {
      const Place place = place_of(name, i);
      errors_.add(place.field, is_number(items[i]) ? "out_of_range" : "wrong_type",
                  fmt::format("must be whole numbers from {} to {}", min, max), place.pointer);
    }
  }
  return out;
}

const bj::object* Members::object(std::string_view name) {
  const bj::value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->is_object()) return &value->get_object();
  wrong_type(name, "an object");
  return nullptr;
}

std::vector<Members::Entry> Members::objects(std::string_view name, std::size_t count_max) {
  std::vector<Entry> out;
  const bj::value* value = find(name);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    wrong_type(name, "a list of objects");
    return out;
  }
  const bj::array& items = value->get_array();
  if (items.size() > count_max) {
    add(name, "too_many", fmt::format("must have at most {} entries", count_max));
    return out;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].is_object())
      out.push_back({&items[i].get_object(), fmt::format("{}.{}", path_of(name), i)});
    else
      add(fmt::format("{}.{}", name, i), "wrong_type", "must be an object");
  }
  return out;
}

void Members::required(std::string_view name) {
  const bj::value* value = object_.if_contains(bj::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) add(name, "required", "is required");
}

void Members::done() {
  // Long or odd names are shown cut: they are the caller's text.
  constexpr std::size_t kShownMax = 64;  // limit: internal
  std::size_t reported = 0;
  for (const auto& member : object_) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    if (++reported > 20) break;
    const bool plain = name.size() <= kShownMax && !has_forbidden_control(name) &&
                       name.find('\n') == std::string_view::npos;
    add(plain ? name : std::string_view("(unnamed)"), "unknown_field",
        "is not a member of this request");
  }
}

Result<service::NewTenant> decode_new_tenant(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  service::NewTenant out;
  members.required("name");
  out.name = members.text("name", {.min = 1}).value_or("");
  out.slug = members.text("slug", {.min = 1, .max = 63});
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<service::NewKey> decode_new_key(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  service::NewKey out;
  members.required("label");
  out.label = members.text("label", {.min = 1}).value_or("");
  if (const auto role = members.one_of("role", {"viewer", "operator", "admin"}))
    out.role = *store::parse_role(*role);
  out.expires_days = members.integer("expiresDays", 1, 3650);
  out.rate_per_minute = members.integer("ratePerMinute", 1, 1000000);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<service::Settings> decode_settings(std::string_view text) {
  constexpr std::size_t kKindChars = 64;
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  service::Settings out;
  const assess::MoscaInput mosca = read_mosca(members, errors);
  out.data_shelf_life_years = mosca.data_shelf_life_years;
  out.migration_time_years = mosca.migration_time_years;
  out.years_to_qday = mosca.years_to_qday;
  out.retention_days = members.integer("retentionDays", 1, 3650);
  out.alert_score_drop = members.number("alertScoreDrop", 0, 100);
  out.certificate_expiry_days =
      members.integer("certificateExpiryDays", 1, service::kCertificateDaysMax);
  out.deadline_days = members.integer("deadlineDays", 1, service::kDeadlineDaysMax);
  out.sector_deadlines = members.flag("sectorDeadlines").value_or(false);
  out.dead_link_tries = members.integer("deadLinkTries", 1, service::kDeadLinkTriesMax);
  out.endpoint_gone_scans = members.integer("endpointGoneScans", 1, service::kGoneScansMax);
  out.alerts_off =
      members.texts("alertsOff", service::kAlertKindsOffMax, {.min = 1, .max = kKindChars})
          .value_or(std::vector<std::string>{});
  out.branding_name = members.text("brandingName", {}).value_or("");
  out.visitor_addresses =
      members.one_of("visitorAddresses", {"hash", "truncated"}).value_or(out.visitor_addresses);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<service::AuthorizedTargets> decode_authorized_targets(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  service::AuthorizedTargets out;
  constexpr std::size_t kEntriesMax = 1000;
  out.domains = members.texts("domains", kEntriesMax, {.min = 1, .max = 253})
                    .value_or(std::vector<std::string>{});
  out.cidrs = members.texts("cidrs", kEntriesMax, {.min = 1, .max = 64})
                  .value_or(std::vector<std::string>{});
  out.attestation = members.text("attestation", {.max = 2000}).value_or("");
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<std::string> decode_handshake_target(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  auto target = members.text("target", {.min = 1, .max = 2048});
  members.required("target");
  members.done();
  if (!errors.empty()) return errors.take();
  return std::move(*target);
}

service::ScanRequest read_scan(const bj::object& object, service::FieldErrors& errors,
                               const std::string& path) {
  Members members(object, errors, path);
  service::ScanRequest out;
  constexpr Members::Length kTarget{.min = 1, .max = 2048};
  const auto target = members.text("target", kTarget);
  const auto targets = members.texts("targets", 1000, kTarget);
  if (target && targets)
    errors.add(members.path_of("target"), "conflict", "must not be sent together with targets");
  if (target) out.targets.push_back(*target);
  out.single_target = target.has_value();
  if (targets) out.targets.insert(out.targets.end(), targets->begin(), targets->end());
  out.kinds =
      members.texts("kinds", 16, {.min = 1, .max = 32}).value_or(std::vector<std::string>{});
  out.ports = members.integers("ports", 64, 1, 65535).value_or(std::vector<int>{});
  const std::string profile =
      members.one_of("profile", {"quick", "standard", "deep"}).value_or("standard");
  out.profile = profile == "quick"  ? inventory::Profile::kQuick
                : profile == "deep" ? inventory::Profile::kDeep
                                    : inventory::Profile::kStandard;
  out.mosca = read_mosca(members, errors);
  out.label = members.text("label", {}).value_or("");
  out.scenario_id = members.text("scenarioId", {.min = 1, .max = 64}).value_or("");
  out.use_fixture = members.flag("useFixture").value_or(false);
  out.bundle_session_id = members.text("bundleSessionId", {.min = 1, .max = 64}).value_or("");
  members.done();
  // The service checks what targets mean; where it will not be asked, their form is checked here,
  // so that one answer names every bad field. Not in a list that lost an entry: its places are off.
  const bj::value* const list = object.if_contains("targets");
  const bool whole =
      target.has_value() != (list != nullptr) &&
      (list == nullptr || (list->is_array() && list->get_array().size() == out.targets.size()));
  for (std::size_t i = 0; whole && !errors.empty() && i < out.targets.size(); ++i)
    if (const auto parsed = net::parse_target(out.targets[i]); !parsed)
      errors.add(members.path_of(target ? "target" : "targets"), "invalid_target",
                 parsed.error().public_detail,
                 fmt::format("{}{}{}", path.empty() ? "" : "/", path,
                             target ? "/target" : fmt::format("/targets/{}", i)));
  return out;
}

Result<service::ScanRequest> decode_scan_request(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  service::ScanRequest out = read_scan(body.object(), errors, {});
  if (!errors.empty()) return errors.take();
  return out;
}

Result<service::NewShare> decode_new_share(std::string_view text) {
  CARNET_TRY(body, Body::parse(trim_ascii(text).empty() ? std::string_view("{}") : text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  service::NewShare out;
  out.expires_hours = members.integer("expiresHours", 1, 720).value_or(out.expires_hours);
  out.label = members.text("label", {}).value_or("");
  out.scope = members.one_of("scope", {"report", "bundle", "passport"}).value_or(out.scope);
  out.recipient = members.text("recipient", {}).value_or("");
  if (auto passcode = members.text("passcode", {.min = 8, .max = 128}))
    out.passcode = Secret(std::move(*passcode));
  out.max_views = members.integer("maxViews", 1, 10000);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<std::optional<Secret>> decode_open_link(std::string_view text) {
  CARNET_TRY(body, Body::parse(trim_ascii(text).empty() ? std::string_view("{}") : text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  // Says nothing about how long a passcode is: a wrong length is a wrong passcode.
  auto passcode = members.text("passcode", {.min = 0, .max = kIgnoredBodyMax});
  members.done();
  if (!errors.empty()) return errors.take();
  if (!passcode) return std::optional<Secret>{};
  return std::optional<Secret>(Secret(std::move(*passcode)));
}

Result<std::string> decode_cosigned(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  members.required("checkpoint");
  const auto note = members.text("checkpoint", {.min = 1, .max = evidence::kNoteBytesMax});
  members.done();
  if (!errors.empty()) return errors.take();
  return note.value_or("");
}

Result<SharePatch> decode_share_patch(std::string_view text) {
  CARNET_TRY(body, Body::parse(text));
  service::FieldErrors errors;
  Members members(body.object(), errors);
  SharePatch out;
  out.label = members.text("label", {});
  out.recipient = members.text("recipient", {});
  out.expires_hours = members.integer("expiresHours", 1, 720);
  out.paused = members.flag("paused");
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

tl::unexpected<Error> query_error(std::string_view name, std::string_view code,
                                  std::string_view detail) {
  return make_validation_error({FieldError{.field = std::string(name),
                                           .pointer = "",
                                           .code = std::string(code),
                                           .detail = std::string(detail)}});
}

Result<int> query_integer(const Request& request, std::string_view name, int min, int max,
                          int fallback) {
  if (request.query.empty()) return fallback;
  const auto text = request.query_value(name);
  if (!text) return fallback;
  int value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (text->empty() || parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size() ||
      value < min || value > max)
    return query_error(name, "out_of_range",
                       fmt::format("must be a whole number from {} to {}", min, max));
  return value;
}

Result<std::string> query_text(const Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::string{};
  if (!is_valid_utf8(*text) || has_forbidden_control(*text) ||
      utf8_length(*text) > service::kTextMax)
    return query_error(
        name, "invalid_text",
        fmt::format("must be text of at most {} characters without control characters",
                    service::kTextMax));
  return *text;
}

}  // namespace carnet::api
