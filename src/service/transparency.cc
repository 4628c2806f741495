#include "service/transparency.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/work_threads.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

namespace tlog = store::tlog;
using evidence::Checkpoint;
using evidence::NoteKey;
using store::Connection;

constexpr std::string_view kLogLock = "transparency";
constexpr std::chrono::seconds kClockSkew{300};  // a witness's clock may be ahead by as much

std::int64_t sql(std::uint64_t value) { return static_cast<std::int64_t>(value); }

evidence::MerkleHash hash_of(std::string_view bytes) {
  evidence::MerkleHash out{};
  const auto given = as_bytes(bytes);
  std::copy_n(given.begin(), std::min(given.size(), out.size()), out.begin());
  return out;
}

std::string witness_id(const NoteKey& key) { return fmt::format("{}+{:08x}", key.name, key.id()); }

tl::unexpected<Error> bad(std::string_view field, std::string_view code, std::string detail) {
  FieldErrors errors;
  errors.add(field, code, detail);
  return errors.take();
}

// What may be asked of a log of this size. A query parameter has no JSON pointer.
tl::unexpected<Error> bad_size(std::string_view field, std::uint64_t min, std::uint64_t max) {
  const std::string detail =
      min > max ? fmt::format("must be {} or more, and the log has {} entries", min, max)
                : fmt::format("must be a whole number from {} to {}", min, max);
  return make_validation_error({FieldError{
      .field = std::string(field), .pointer = "", .code = "out_of_range", .detail = detail}});
}

evidence::TileReader tiles_of(Connection& connection) {
  return [&connection](const evidence::TileId& tile, int) -> Result<std::string> {
    const tlog::TileKey key{.level = tile.level, .position = sql(tile.index)};
    CARNET_TRY(hashes, tlog::find_tile(connection, key));
    return std::move(hashes).value_or(std::string());
  };
}

Result<std::uint64_t> size_of(Connection& connection) {
  CARNET_TRY(head, tlog::head(connection));
  return head ? static_cast<std::uint64_t>(head->size) : 0;
}

Result<evidence::MerkleHash> root_of(Connection& connection, std::uint64_t size) {
  return evidence::root_at(tiles_of(connection), size);
}

// Puts a leaf at the right edge of every level that it completes something in.
Result<void> grow_tiles(Connection& connection, std::uint64_t index, evidence::MerkleHash hash) {
  for (int level = 0;; ++level) {
    const std::uint64_t offset = index % evidence::kTileWidth;
    const tlog::TileKey key{.level = level, .position = sql(index / evidence::kTileWidth)};
    std::string hashes;
    if (offset > 0) {
      CARNET_TRY(known, tlog::find_tile(connection, key));
      hashes = std::move(known).value_or(std::string());
    }
    if (hashes.size() != offset * evidence::kMerkleHashBytes)
      return make_internal(fmt::format("log: tile {}/{} has {} bytes before its hash {}", level,
                                       key.position, hashes.size(), offset));
    hashes += as_text(hash);
    CARNET_TRY_VOID(tlog::put_tile(connection, key, hashes));
    if (offset + 1 < evidence::kTileWidth) return {};
    hash = evidence::full_tile_root(hashes);
    index /= evidence::kTileWidth;
  }
}

}  // namespace

struct Transparency::State {
  State(store::Database& database, const Clock& time, Random& source, const Log& logger,
        const evidence::Signer& keys, Options given)
      : db(database),
        clock(time),
        random(source),
        log(logger),
        signer(keys),
        options(std::move(given)) {}

  [[nodiscard]] Result<std::optional<Published>> find(Connection& connection,
                                                      std::uint64_t size) const;
  [[nodiscard]] std::function<Result<std::string>(Connection&)> name_of_log() const;
  [[nodiscard]] Result<Checkpoint> head_at(std::optional<std::uint64_t> wanted) const;
  [[nodiscard]] Result<Published> publish(std::optional<std::uint64_t> wanted) const;
  [[nodiscard]] Task<Result<Published>> published(std::optional<std::uint64_t> wanted);
  [[nodiscard]] Result<Accepted> take(const std::string& text, const std::string& request_id) const;
  [[nodiscard]] Result<Accepted> keep(const Checkpoint& checkpoint,
                                      std::vector<store::LogCosignatureRow> rows,
                                      const std::string& request_id) const;

