#include "store/pg_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <charconv>

#include "store/errors.h"
#include "store/pg_error.h"

namespace carnet::store {
namespace {

// What is put without waiting for its answer is sent at the latest when it is as much as this.
constexpr std::size_t kPutMax = 256;                         // limit: internal
constexpr std::size_t kPutBytesMax = std::size_t{1} << 20U;  // limit: internal

std::string_view state_of(const pg_result* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? "" : state;
}

std::int64_t rows_changed(PGresult* result) {
  const std::string_view tag(PQcmdStatus(result));
  if (tag.starts_with("SELECT")) return 0;
  const std::string_view count(PQcmdTuples(result));
  std::int64_t changed = 0;
  std::from_chars(count.data(), count.data() + count.size(), changed);
  return changed;
}

}  // namespace

std::int64_t pg_lock_number(std::string_view name) {
  // FNV-1a. Two names with one number would only wait for each other.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return static_cast<std::int64_t>(hash);
}

Result<std::unique_ptr<PgConnection>> PgConnection::open(const PgConnectOptions& options) {
  CARNET_TRY(link, PgLink::open(options));
  return std::make_unique<PgConnection>(std::move(link));
}

void PgConnection::begin(Mode mode) {
  settle();
  mode_ = mode;
  begun_ = commit_sent_ = retryable_ = false;
  failed_.reset();
  wanted_scope_.clear();
  sent_scope_.clear();
}

Result<void> PgConnection::lost() {
  if (!failed_) failed_ = pg_lost(link_->why_broken());
  return tl::unexpected(*failed_);
}

Error PgConnection::failure_of(const PgLink::Reply& reply) {
  const std::string_view state = state_of(reply.result.get());
  if (is_worth_a_retry(state)) retryable_ = true;
  if (ends_the_session(state)) ended_ = true;
  // A closure that writes through read() is a bug of ours, not an outage.
  if (mode_ == Mode::kRead && state == "25006") {
    ended_ = false;
    return make_internal("a read closure tried to write: " + std::string(reply.sql)).value();
  }
  return pg_error(reply.result.get(), reply.sql);
}

Result<PgResultPtr> PgConnection::exchange() {
  PgResultPtr last;
  if (link_->sync()) {
    for (;;) {
      PgLink::Reply reply = link_->next();
      if (reply.kind == PgLink::Reply::Kind::kBroken) break;
      if (reply.kind == PgLink::Reply::Kind::kSync) {
        if (failed_) return tl::unexpected(*failed_);
        return last;
      }
      if (reply.kind != PgLink::Reply::Kind::kResult) continue;
      const ExecStatusType status = PQresultStatus(reply.result.get());
      if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        if (!failed_) failed_ = failure_of(reply);
      } else {
        last = std::move(reply.result);
      }
    }
  }
  return tl::unexpected(lost().error());
}

bool PgConnection::put(std::string_view sql, std::span<const Param> params) {
  if (!begun_) {
    begun_ = true;
    if (mode_ == Mode::kWrite && !link_->put("BEGIN", {})) return false;
    if (mode_ == Mode::kRead && !link_->put("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {}))
      return false;
  }
  if (wanted_scope_ != sent_scope_) {
    const std::array scope{Param{std::string_view(wanted_scope_)}};
    if (!link_->put("SELECT set_config('carnet.tenant', $1, true)", scope)) return false;
    sent_scope_ = wanted_scope_;
  }
  return link_->put(sql, params);
}

Result<std::int64_t> PgConnection::run(std::string_view sql, std::span<const Param> params,
                                       const OnRow& on_row) {
  if (failed_) return tl::unexpected(*failed_);
  if (!put(sql, params)) return tl::unexpected(lost().error());
  CARNET_TRY(result, exchange());
  if (on_row) {
    const int rows = PQntuples(result.get());
    for (int row = 0; row < rows; ++row) on_row(PgRow(result.get(), row));
  }
  return rows_changed(result.get());
}

Result<void> PgConnection::send(std::string_view sql, std::span<const Param> params) {
  if (failed_) return tl::unexpected(*failed_);
  if (!put(sql, params)) return lost();
  if (mode_ != Mode::kNone && link_->waiting() < kPutMax && link_->bytes_put() < kPutBytesMax)
    return {};
  CARNET_TRY_VOID(exchange());
  return {};
}

Result<void> PgConnection::lock(std::string_view name) {
  const std::array number{Param{pg_lock_number(name)}};
  return send("SELECT pg_advisory_xact_lock($1)", number);
}

Result<void> PgConnection::notify(std::string_view channel, std::string_view payload) {
  const std::array params{Param{channel}, Param{payload}};
  return send("SELECT pg_notify($1, $2)", params);
}

Result<void> PgConnection::commit() {
  if (!failed_ && !begun_) return {};
  if (!failed_) {
    commit_sent_ = true;
    if (!link_->put("COMMIT", {})) return lost();
    const Result<PgResultPtr> done = exchange();
    if (!done && link_->broken()) failed_->internal += "; whether the commit counted is not known";
    // The server answers COMMIT of a transaction that failed with ROLLBACK, and no error.
    if (done && std::string_view(PQcmdStatus(done->get())) == "COMMIT") return {};
    if (done) failed_ = make_internal("a closure went on after an error that it kept").value();
  }
  Error error = *failed_;
  rollback();
  return tl::unexpected(std::move(error));
}

void PgConnection::rollback() {
  if (!begun_ || mode_ == Mode::kNone) return;
  // If one of these fails, the server skips everything up to the end of their batch.
  if (link_->waiting() > 0) static_cast<void>(exchange());
  if (link_->put("ROLLBACK", {}) && link_->sync()) {
    unsettled_ = true;
    static_cast<void>(link_->flush());
  }
  begun_ = false;
}

void PgConnection::settle() {
  if (!std::exchange(unsettled_, false)) return;
  for (;;) {
    const PgLink::Reply reply = link_->next();
    if (reply.kind == PgLink::Reply::Kind::kBroken || reply.kind == PgLink::Reply::Kind::kSync)
      return;
  }
}

bool PgConnection::may_run_again() const {
  return retryable_ || (link_->broken() && !commit_sent_);
}

}  // namespace carnet::store
