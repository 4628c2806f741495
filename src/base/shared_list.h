#pragma once
// A list whose copies share one body until one of them is changed: what ten thousand endpoints say
// alike is in memory once. Reads like a std::vector; every non-const access makes the body its own
// first, so use a const list (or std::as_const) to look. Different lists may be used from different
// threads as if they shared nothing; one list is as thread-safe as a vector.

#include <algorithm>
#include <compare>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace carnet {

template <class T>
class SharedList {
 public:
  using Body = std::vector<T>;
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = typename Body::iterator;
  using const_iterator = typename Body::const_iterator;

  SharedList() = default;
  // Conversions are meant: it stands where a vector stood.
  SharedList(Body list)  // NOLINT(google-explicit-constructor)
      : body_(list.empty() ? nullptr : std::make_shared<Body>(std::move(list))) {}
  SharedList(std::initializer_list<T> list) : SharedList(Body(list)) {}
  SharedList& operator=(std::initializer_list<T> list) {
    *this = SharedList(list);
    return *this;
  }
  operator const Body&() const { return view(); }  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const_iterator begin() const { return view().begin(); }
  [[nodiscard]] const_iterator end() const { return view().end(); }
  [[nodiscard]] std::size_t size() const { return body_ ? body_->size() : 0; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return (*body_)[i]; }
  [[nodiscard]] const T& front() const { return body_->front(); }
  [[nodiscard]] const T& back() const { return body_->back(); }

  [[nodiscard]] iterator begin() { return own().begin(); }
  [[nodiscard]] iterator end() { return own().end(); }
  [[nodiscard]] T& operator[](std::size_t i) { return own()[i]; }
  [[nodiscard]] T& front() { return own().front(); }
  [[nodiscard]] T& back() { return own().back(); }
  void push_back(T value) { own().push_back(std::move(value)); }
  iterator insert(const_iterator before, T value) {
    const auto at = before - std::as_const(*this).begin();
    return own().insert(own().begin() + at, std::move(value));
  }
  iterator erase(const_iterator first, const_iterator last) {
    const auto from = first - std::as_const(*this).begin(), count = last - first;
    return own().erase(own().begin() + from, own().begin() + from + count);
  }
  void shrink_to_fit() {
    if (body_ && body_.use_count() == 1) body_->shrink_to_fit();
  }

  [[nodiscard]] bool shares_with(const SharedList& other) const { return body_ == other.body_; }

  friend bool operator==(const SharedList& a, const SharedList& b) {
    return a.body_ == b.body_ || a.view() == b.view();
  }
  friend auto operator<=>(const SharedList& a, const SharedList& b) {
    return a.view() <=> b.view();
  }

 private:
  [[nodiscard]] const Body& view() const {
    static const Body kNone;
    return body_ ? *body_ : kNone;
  }
  [[nodiscard]] Body& own() {
    if (!body_) {
      body_ = std::make_shared<Body>();
    } else if (body_.use_count() != 1) {
      body_ = std::make_shared<Body>(*body_);
    }
    return *body_;
  }

  std::shared_ptr<Body> body_;  // null: empty
};

// Makes equal lists share one body. Keeps every different list it has seen until it goes away.
// Used by one thread.
template <class T>
class SharedListPool {
 public:
  void share(SharedList<T>& list) {
    if (std::as_const(list).empty()) return;
    list.shrink_to_fit();
    const auto [place, added] = known_.insert(list);
    if (!added) list = *place;
  }

 private:
  std::set<SharedList<T>> known_;
};

}  // namespace carnet