  store::Database& db;
  const Clock& clock;
  Random& random;
  const Log& log;
  const evidence::Signer& signer;
  Options options;
  // One thread: of many who ask for a checkpoint that is not there yet, the first has it signed and
  // the others find it.
  WorkThreads threads{{.threads = 1}};
};

// The published checkpoint of a size, with the lines of the witnesses that are configured now.
Result<std::optional<Transparency::Published>> Transparency::State::find(Connection& connection,
                                                                         std::uint64_t size) const {
  CARNET_TRY(row, tlog::find_checkpoint(connection, sql(size)));
  if (!row) return std::optional<Published>();
  CARNET_TRY(head, tlog::head(connection));
  Published out;
  out.checkpoint = {
      .origin = head ? head->origin : options.origin, .size = size, .root = hash_of(row->root)};
  out.at = row->at;
  out.note = std::move(row->note);
  out.keys = std::move(row->keys);
  if (!options.witnesses.empty()) {
    CARNET_TRY(rows, tlog::cosignatures(connection, sql(size)));
    for (const NoteKey& key : options.witnesses)
      for (const store::LogCosignatureRow& line : rows)
        if (line.witness == witness_id(key)) out.cosignatures += line.line;
  }
  return std::optional(std::move(out));
}

std::function<Result<std::string>(Connection&)> Transparency::State::name_of_log() const {
  return [this](Connection& connection) -> Result<std::string> {
    CARNET_TRY(head, tlog::head(connection));
    return head ? head->origin : options.origin;
  };
}

// What a checkpoint of that size says. The tree only grows, so it says the same later.
Result<Checkpoint> Transparency::State::head_at(std::optional<std::uint64_t> wanted) const {
  const std::function<Result<Checkpoint>(Connection&)> work =
      [&](Connection& connection) -> Result<Checkpoint> {
    CARNET_TRY(head, tlog::head(connection));
    Checkpoint out;
    out.origin = head ? head->origin : options.origin;
    const std::uint64_t newest = head ? static_cast<std::uint64_t>(head->size) : 0;
    out.size = wanted.value_or(newest);
    if (out.size > newest) return bad_size("size", 0, newest);
    if (head && out.size == newest) {
      CARNET_TRY(frontier, evidence::Frontier::restore(newest, head->frontier));
      out.root = frontier.root();
    } else {
      CARNET_TRY(root, root_of(connection, out.size));
      out.root = root;
    }
    return out;
  };
  return db.point_read<Checkpoint>(work);
}

// On the pool's thread: signs and stores, unless another was first, and gives what is stored.
Result<Transparency::Published> Transparency::State::publish(
    std::optional<std::uint64_t> wanted) const {
  CARNET_TRY(checkpoint, head_at(wanted));
  using Found = std::optional<Published>;
  const std::function<Result<Found>(Connection&)> look = [&](Connection& connection) {
    return find(connection, checkpoint.size);
  };
  CARNET_TRY(known, db.point_read<Found>(look));
  if (known) return *std::move(known);
  if (!evidence::is_key_name(checkpoint.origin))
    return make_internal("log: the origin is no key name");
  CARNET_TRY(made, evidence::sign_checkpoint(checkpoint, signer));
  const store::LogCheckpointRow row{
      .size = sql(checkpoint.size),
      .root = std::string(as_text(checkpoint.root)),
      .note = std::move(made.note),
      .keys = to_vkey(made.ed25519) + '\n' + to_vkey(made.mldsa65) + '\n',
      .at = clock.now()};
  Found out;
  const auto work = [&](Connection& connection) -> Result<void> {
    CARNET_TRY_VOID(connection.lock(kLogLock));
    CARNET_TRY(head, tlog::begin(connection, checkpoint.origin));
    // Another process may have named the log meanwhile; then this note must not be kept.
    if (head.origin != checkpoint.origin)
      return make_error(ErrorCode::kUnavailable, "The log has just been named; try again.");
    CARNET_TRY(kept, tlog::keep_checkpoint(connection, row));
    if (kept.root != row.root)
      return make_internal(fmt::format("log: another root was published for size {}", row.size));
    CARNET_TRY(found, find(connection, checkpoint.size));
    out = std::move(found);
    return {};
  };
  CARNET_TRY_VOID(db.write_blocking(work));
  if (!out) return make_internal("log: a checkpoint is missing after it was kept");
  log.info("log_checkpoint", {{"size", row.size}});
  return *std::move(out);
}

