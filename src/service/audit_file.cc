// Checking an exported audit trail without its service.

#include <istream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/tenant_export.h"

namespace carnet::service {
namespace {

constexpr std::size_t kLineBytesMax = std::size_t{1024} * 1024;

tl::unexpected<Error> bad(std::int64_t line, std::string_view what) {
  return make_error(ErrorCode::kValidationFailed, fmt::format("Line {} {}.", line, what));
}

// Reads members and remembers whether all were there, of their type.
class Reader {
 public:
  explicit Reader(const boost::json::object& object) : object_(object) {}
  std::string text(std::string_view name) {
    const boost::json::value* value = object_.if_contains({name.data(), name.size()});
    if (value != nullptr && value->is_string())
      return {value->get_string().data(), value->get_string().size()};
    good_ = false;
    return {};
  }
  std::int64_t number(std::string_view name) {
    const boost::json::value* value = object_.if_contains({name.data(), name.size()});
    if (value != nullptr && value->is_int64()) return value->get_int64();
    good_ = false;
    return 0;
  }
  Timestamp time(std::string_view name) {
    const auto time = parse_rfc3339(text(name));
    if (!time) good_ = false;
    return time.value_or(Timestamp{});
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const boost::json::object& object_;
  bool good_ = true;
};

std::optional<store::AuditRow> read_row(const boost::json::object& object) {
  Reader in(object);
  store::AuditRow row;
  row.id = AuditId::trusted(in.text("id"));
  row.tenant_id = in.text("tenantId");
  row.at = in.time("at");
  row.actor = in.text("actor");
  row.action = in.text("action");
  row.subject = in.text("subject");
  row.request_id = in.text("requestId");
  row.detail = in.text("detail");
  row.key_id = in.text("keyId");
  row.role = in.text("role");
  row.before = in.text("before");
  row.after = in.text("after");
  row.seq = in.number("seq");
  row.prev_hash = in.text("prevHash");
  row.hash = in.text("hash");
  // A member that the hash does not cover would be one that nobody checks.
  constexpr std::size_t kMembers = 15;
  if (!in.good() || object.size() != kMembers) return std::nullopt;
  return row;
}

std::optional<store::AuditHeadRow> read_head(const boost::json::value& line,
                                             const std::string& text) {
  const boost::json::value* inner = line.get_object().if_contains("head");
  if (inner == nullptr || !inner->is_object()) return std::nullopt;
  Reader in(inner->get_object());
  store::AuditHeadRow head;
  head.tenant_id = in.text("tenantId");
  head.seq = in.number("seq");
  head.hash = in.text("hash");
  head.at = in.time("at");
  head.signature = text;
  if (!in.good()) return std::nullopt;
  return head;
}

}  // namespace

Result<AuditFileVerdict> check_audit_lines(std::istream& lines, const evidence::KeySet& keys) {
  AuditFileVerdict verdict;
  AuditWalk walk;
  std::optional<store::AuditHeadRow> head;
  std::string text;
  for (std::int64_t number = 1; std::getline(lines, text); ++number) {
    if (head) return bad(number, "stands behind the head, which is the last line of an export");
    if (text.size() > kLineBytesMax) return bad(number, "is longer than a mebibyte");
    const auto line = json::parse(text);
    if (!line || !line->is_object()) return bad(number, "is no JSON object");
    head = read_head(*line, text);
    if (head) continue;
    const auto row = read_row(line->get_object());
    if (!row) return bad(number, "is no entry of an audit trail");
    if (number == 1) verdict.tenant = row->tenant_id;
    walk.take(*row);
  }
  if (!head)
    return make_error(ErrorCode::kValidationFailed,
                      "The signed head is missing, which is the last line of an export: the file "
                      "is not whole.");
  walk.finish(*head, keys);
  verdict.rows = walk.seq();
  verdict.head = std::move(*head);
  verdict.fault = walk.fault();
  return verdict;
}

}  // namespace carnet::service
