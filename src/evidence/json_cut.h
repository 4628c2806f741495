#pragma once
// Reads a long JSON object that comes in pieces: the rows of its long lists one by one, everything
// else at the end. Only as strict outside the rows and the rest as a text of ours needs: whoever
// keeps the text knows its digest. Private to evidence/; used by one thread.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"

namespace carnet::evidence {

class JsonCut {
 public:
  using OnRow = std::function<void(std::string_view list, const boost::json::object& row)>;
  // `lists`: the members of the outermost object whose value is a list of objects to be handed out.
  // They must outlive this.
  JsonCut(std::span<const std::string_view> lists, OnRow on_row)
      : lists_(lists), on_row_(std::move(on_row)) {}

  void add(std::string_view piece);
  // The object without those rows: their lists are empty. kInternal for what is not such a text.
  [[nodiscard]] Result<boost::json::object> finish();

 private:
  [[nodiscard]] std::size_t read_string(std::string_view rest);
  [[nodiscard]] std::size_t read_plain(std::string_view rest);
  void open(char bracket);
  void close(char bracket);
  void put(std::string_view text);
  void hand_out();
  [[nodiscard]] bool in_row() const { return !list_.empty() && depth_ > 2; }

  std::span<const std::string_view> lists_;
  OnRow on_row_;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
  bool good_ = true;
  std::string head_;       // all but the rows
  std::string row_;        // the one that is being read
  std::string name_;       // the last text at depth 1: before a list, its name
  std::string_view list_;  // that is being read; one of lists_, or empty
};

}  // namespace carnet::evidence
