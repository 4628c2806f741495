#include "service/idempotency.h"

#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "service/owner_name.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr auto kKeptFor = std::chrono::hours(24);
constexpr auto kTakeOverAfter = std::chrono::seconds(60);
constexpr int kPurgeAtOnce = 1000;

// Keyed, because both a key and a body may be guessable: a copy of the database must not confirm a
// guess.
std::string keyed_hash(const Secret& key, std::string_view purpose, std::string_view text) {
  std::string data(purpose);
  data += '\0';
  data += text;
  return to_hex(crypto::hmac_sha256(key, data));
}

// Binds an answer to its record, so that nobody with write access to the database can move it to
// another.
std::string context_of(const store::IdempotencyRow& row) {
  return row.tenant_id + '\n' + row.operation + '\n' + row.key_hash + '\n' + row.fingerprint;
}

// Of two requests that come at once, here or on two instances, one begins and the other finds it.
std::string lock_of(const std::string& tenant, const std::string& operation,
                    const std::string& key_hash) {
  return "idempotency/" + tenant + '/' + operation + '/' + key_hash;
}

std::string write_answer(const KeptAnswer& answer) {
  boost::json::object object;
  object["status"] = answer.status;
  object["location"] = answer.location;
  object["body"] = answer.body;
  return json::write(object);
}

Result<KeptAnswer> read_answer(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  const boost::json::object* object = value.if_object();
  if (object == nullptr) return make_internal("kept answer: not an object");
  const boost::json::value* status = object->if_contains("status");
  const boost::json::value* location = object->if_contains("location");
  const boost::json::value* body = object->if_contains("body");
  if (status == nullptr || !status->is_int64() || location == nullptr || !location->is_string() ||
      body == nullptr || !body->is_string())
    return make_internal("kept answer: a member is missing");
  return KeptAnswer{.status = static_cast<int>(status->as_int64()),
                    .body = std::string(body->as_string()),
                    .location = std::string(location->as_string())};
}

}  // namespace

Idempotency::Idempotency(store::Database& db, const Clock& clock, Random& random,
                         const Secret& pepper)
    : db_(db),
      clock_(clock),
      random_(random),
      seal_key_(crypto::derive_key(pepper, "carnet idempotency v1")),
      owner_(new_owner_name(random)) {}

Task<Result<std::optional<KeptAnswer>>> Idempotency::begin(TenantId tenant, std::string operation,
                                                           std::string key, std::string body) {
  using Kept = std::optional<store::IdempotencyRow>;
  store::IdempotencyRow fresh;
  fresh.tenant_id = tenant.str();
  fresh.operation = std::move(operation);
  fresh.key_hash = keyed_hash(seal_key_, "key", key);
  fresh.fingerprint = keyed_hash(seal_key_, "body", body);
  fresh.state = "running";
  fresh.owner = owner_;
  fresh.created_at = clock_.now();

  const auto work = [fresh](store::Connection& connection) -> Result<Kept> {
    CARNET_TRY_VOID(connection.lock(lock_of(fresh.tenant_id, fresh.operation, fresh.key_hash)));
    CARNET_TRY(found, store::idempotency::find(connection, fresh.tenant_id, fresh.operation,
                                               fresh.key_hash));
    if (found) {
      const auto age = fresh.created_at - found->created_at;
      if (age < kKeptFor) {
        if (found->fingerprint != fresh.fingerprint)
          return make_error(ErrorCode::kIdempotencyKeyReused,
                            "This Idempotency-Key was used before with another request body.");
        if (found->state == "done") return std::move(found);
        if (age < kTakeOverAfter)
          return make_error(
              ErrorCode::kIdempotencyInProgress,
              "The first request with this Idempotency-Key is still being worked on.");
      }
      CARNET_TRY_VOID(
          store::idempotency::erase(connection, fresh.tenant_id, fresh.operation, fresh.key_hash));
    }
    CARNET_TRY_VOID(store::idempotency::begin(connection, fresh));
    return Kept{};
  };
  CARNET_CO_TRY(kept, co_await db_.write<Kept>(work));
  if (!kept) co_return std::optional<KeptAnswer>{};
  const std::optional<std::string> plain =
      crypto::unseal(seal_key_, kept->response, context_of(*kept));
  if (!plain) co_return make_internal("kept answer: the seal does not open");
  CARNET_CO_TRY(answer, read_answer(*plain));
  co_return std::optional<KeptAnswer>(std::move(answer));
}

Task<Result<void>> Idempotency::finish(TenantId tenant, std::string operation, std::string key,
                                       KeptAnswer answer) {
  const std::string key_hash = keyed_hash(seal_key_, "key", key);
  const std::string plain = write_answer(answer);
  const auto work = [this, tenant, operation, key_hash, plain,
                     status = answer.status](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(row, store::idempotency::find(connection, tenant.str(), operation, key_hash));
    // Somebody else took the record over, or it was purged: theirs is the answer that counts.
    if (!row || row->owner != owner_ || row->state != "running") return false;
    row->state = "done";
    row->status = status;
    row->response = crypto::seal(seal_key_, plain, context_of(*row), random_);
    CARNET_TRY_VOID(store::idempotency::finish(connection, *row));
    return true;
  };
  CARNET_CO_TRY(done, co_await db_.write<bool>(work));
  static_cast<void>(done);
  co_return Result<void>{};
}

Task<void> Idempotency::abandon(TenantId tenant, std::string operation, std::string key) {
  const std::string key_hash = keyed_hash(seal_key_, "key", key);
  const auto work = [this, tenant, operation,
                     key_hash](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.lock(lock_of(tenant.str(), operation, key_hash)));
    CARNET_TRY(row, store::idempotency::find(connection, tenant.str(), operation, key_hash));
    if (!row || row->owner != owner_ || row->state != "running") return false;
    CARNET_TRY_VOID(store::idempotency::erase(connection, tenant.str(), operation, key_hash));
    return true;
  };
  // Without the database the record stays "running" and is taken over after a minute.
  static_cast<void>(co_await db_.write<bool>(work));
}

Task<void> Idempotency::purge() {
  const Timestamp older_than = clock_.now() - kKeptFor;
  const auto work = [older_than](store::Connection& connection) -> Result<int> {
    return store::idempotency::purge(connection, older_than, kPurgeAtOnce);
  };
  for (;;) {
    const Result<int> dropped = co_await db_.write<int>(work);
    if (!dropped || *dropped < kPurgeAtOnce) co_return;
  }
}

}  // namespace carnet::service
