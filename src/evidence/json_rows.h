#pragma once
// A long JSON object written row by row: json::write()'s text of the same members, with memory for
// one row. Private to evidence/; used by one thread.

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "evidence/text_sink.h"

namespace carnet::evidence {

class JsonRows {
 public:
  explicit JsonRows(const TextSink& sink) : sink_(sink) {}
  JsonRows(const JsonRows&) = delete;
  JsonRows& operator=(const JsonRows&) = delete;

  // `{` and these members, at least one; it is an object of the array that is open, if one is.
  void open(boost::json::object members);
  void member(std::string_view name, boost::json::value value);
  void begin_array(std::string_view name);
  void row(boost::json::object object);
  void end_array();
  void close();   // `}`
  void finish();  // gives the rest to the sink

 private:
  void flush_if_long();

  const TextSink& sink_;
  std::string text_;
  bool first_row_ = true;
};

}  // namespace carnet::evidence
