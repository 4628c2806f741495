#pragma once
// The one precompiled header of the library. Only what nearly every file needs; Beast stays out
// (src/api includes it in two files), and so do CLI11 and toml++ (src/app includes each in one).
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
