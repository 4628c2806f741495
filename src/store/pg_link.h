#pragma once
// A connection to PostgreSQL as libpq gives it, in pipeline mode: statements are put in, answers
// come out in the same order. It never blocks without an end: every wait has a deadline, after
// which the link is broken. Owned by one thread; not thread-safe. Statements are prepared once a
// link and kept by their text; the texts are literals, so their number is bounded by the program.

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/database.h"
#include "store/pg_health.h"

struct pg_conn;
struct pg_result;

namespace carnet::store {

struct PgConnectOptions {
  std::string url;
  // SQL for the new session, many statements: role, time-outs.
  std::string setup;
  std::chrono::milliseconds answer_timeout{40'000};
  // If given, an answer that takes long is given up as soon as the server cannot be reached by
  // others either. Must outlive the link.
  const PgHealth* health = nullptr;
};

struct PgResultDelete {
  void operator()(pg_result* result) const;
};
using PgResultPtr = std::unique_ptr<pg_result, PgResultDelete>;

struct PgFinish {
  void operator()(pg_conn* connection) const;
};
using PgHandle = std::unique_ptr<pg_conn, PgFinish>;
// Connects and checks version and encoding. Blocks for the connect_timeout of the URL, 3 s a host
// by default. Errors: kUnavailable; `internal` says why, without the URL.
[[nodiscard]] Result<PgHandle> pg_connect(const std::string& url);

// A row of a result; integers and reals come in binary form.
class PgRow final : public Row {
 public:
  PgRow(const pg_result* result, int row) : result_(result), row_(row) {}
  [[nodiscard]] bool is_null(int column) const override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] double real(int column) const override;
  [[nodiscard]] std::string_view text(int column) const override;
  [[nodiscard]] std::string_view blob(int column) const override { return text(column); }

 private:
  const pg_result* result_;
  int row_;
};

class PgLink {
 public:
  // As pg_connect().
  [[nodiscard]] static Result<std::unique_ptr<PgLink>> open(const PgConnectOptions& options);
  // Takes over an open connection; use open().
  PgLink(PgHandle connection, const PgConnectOptions& options)
      : owner_(std::move(connection)),
        connection_(owner_.get()),
        answer_timeout_(options.answer_timeout),
        health_(options.health) {}
  PgLink(const PgLink&) = delete;
  PgLink& operator=(const PgLink&) = delete;

  [[nodiscard]] bool broken() const { return !why_broken_.empty(); }
  [[nodiscard]] const std::string& why_broken() const { return why_broken_; }
  [[nodiscard]] int server_version() const;  // 150014
  [[nodiscard]] int socket() const;

  // Puts a statement into the pipeline; nothing is sent yet. False: the link is broken.
  bool put(std::string_view sql, std::span<const Param> params);
  // Ends a batch: what was put since the last one is sent, and the server answers all of it. Where
  // one of the batch fails, the rest of it is skipped.
  bool sync();
  [[nodiscard]] std::size_t waiting() const { return sent_.size(); }
  [[nodiscard]] std::size_t bytes_put() const { return bytes_put_; }  // since the last sync

  // The next answer.
  struct Reply {
    enum class Kind { kResult, kSkipped, kSync, kNothingYet, kBroken };
    Kind kind = Kind::kBroken;
    std::string_view sql;  // of a kResult or kSkipped
    PgResultPtr result;    // of a kResult
  };
  // Waits for it; without anything waiting it is kBroken.
  [[nodiscard]] Reply next();
  // The same without waiting; kNothingYet. For those who wait for the socket themselves, after
  // take_input().
  [[nodiscard]] Reply next_if_there();
  bool take_input();           // reads what the socket has
  [[nodiscard]] bool flush();  // true: more is to be sent once the socket takes it
  [[nodiscard]] bool next_notification(std::string& channel, std::string& payload);
  void give_up(std::string why);

 private:
  struct Prepared {
    std::string name;
    bool there = false;  // or on its way
  };
  struct Sent {
    std::string_view sql;
    Prepared* prepares = nullptr;  // what this makes, if it is no statement itself
    bool is_sync = false;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  void bind(std::span<const Param> params);
  [[nodiscard]] Prepared& prepared(std::string_view sql);
  [[nodiscard]] bool wait_for_socket(std::chrono::milliseconds time);
  [[nodiscard]] std::optional<Reply> take_result();

  PgHandle owner_;
  pg_conn* connection_;
  std::chrono::milliseconds answer_timeout_;
  const PgHealth* health_;
  std::string why_broken_;
  std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> statements_;
  std::deque<Sent> sent_;
  std::size_t bytes_put_ = 0;
  // What a statement is sent with; kept for their memory.
  std::vector<const char*> values_;
  std::vector<int> lengths_, formats_;
  std::vector<unsigned> types_;
  std::vector<std::array<char, 32>> numbers_;
};

}  // namespace carnet::store
