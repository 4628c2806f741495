#pragma once
// Secret holds bytes that must not be printed and that wipe themselves. It has no stream operator
// and no formatter, so handing one to a log call does not compile. Move-only; not thread-safe.

#include <string>
#include <string_view>

namespace carnet {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  // The one way to the bytes; its name is what a reviewer searches for.
  [[nodiscard]] std::string_view expose() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  [[nodiscard]] Secret clone() const { return Secret(value_); }

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace carnet
