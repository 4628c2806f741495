#pragma once
// A session of PostgreSQL as closures use it: transactions that begin with their first statement,
// and statements whose answer nobody waits for sent together with the next. Owned by one thread of
// the PostgreSQL backend; not thread-safe.

#include <memory>
#include <optional>
#include <string>

#include "store/pg_link.h"

namespace carnet::store {

class PgConnection final : public Connection {
 public:
  // kWrite: READ COMMITTED. kRead: REPEATABLE READ READ ONLY, one snapshot. kNone: each statement
  // by itself.
  enum class Mode { kNone, kWrite, kRead };

  [[nodiscard]] static Result<std::unique_ptr<PgConnection>> open(const PgConnectOptions& options);
  explicit PgConnection(std::unique_ptr<PgLink> link) : link_(std::move(link)) {}

  // A transaction: begin(), the closure, and commit() or rollback(). Nothing is sent before the
  // first statement.
  void begin(Mode mode);
  // kUnavailable if the connection broke meanwhile: then nobody knows whether it counted.
  [[nodiscard]] Result<void> commit();
  // Does not wait for the server's answer; the next begin() does.
  void rollback();

  using Connection::run;
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                                         const OnRow& on_row) override;
  [[nodiscard]] Result<void> send(std::string_view sql, std::span<const Param> params) override;
  [[nodiscard]] Result<void> lock(std::string_view name) override;
  [[nodiscard]] Result<void> notify(std::string_view channel, std::string_view payload) override;
  [[nodiscard]] Dialect dialect() const override { return Dialect::kPostgres; }

  // After a failure: whether the same closure may be run again, because the transaction was undone
  // for the sake of another one or the connection broke before COMMIT was sent.
  [[nodiscard]] bool may_run_again() const;
  // The session is of no more use; open another.
  [[nodiscard]] bool spent() const { return link_->broken() || ended_; }
  [[nodiscard]] PgLink& link() { return *link_; }

 protected:
  void set_scope(std::string_view scope) override { wanted_scope_ = scope; }

 private:
  [[nodiscard]] bool put(std::string_view sql, std::span<const Param> params);
  // Sends what was put and waits for all of it; gives the last result.
  [[nodiscard]] Result<PgResultPtr> exchange();
  void settle();
  [[nodiscard]] Result<void> lost();
  [[nodiscard]] Error failure_of(const PgLink::Reply& reply);

  std::unique_ptr<PgLink> link_;
  Mode mode_ = Mode::kNone;
  bool begun_ = false;
  bool commit_sent_ = false;
  bool unsettled_ = false;  // a ROLLBACK is on its way
  bool retryable_ = false;
  bool ended_ = false;
  std::optional<Error> failed_;  // what ended the transaction
  std::string wanted_scope_, sent_scope_;
};

// A number for a name, for the server's advisory locks.
[[nodiscard]] std::int64_t pg_lock_number(std::string_view name);

}  // namespace carnet::store
