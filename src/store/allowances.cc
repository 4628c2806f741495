#include "store/allowances.h"

#include <boost/json.hpp>
#include <unordered_map>

#include "base/json.h"
#include "store/query.h"

namespace carnet::store {
namespace {

// Rows of one statement: keeps it, and the time its locks are held, short.
constexpr std::size_t kNamesAtOnceMax = 256;  // limit: internal

std::string batches_json(std::span<const allowances::Batch> batches) {
  boost::json::array rows;
  rows.reserve(batches.size());
  for (const allowances::Batch& batch : batches)
    rows.push_back(boost::json::object{{"name", batch.name},
                                       {"spacing", batch.spacing_ns * batch.units},
                                       {"tolerance", batch.tolerance_ns},
                                       {"asked", batch.count}});
  return json::write(rows);
}

}  // namespace

namespace allowances {

// Until when the allowance is used up, at the time of this batch. A time that lies a minute beyond
// what can be is a clock that stepped back, and locks nobody out for longer than a full allowance;
// less is a batch that was overtaken while it waited for the row.
#define CARNET_ALLOWANCE_USED                                                 \
  "(CASE WHEN kept.arrival > excluded.at + excluded.tolerance + 60000000000 " \
  "THEN excluded.at + excluded.tolerance ELSE greatest(excluded.at, kept.arrival) END)"

// `arrival` is the time at which the allowance is full again. The rows are taken in the order of
// their names: two instances cannot wait for each other.
Result<std::vector<Counted>> take(Connection& db, std::span<const Batch> batches) {
  std::unordered_map<std::string, Counted> by_name;
  const auto on_row = [&](const Row& row) {
    by_name.emplace(get_text(row, 0),
                    Counted{.granted = row.integer(1), .used_ns = row.integer(2)});
  };
  const std::string rows = batches_json(batches);
  db.as_system();
  CARNET_TRY_VOID(
      db.run(
          "INSERT INTO allowances AS kept (name, at, spacing, tolerance, asked, granted, arrival) "
          "SELECT name, at, spacing, tolerance, asked, least(asked, tolerance / spacing), "
          "at + least(asked, tolerance / spacing) * spacing "
          "FROM (SELECT name, spacing, tolerance, asked, "
          "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS BIGINT) AS at "
          "FROM json_to_recordset(CAST($1 AS JSON)) "
          "AS given (name TEXT, spacing BIGINT, tolerance BIGINT, asked BIGINT)) AS wanted "
          "ORDER BY name "
          "ON CONFLICT (name) DO UPDATE SET at = excluded.at, spacing = excluded.spacing, "
          "tolerance = excluded.tolerance, asked = excluded.asked, "
          "granted = least(excluded.asked, greatest(0, (excluded.at + excluded.tolerance "
          "- " CARNET_ALLOWANCE_USED ") / excluded.spacing)), "
          "arrival = " CARNET_ALLOWANCE_USED
          " + excluded.spacing * least(excluded.asked, greatest(0, (excluded.at + "
          "excluded.tolerance - " CARNET_ALLOWANCE_USED ") / excluded.spacing)) "
          "RETURNING name, granted, arrival - at",
          {std::string_view(rows)}, on_row));
  std::vector<Counted> counted;
  counted.reserve(batches.size());
  for (const Batch& batch : batches) counted.push_back(by_name[batch.name]);
  return counted;
}

Result<std::int64_t> purge(Connection& db) {
  db.as_system();
  return db.run(
      "DELETE FROM allowances WHERE arrival < "
      "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS BIGINT)");
}

}  // namespace allowances

Task<Result<AllowanceGrant>> Allowances::take(AllowanceAsk ask) {
  auto grant = std::make_shared<AllowanceGrant>();
  std::function<void(Database::Done)> submit = [this, grant,
                                                ask = std::move(ask)](Database::Done done) {
    enqueue(ask, [grant, done = std::move(done)](Result<AllowanceGrant> result) {
      if (!result) return done(tl::unexpected(std::move(result).error()));
      *grant = *result;
      done({});
    });
  };
  Result<void> done = co_await db_.await(std::move(submit));
  if (!done) co_return tl::unexpected(std::move(done).error());
  co_return *grant;
}

void Allowances::enqueue(AllowanceAsk ask, Granted granted) {
  {
    const std::lock_guard lock(mutex_);
    Key key{.name = std::move(ask.name),
            .spacing_ns = ask.spacing_ns,
            .tolerance_ns = ask.tolerance_ns,
            .units = ask.units};
    waiting_[std::move(key)].push_back(std::move(granted));
    if (sending_) return;
    sending_ = true;
  }
  send();
}

// The groups of the next statement: no name twice, as many as it may have rows.
Allowances::Groups Allowances::next(Groups& waiting) {
  Groups taken;
  for (auto it = waiting.begin(); it != waiting.end() && taken.size() < kNamesAtOnceMax;) {
    if (!taken.empty() && taken.rbegin()->first.name == it->first.name) {
      ++it;
      continue;
    }
    auto node = waiting.extract(it++);
    taken.insert(taken.end(), std::move(node));
  }
  return taken;
}

void Allowances::send() {
  auto groups = std::make_shared<Groups>();
  {
    const std::lock_guard lock(mutex_);
    *groups = next(waiting_);
    if (groups->empty()) {
      sending_ = false;
      return;
    }
  }
  auto counted = std::make_shared<std::vector<allowances::Counted>>();
  Database::Work work = [groups, counted](Connection& connection) -> Result<void> {
    std::vector<allowances::Batch> batches;
    batches.reserve(groups->size());
    for (const auto& [key, requests] : *groups)
      batches.push_back({.name = key.name,
                         .spacing_ns = key.spacing_ns,
                         .tolerance_ns = key.tolerance_ns,
                         .units = std::max<std::int64_t>(1, key.units),
                         .count = key.units == 0 ? 0 : static_cast<std::int64_t>(requests.size())});
    CARNET_TRY(got, allowances::take(connection, batches));
    *counted = std::move(got);
    return {};
  };
  Database::Done done = [this, groups, counted](const Result<void>& result) {
    std::size_t at = 0;
    for (const auto& [key, requests] : *groups) {
      const allowances::Counted of_name = result ? (*counted)[at++] : allowances::Counted{};
      std::int64_t left = of_name.granted;
      for (const Granted& granted : requests) {
        if (!result) {
          granted(tl::unexpected(result.error()));
          continue;
        }
        granted(AllowanceGrant{.granted = key.units == 0 || left > 0, .used_ns = of_name.used_ns});
        --left;
      }
    }
    send();
  };
  db_.submit_write(std::move(work), std::move(done));
}

}  // namespace carnet::store