Task<Result<Transparency::Published>> Transparency::State::published(
    std::optional<std::uint64_t> wanted) {
  using Found = std::optional<Published>;
  const std::function<Result<Found>(Connection&)> look =
      [this, wanted](Connection& connection) -> Result<Found> {
    CARNET_TRY(newest, size_of(connection));
    const std::uint64_t size = wanted.value_or(newest);
    if (size > newest) return bad_size("size", 0, newest);
    return find(connection, size);
  };
  CARNET_CO_TRY(known, co_await db.point<Found>(look));
  if (known) co_return *std::move(known);
  // Without a size it is the newest by the time that it is signed, which may be a larger one.
  Result<Published> out = make_internal("log: no checkpoint was made");
  const auto job = [this, wanted, &out] { out = publish(wanted); };
  CARNET_CO_TRY_VOID(co_await threads.run(job));
  co_return out;
}

Transparency::Transparency(store::Database& db, const Clock& clock, Random& random, const Log& log,
                           const evidence::Signer& signer, Options options)
    : state_(std::make_unique<State>(db, clock, random, log, signer, std::move(options))) {}

Transparency::~Transparency() = default;

void Transparency::set_origin(std::string origin) { state_->options.origin = std::move(origin); }

std::string Transparency::origin_of(std::string_view public_url) {
  const std::size_t scheme = public_url.find("://");
  if (scheme != std::string_view::npos) public_url.remove_prefix(scheme + 3);
  while (public_url.ends_with('/')) public_url.remove_suffix(1);
  return std::string(public_url) + "/log";
}

Result<void> Transparency::require_origin(std::string_view wanted) {
  CARNET_TRY(name, state_->db.point_read<std::string>(state_->name_of_log()));
  if (name == wanted) return {};
  return make_error(ErrorCode::kConflict,
                    fmt::format("The transparency log of this database is named {}, and a log "
                                "never changes its name: give that name, or none.",
                                name));
}

void Transparency::stop() { state_->threads.stop(); }

void Transparency::report(MetricText& out) { state_->threads.report(out, "checkpoints"); }

Result<LogEntry> Transparency::append(Connection& connection,
                                      const crypto::Digest256& envelope) const {
  const std::string digest(as_text(envelope));
  // One at a time, on all instances, until the transaction ends: the next begins where this ended.
  CARNET_TRY_VOID(connection.lock(kLogLock));
  CARNET_TRY(known, tlog::find_entry(connection, digest));
  if (known) return LogEntry{.index = static_cast<std::uint64_t>(known->position), .at = known->at};
  CARNET_TRY(head, tlog::begin(connection, state_->options.origin));
  CARNET_TRY(frontier,
             evidence::Frontier::restore(static_cast<std::uint64_t>(head.size), head.frontier));
  const LogEntry entry{.index = frontier.size(), .at = state_->clock.now()};
  CARNET_TRY_VOID(tlog::insert_entry(
      connection, {.position = sql(entry.index), .digest = digest, .at = entry.at}));
  const evidence::MerkleHash leaf = evidence::leaf_hash(envelope);
  CARNET_TRY_VOID(grow_tiles(connection, entry.index, leaf));
  frontier.append(leaf);
  const store::LogHeadRow grown{
      .origin = head.origin, .size = sql(frontier.size()), .frontier = frontier.bytes()};
  CARNET_TRY(advanced, tlog::advance(connection, head.size, grown));
  if (!advanced)
    return make_error(ErrorCode::kUnavailable, "The log has just grown; try again.",
                      "log: the head moved inside a write transaction");
  return entry;
}

Task<Result<std::string>> Transparency::origin() {
  return state_->db.point<std::string>(state_->name_of_log());
}

Task<Result<Transparency::Published>> Transparency::checkpoint() {
  return state_->published(std::nullopt);
}

Task<Result<Transparency::Published>> Transparency::checkpoint_at(std::uint64_t size) {
  return state_->published(size);
}

