#include "evidence/json_rows.h"

#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::evidence {
namespace {

constexpr std::size_t kPiece = 64 * 1024;  // bytes

}  // namespace

void JsonRows::open(boost::json::object members) {
  json::write_to(text_, boost::json::value(std::move(members)));
  text_.pop_back();
}

void JsonRows::member(std::string_view name, boost::json::value value) {
  text_ += ',';
  json::append_string(text_, name);
  text_ += ':';
  json::write_to(text_, value);
  flush_if_long();
}

void JsonRows::begin_array(std::string_view name) {
  text_ += ',';
  json::append_string(text_, name);
  text_ += ":[";
  first_row_ = true;
}

void JsonRows::row(boost::json::object object) {
  if (!first_row_) text_ += ',';
  first_row_ = false;
  json::write_to(text_, boost::json::value(std::move(object)));
  flush_if_long();
}

void JsonRows::end_array() { text_ += ']'; }

void JsonRows::close() { text_ += '}'; }

void JsonRows::finish() {
  sink_(text_);
  text_.clear();
}

void JsonRows::flush_if_long() {
  if (text_.size() >= kPiece) finish();
}

}  // namespace carnet::evidence
