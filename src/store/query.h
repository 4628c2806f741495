#pragma once
// Small helpers that the repositories share: reading rows into values, binding optional values,
// pages. Pure functions on a lent Connection; included by src/store/*.cc only.

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

// The first row as `map` reads it, nullopt if there is none.
template <class Map>
[[nodiscard]] auto query_one(Connection& db, std::string_view sql,
                             std::initializer_list<Param> params, Map map)
    -> Result<std::optional<decltype(map(std::declval<const Row&>()))>> {
  std::optional<decltype(map(std::declval<const Row&>()))> out;
  const auto on_row = [&](const Row& row) {
    if (!out) out.emplace(map(row));
  };
  CARNET_TRY_VOID(db.run(sql, params, on_row));
  return out;
}

template <class Map>
[[nodiscard]] auto query_all(Connection& db, std::string_view sql,
                             std::initializer_list<Param> params, Map map)
    -> Result<std::vector<decltype(map(std::declval<const Row&>()))>> {
  std::vector<decltype(map(std::declval<const Row&>()))> out;
  const auto on_row = [&](const Row& row) { out.push_back(map(row)); };
  CARNET_TRY_VOID(db.run(sql, params, on_row));
  return out;
}

// Runs a statement for its effect only (Connection::send).
[[nodiscard]] inline Result<void> execute(Connection& db, std::string_view sql,
                                          std::initializer_list<Param> params) {
  return db.send(sql, std::span<const Param>(params.begin(), params.size()));
}

// True if the statement changed at least one row.
[[nodiscard]] inline Result<bool> execute_any(Connection& db, std::string_view sql,
                                              std::initializer_list<Param> params) {
  CARNET_TRY(changed, db.run(sql, params));
  return changed > 0;
}

[[nodiscard]] inline Param integer(std::int64_t value) { return value; }
[[nodiscard]] inline Param flag(bool value) { return std::int64_t{value ? 1 : 0}; }
[[nodiscard]] inline Param time(Timestamp value) { return to_millis(value); }
[[nodiscard]] inline Param opt_time(const std::optional<Timestamp>& value) {
  return value ? Param{to_millis(*value)} : Param{};
}
[[nodiscard]] inline Param opt_int(const std::optional<int>& value) {
  return value ? Param{std::int64_t{*value}} : Param{};
}
[[nodiscard]] inline Param opt_real(const std::optional<double>& value) {
  return value ? Param{*value} : Param{};
}
[[nodiscard]] inline Param opt_text(const std::optional<std::string>& value) {
  return value ? Param{std::string_view(*value)} : Param{};
}
[[nodiscard]] inline Param opt_flag(const std::optional<bool>& value) {
  return value ? flag(*value) : Param{};
}
// For columns where NULL stands for "".
[[nodiscard]] inline Param text_or_null(std::string_view value) {
  return value.empty() ? Param{} : Param{value};
}

[[nodiscard]] inline std::string get_text(const Row& row, int column) {
  return std::string(row.text(column));
}
[[nodiscard]] inline int get_int(const Row& row, int column) {
  return static_cast<int>(row.integer(column));
}
[[nodiscard]] inline bool get_flag(const Row& row, int column) { return row.integer(column) != 0; }
[[nodiscard]] inline Timestamp get_time(const Row& row, int column) {
  return from_millis(row.integer(column));
}
[[nodiscard]] inline std::optional<Timestamp> get_opt_time(const Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(get_time(row, column));
}
[[nodiscard]] inline std::optional<int> get_opt_int(const Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(get_int(row, column));
}
template <class IdType>
[[nodiscard]] IdType get_id(const Row& row, int column) {
  return IdType::trusted(get_text(row, column));
}

// `id < $n` for the first page too: every id is lower-case ASCII, which sorts before "~". An `OR $n
// = ''` would keep the database from seeking in the index.
[[nodiscard]] inline Param page_before(const Page& page) {
  return page.before.empty() ? std::string_view("~") : std::string_view(page.before);
}
constexpr int kPageMax = 10000;
// To SQLite a negative limit is no limit.
[[nodiscard]] inline Param page_limit(int limit) {
  return std::int64_t{std::clamp(limit, 0, kPageMax)};
}

}  // namespace carnet::store