Task<Result<Transparency::Inclusion>> Transparency::inclusion(crypto::Digest256 envelope,
                                                              std::optional<std::uint64_t> size) {
  const auto work = [envelope, size](Connection& connection) -> Result<Inclusion> {
    CARNET_TRY(newest, size_of(connection));
    CARNET_TRY(row, tlog::find_entry(connection, as_text(envelope)));
    if (!row) return make_error(ErrorCode::kNotFound, "The log has no entry with this hash.");
    Inclusion out;
    out.entry = {.index = static_cast<std::uint64_t>(row->position), .at = row->at};
    const std::uint64_t wanted = size.value_or(newest);
    if (wanted <= out.entry.index || wanted > newest)
      return bad_size("size", out.entry.index + 1, newest);
    CARNET_TRY(proof, evidence::prove_inclusion(tiles_of(connection), out.entry.index, wanted));
    CARNET_TRY(root, root_of(connection, wanted));
    out.proof = std::move(proof);
    out.root = root;
    return out;
  };
  co_return co_await state_->db.read<Inclusion>(work);
}

Task<Result<Transparency::Consistency>> Transparency::consistency(std::uint64_t from,
                                                                  std::optional<std::uint64_t> to) {
  const auto work = [from, to](Connection& connection) -> Result<Consistency> {
    CARNET_TRY(newest, size_of(connection));
    const std::uint64_t end = to.value_or(newest);
    if (end > newest) return bad_size("to_size", 0, newest);
    if (from > end) return bad_size("from_size", 0, end);
    CARNET_TRY(proof, evidence::prove_consistency(tiles_of(connection), from, end));
    CARNET_TRY(old_root, root_of(connection, from));
    CARNET_TRY(new_root, root_of(connection, end));
    return Consistency{.proof = std::move(proof), .roots = {.from = old_root, .to = new_root}};
  };
  co_return co_await state_->db.read<Consistency>(work);
}

Task<Result<evidence::LogProof>> Transparency::proof_of(crypto::Digest256 envelope) {
  const auto work = [envelope](Connection& connection) -> Result<evidence::InclusionProof> {
    CARNET_TRY(row, tlog::find_entry(connection, as_text(envelope)));
    if (!row) return make_error(ErrorCode::kNotFound, "The log has no entry with this hash.");
    const auto index = static_cast<std::uint64_t>(row->position);
    return evidence::prove_inclusion(tiles_of(connection), index, index + 1);
  };
  CARNET_CO_TRY(proof, co_await state_->db.read<evidence::InclusionProof>(work));
  CARNET_CO_TRY(head, co_await state_->published(proof.size));
  co_return evidence::LogProof{.inclusion = std::move(proof), .checkpoint = std::move(head.note)};
}

Task<Result<std::string>> Transparency::tile(evidence::TilePath path) {
  const auto width = static_cast<std::size_t>(path.width);
  const std::function<Result<std::string>(Connection&)> work =
      [path, width](Connection& connection) -> Result<std::string> {
    if (!path.entries) {
      CARNET_TRY(hashes, tiles_of(connection)(path.tile, path.width));
      hashes.resize(std::min(hashes.size(), width * evidence::kMerkleHashBytes));
      return hashes;
    }
    const std::int64_t first = sql(path.tile.index * evidence::kTileWidth);
    CARNET_TRY(digests, tlog::digests(connection, first, path.width));
    std::string bundle;
    if (digests.size() < width) return bundle;
    for (const std::string& digest : digests) evidence::append_bundle_entry(bundle, digest);
    return bundle;
  };
  CARNET_CO_TRY(bytes, co_await state_->db.point<std::string>(work));
  if (bytes.size() < width * evidence::kMerkleHashBytes)
    co_return make_error(ErrorCode::kNotFound,
                         "The log has not grown to this tile, or to this width.");
  co_return bytes;
}

Task<Result<std::vector<Transparency::Witness>>> Transparency::witnesses() {
  using Witnesses = std::vector<Witness>;
  const auto work = [this](Connection& connection) -> Result<Witnesses> {
    Witnesses out;
    for (const NoteKey& key : state_->options.witnesses) {
      CARNET_TRY(row, tlog::last_cosignature(connection, witness_id(key)));
      Witness& witness = out.emplace_back(Witness{.key = key, .last = {}});
      if (row)
        witness.last = Witness::Seen{.size = static_cast<std::uint64_t>(row->size),
                                     .time_s = static_cast<std::uint64_t>(row->time_s),
                                     .received_at = row->received_at};
    }
    return out;
  };
  co_return co_await state_->db.read<Witnesses>(work);
}

