#include "evidence/json_cut.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::evidence {

void JsonCut::add(std::string_view piece) {
  while (good_ && !piece.empty())
    piece.remove_prefix(in_string_ ? read_string(piece) : read_plain(piece));
}

Result<boost::json::object> JsonCut::finish() {
  if (!good_ || depth_ != 0 || in_string_)
    return make_internal("stored JSON: cut short or damaged");
  const Result<boost::json::value> head = json::parse(head_);
  if (!head || !head->is_object()) return make_internal("stored JSON: not an object");
  return head->get_object();
}

// Both give how many bytes they took, at least one.
std::size_t JsonCut::read_string(std::string_view rest) {
  if (escaped_) {
    escaped_ = false;
    put(rest.substr(0, 1));
    return 1;
  }
  const std::size_t stop = rest.find_first_of("\"\\");
  const std::size_t taken = stop == std::string_view::npos ? rest.size() : stop + 1;
  put(rest.substr(0, taken));
  if (stop == std::string_view::npos) return taken;
  if (rest[stop] == '"')
    in_string_ = false;
  else
    escaped_ = true;
  return taken;
}

std::size_t JsonCut::read_plain(std::string_view rest) {
  const std::size_t stop = rest.find_first_of("\"{}[]");
  const std::string_view before = rest.substr(0, stop);
  const bool between_rows = !list_.empty() && depth_ == 2;
  if (!between_rows)
    put(before);
  else if (before.find_first_not_of(", \n\r\t") != std::string_view::npos)
    good_ = false;
  if (stop == std::string_view::npos) return rest.size();
  const char mark = rest[stop];
  if (mark == '{' || mark == '[') {
    open(mark);
  } else if (mark == '}' || mark == ']') {
    close(mark);
  } else {
    good_ = good_ && !between_rows;
    in_string_ = true;
    if (depth_ == 1) name_.clear();
    put("\"");
  }
  return stop + 1;
}

void JsonCut::open(char bracket) {
  if (depth_ == 1 && bracket == '[') {
    // The name still has its quotation marks.
    const auto found = std::find_if(lists_.begin(), lists_.end(), [this](std::string_view list) {
      return name_.size() == list.size() + 2 && name_.compare(1, list.size(), list) == 0;
    });
    if (found != lists_.end()) list_ = *found;
  } else if (!list_.empty() && depth_ == 2 && bracket != '{') {
    good_ = false;
  }
  ++depth_;
  put({&bracket, 1});
}

void JsonCut::close(char bracket) {
  put({&bracket, 1});
  const bool row_ends = in_row() && depth_ == 3;
  if (--depth_ < 0) good_ = false;
  if (row_ends) hand_out();
  if (depth_ == 1) list_ = {};
}

void JsonCut::put(std::string_view text) {
  (in_row() ? row_ : head_) += text;
  if (depth_ == 1 && in_string_) name_ += text;
}

void JsonCut::hand_out() {
  const Result<boost::json::value> row = json::parse(row_);
  row_.clear();
  if (row && row->is_object())
    on_row_(list_, row->get_object());
  else
    good_ = false;
}

}  // namespace carnet::evidence
