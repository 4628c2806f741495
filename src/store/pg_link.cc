#include "store/pg_link.h"

#include <endian.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "store/errors.h"
#include "store/pg_error.h"

namespace carnet::store {
namespace {

// Types of the server's catalogue, which never change.
constexpr unsigned kBytea = 17;
constexpr unsigned kInt8 = 20;
constexpr unsigned kText = 25;
constexpr unsigned kFloat8 = 701;
constexpr int kBinary = 1;
constexpr int kTextForm = 0;

constexpr std::chrono::milliseconds kLook{500};
// For an answer, once the server cannot be reached by others.
constexpr std::chrono::seconds kPatience{5};

constexpr int kServerVersionMin = 130000;

template <class Number>
Number read_as(const char* bytes) {
  Number number{};
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

Error cannot_connect(PGconn* connection) {
  const char* message = connection == nullptr ? "out of memory" : PQerrorMessage(connection);
  std::string_view text(message);
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string line(text);
  for (char& c : line)
    if (c == '\n') c = ' ';
  return unavailable(kNotReachable, kRetryBroken_s, "cannot connect to PostgreSQL: " + line);
}

Result<void> check_server(PGconn* connection) {
  if (PQserverVersion(connection) < kServerVersionMin)
    return tl::unexpected(unavailable("The PostgreSQL server is older than 13.", kRetryBroken_s,
                                      "the PostgreSQL server is older than 13"));
  const char* encoding = PQparameterStatus(connection, "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "UTF8")
    return tl::unexpected(unavailable("The PostgreSQL database is not encoded in UTF-8.",
                                      kRetryBroken_s, "the database's encoding is not UTF8"));
  return {};
}

}  // namespace

void PgFinish::operator()(pg_conn* connection) const { PQfinish(connection); }
void PgResultDelete::operator()(pg_result* result) const { PQclear(result); }

bool PgRow::is_null(int column) const { return PQgetisnull(result_, row_, column) != 0; }

std::string_view PgRow::text(int column) const {
  return {PQgetvalue(result_, row_, column),
          static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

std::int64_t PgRow::integer(int column) const {
  const std::string_view bytes = text(column);
  switch (bytes.size()) {
    case 8:
      return static_cast<std::int64_t>(be64toh(read_as<std::uint64_t>(bytes.data())));
    case 4:
      return static_cast<std::int32_t>(be32toh(read_as<std::uint32_t>(bytes.data())));
    case 1:
      return bytes.front() != 0 ? 1 : 0;  // a boolean
    default:
      return 0;
  }
}

double PgRow::real(int column) const {
  const std::string_view bytes = text(column);
  if (PQftype(result_, column) != kFloat8 || bytes.size() != sizeof(double))
    return static_cast<double>(integer(column));
  return std::bit_cast<double>(be64toh(read_as<std::uint64_t>(bytes.data())));
}

Result<PgHandle> pg_connect(const std::string& url) {
  // Asked first, because libpq's own words about a malformed URL hold all of it.
  char* why = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(url.c_str(), &why);
  PQfreemem(why);
  if (parsed == nullptr)
    return tl::unexpected(unavailable("The database's URL is malformed.", kRetryBroken_s,
                                      "libpq cannot read the database's URL"));
  PQconninfoFree(parsed);
  // What stands before the URL is a default that the URL may change, what stands after it is not.
  // The time-outs make a cut network an error within some seconds.
  constexpr std::size_t kCount = 10;
  const std::array<const char*, kCount> names{"connect_timeout",      "keepalives_idle",
                                              "keepalives_interval",  "keepalives_count",
                                              "tcp_user_timeout",     "fallback_application_name",
                                              "target_session_attrs", "dbname",
                                              "client_encoding",      nullptr};
  const std::array<const char*, kCount> values{
      "3", "5", "2", "3", "10000", "carnet", "read-write", url.c_str(), "UTF8", nullptr};
  PgHandle connection(PQconnectdbParams(names.data(), values.data(), 1));
  if (PQstatus(connection.get()) != CONNECTION_OK)
    return tl::unexpected(cannot_connect(connection.get()));
  CARNET_TRY_VOID(check_server(connection.get()));
  // Notices ("there is already a transaction") would go to the standard error output.
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  return connection;
}

Result<std::unique_ptr<PgLink>> PgLink::open(const PgConnectOptions& options) {
  CARNET_TRY(connection, pg_connect(options.url));
  if (!options.setup.empty()) {
    const PgResultPtr done(PQexec(connection.get(), options.setup.c_str()));
    const ExecStatusType status = PQresultStatus(done.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      return tl::unexpected(pg_error(done.get(), "the set-up of a session"));
  }
  if (PQsetnonblocking(connection.get(), 1) != 0 || PQenterPipelineMode(connection.get()) != 1)
    return tl::unexpected(pg_lost(PQerrorMessage(connection.get())));
  return std::make_unique<PgLink>(std::move(connection), options);
}

int PgLink::server_version() const { return PQserverVersion(connection_); }
int PgLink::socket() const { return PQsocket(connection_); }

void PgLink::give_up(std::string why) {
  if (why_broken_.empty()) why_broken_ = why.empty() ? "unknown" : std::move(why);
}

void PgLink::bind(std::span<const Param> params) {
  values_.clear();
  lengths_.clear();
  formats_.clear();
  types_.clear();
  numbers_.resize(params.size());
  const auto add = [this](const char* value, std::size_t length, int format, unsigned type) {
    values_.push_back(value);
    lengths_.push_back(static_cast<int>(length));
    formats_.push_back(format);
    types_.push_back(type);
    bytes_put_ += length;
  };
  // A view of nothing may hold a null pointer, which libpq would send as NULL.
  const auto not_null = [](std::string_view view) {
    return view.data() == nullptr ? "" : view.data();
  };
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Param& param = params[i];
    // Numbers go as text, so that they fit whatever type the server has made of the placeholder.
    std::array<char, 32>& digits = numbers_[i];
    if (const auto* integer = std::get_if<std::int64_t>(&param)) {
      *std::to_chars(digits.data(), digits.data() + digits.size() - 1, *integer).ptr = '\0';
      add(digits.data(), 0, kTextForm, kInt8);
    } else if (const auto* real = std::get_if<double>(&param)) {
      *std::to_chars(digits.data(), digits.data() + digits.size() - 1, *real).ptr = '\0';
      add(digits.data(), 0, kTextForm, kFloat8);
    } else if (const auto* text = std::get_if<std::string_view>(&param)) {
      add(not_null(*text), text->size(), kBinary, kText);  // text's binary form is its bytes
    } else if (const auto* blob = std::get_if<BlobView>(&param)) {
      add(not_null(blob->bytes), blob->bytes.size(), kBinary, kBytea);
    } else {
      add(nullptr, 0, kTextForm, 0);  // the server finds the type of a NULL by where it stands
    }
  }
}

PgLink::Prepared& PgLink::prepared(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  Prepared fresh{.name = fmt::format("c{}", statements_.size()), .there = false};
  return statements_.emplace(std::string(sql), std::move(fresh)).first->second;
}

bool PgLink::put(std::string_view sql, std::span<const Param> params) {
  if (broken()) return false;
  bind(params);
  Prepared& statement = prepared(sql);
  const int count = static_cast<int>(params.size());
  if (!statement.there) {
    if (PQsendPrepare(connection_, statement.name.c_str(), std::string(sql).c_str(), count,
                      types_.data()) != 1) {
      give_up(PQerrorMessage(connection_));
      return false;
    }
    statement.there = true;
    sent_.push_back({.sql = sql, .prepares = &statement});
  }
  if (PQsendQueryPrepared(connection_, statement.name.c_str(), count, values_.data(),
                          lengths_.data(), formats_.data(), kBinary) != 1) {
    give_up(PQerrorMessage(connection_));
    return false;
  }
  sent_.push_back({.sql = sql});
  return true;
}

bool PgLink::sync() {
  if (broken()) return false;
  bytes_put_ = 0;
  if (PQpipelineSync(connection_) != 1) {
    give_up(PQerrorMessage(connection_));
    return false;
  }
  sent_.push_back({.sql = {}, .is_sync = true});
  return true;
}

bool PgLink::flush() {
  if (broken()) return false;
  const int left = PQflush(connection_);
  if (left < 0) give_up(PQerrorMessage(connection_));
  return left > 0;
}

bool PgLink::take_input() {
  if (broken()) return false;
  if (PQconsumeInput(connection_) == 1) return true;
  give_up(PQerrorMessage(connection_));
  return false;
}

// False: the link is broken. True tells nothing but that it is worth another look.
bool PgLink::wait_for_socket(std::chrono::milliseconds time) {
  const bool more = flush();
  if (broken()) return false;
  pollfd entry{.fd = PQsocket(connection_),
               .events = static_cast<short>(more ? POLLIN | POLLOUT : POLLIN),
               .revents = 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(time.count()));
  return ready <= 0 || (entry.revents & (POLLIN | POLLERR | POLLHUP)) == 0 || take_input();
}

// One result of libpq; nullopt where it only marked the end of a statement's results.
std::optional<PgLink::Reply> PgLink::take_result() {
  PgResultPtr result(PQgetResult(connection_));
  if (!result) {
    if (!sent_.empty() && !sent_.front().is_sync) sent_.pop_front();
    return std::nullopt;
  }
  const ExecStatusType status = PQresultStatus(result.get());
  if (PQstatus(connection_) == CONNECTION_BAD) {
    give_up(PQresultErrorMessage(result.get()));
    return Reply{.kind = Reply::Kind::kBroken, .sql = {}, .result = {}};
  }
  if (status == PGRES_PIPELINE_SYNC) {
    if (!sent_.empty()) sent_.pop_front();
    return Reply{.kind = Reply::Kind::kSync, .sql = {}, .result = {}};
  }
  if (sent_.empty()) {
    give_up("an answer came to no question");
    return Reply{.kind = Reply::Kind::kBroken, .sql = {}, .result = {}};
  }
  const Sent& sent = sent_.front();
  const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  if (sent.prepares != nullptr) {
    if (good) return std::nullopt;  // its own end follows
    sent.prepares->there = false;
  }
  if (status == PGRES_PIPELINE_ABORTED)
    return Reply{.kind = Reply::Kind::kSkipped, .sql = sent.sql, .result = {}};
  return Reply{.kind = Reply::Kind::kResult, .sql = sent.sql, .result = std::move(result)};
}

PgLink::Reply PgLink::next_if_there() {
  while (!broken() && !sent_.empty()) {
    if (PQisBusy(connection_) == 1) return {.kind = Reply::Kind::kNothingYet};
    if (std::optional<Reply> reply = take_result()) return std::move(*reply);
  }
  return {.kind = broken() ? Reply::Kind::kBroken : Reply::Kind::kNothingYet};
}

PgLink::Reply PgLink::next() {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    if (sent_.empty()) give_up("nothing was asked");
    Reply reply = next_if_there();
    if (reply.kind != Reply::Kind::kNothingYet) return reply;
    if (!wait_for_socket(std::min(kLook, answer_timeout_))) return {.kind = Reply::Kind::kBroken};
    const auto waited = std::chrono::steady_clock::now() - begin;
    const bool alone = health_ == nullptr || health_->reachable();
    if (waited > answer_timeout_ || (waited > kPatience && !alone))
      give_up("the server did not answer in time");
  }
}

bool PgLink::next_notification(std::string& channel, std::string& payload) {
  const std::unique_ptr<PGnotify, decltype(&PQfreemem)> note(PQnotifies(connection_), PQfreemem);
  if (!note) return false;
  channel = note->relname;
  payload = note->extra;
  return true;
}

}  // namespace carnet::store