Task<Result<Transparency::Accepted>> Transparency::cosign(std::string checkpoint,
                                                          std::string request_id) {
  Result<Accepted> out = make_internal("log: no cosignature was looked at");
  const auto job = [this, &checkpoint, &request_id, &out] {
    out = state_->take(checkpoint, request_id);
  };
  CARNET_CO_TRY_VOID(co_await state_->threads.run(job));
  co_return out;
}

// Checks in the order that gives away nothing to strangers: who signed comes before whether the
// checkpoint is ours, so that a report of a fork is believed only from a witness.
Result<Transparency::Accepted> Transparency::State::take(const std::string& text,
                                                         const std::string& request_id) const {
  const Result<evidence::Note> note = evidence::parse_note(text);
  if (!note)
    return bad("checkpoint", "invalid_format",
               "must be a signed note: " + note.error().public_detail);
  const Result<Checkpoint> checkpoint = evidence::parse_checkpoint(note->text);
  if (!checkpoint)
    return bad("checkpoint", "invalid_format",
               "must be a signed checkpoint: " + checkpoint.error().public_detail);
  CARNET_TRY(ours, head_at(std::nullopt));
  if (checkpoint->origin != ours.origin)
    return bad("checkpoint", "other_log", fmt::format("must be of the log {}", ours.origin));

  std::vector<store::LogCosignatureRow> rows;
  const Timestamp now = clock.now();
  const std::int64_t latest =
      std::chrono::floor<std::chrono::seconds>(now + kClockSkew).time_since_epoch().count();
  for (const NoteKey& key : options.witnesses) {
    const evidence::NoteSignature* const line = note->find(key);
    if (line == nullptr) continue;
    const auto cosignature = evidence::parse_cosignature(key, line->signature);
    if (!cosignature || !evidence::verify_cosignature(key, *cosignature, *checkpoint))
      return bad("checkpoint", "bad_signature",
                 fmt::format("has a cosignature by {} that does not verify", key.name));
    if (sql(cosignature->time_s) > latest)
      return bad("checkpoint", "in_the_future",
                 fmt::format("has a cosignature by {} whose time is still to come", key.name));
    rows.push_back({.size = sql(checkpoint->size),
                    .witness = witness_id(key),
                    .line = to_string(*line),
                    .time_s = sql(cosignature->time_s),
                    .received_at = now});
  }
  if (rows.empty())
    return make_error(ErrorCode::kForbidden,
                      "This checkpoint has no cosignature by a witness that is configured here.");
  return keep(*checkpoint, std::move(rows), request_id);
}

Result<Transparency::Accepted> Transparency::State::keep(const Checkpoint& checkpoint,
                                                         std::vector<store::LogCosignatureRow> rows,
                                                         const std::string& request_id) const {
  Accepted out;
  out.size = checkpoint.size;
  bool forked = false;
  const auto work = [&](Connection& connection) -> Result<void> {
    out.witnesses.clear();  // it may run again
    CARNET_TRY(published, tlog::find_checkpoint(connection, sql(checkpoint.size)));
    CARNET_TRY(newest, size_of(connection));
    if (!published && checkpoint.size <= newest) {
      CARNET_TRY(root, root_of(connection, checkpoint.size));
      forked = root != checkpoint.root;
    }
    if (published) forked = hash_of(published->root) != checkpoint.root;
    if (forked)
      return make_error(ErrorCode::kConflict,
                        fmt::format("This log has another root for size {}.", checkpoint.size));
    if (!published)
      return bad("checkpoint", "not_published",
                 fmt::format("must be one that this log published; it has {} entries", newest));
    for (const store::LogCosignatureRow& row : rows) {
      CARNET_TRY(taken, tlog::put_cosignature(connection, row));
      out.witnesses.push_back(row.witness.substr(0, row.witness.rfind('+')));
      if (!taken) continue;
      store::AuditRow audit = audit_row(
          Actor{.request_id = request_id}, "transparency.cosign", row.witness,
          json::write(boost::json::object{{"size", checkpoint.size}}), row.received_at, random);
      audit.actor = "witness";
      CARNET_TRY_VOID(store::audit::insert(connection, audit));
    }
    return {};
  };
  const Result<void> kept = db.write_blocking(work);
  if (forked)
    log.error("log_fork", {{"size", sql(checkpoint.size)},
                           {"witness", rows.front().witness},
                           {"root", to_hex(checkpoint.root)},
                           {"request_id", request_id}});
  if (!kept) return tl::unexpected(kept.error());
  return out;
}

}  // namespace carnet::service
