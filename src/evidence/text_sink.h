#pragma once
// Where a text goes that is too long to hold: pieces, in order.

#include <functional>
#include <string_view>

namespace carnet::evidence {

// A piece is valid during the call.
using TextSink = std::function<void(std::string_view)>;

}  // namespace carnet::evidence
