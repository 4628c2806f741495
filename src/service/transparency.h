#pragma once
// The transparency log of this server: an append-only Merkle tree over the digests of the signed
// envelopes it issued, published with signed checkpoints (evidence/checkpoint.h) that witnesses
// cosign. Thread-safe.
//
// append() runs inside the transaction that stores what is logged, so there is no entry without its
// passport and no passport without its entry. A checkpoint of a size is signed when it is first
// asked for, stored once (the size is its key) and answered from the store for ever after: two
// checkpoints of one size cannot differ, whatever is killed in between. The log's name (origin) is
// decided with the first entry or checkpoint and never changes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "crypto/hash.h"
#include "evidence/checkpoint.h"
#include "evidence/tlog.h"
#include "store/database.h"

namespace carnet::service {

// Where an entry stands. Its proof of inclusion exists for every size above its index.
struct LogEntry {
  std::uint64_t index = 0;
  Timestamp at{};
  bool operator==(const LogEntry&) const = default;
};

class Transparency {
 public:
  struct Options {
    std::string origin;  // evidence::is_key_name(); the log's name if it has none yet
    std::vector<evidence::NoteKey> witnesses;  // whose cosignatures are taken; at most 64
  };
  Transparency(store::Database& db, const Clock& clock, Random& random, const Log& log,
               const evidence::Signer& signer, Options options);
  ~Transparency();

  // Appends the SHA-256 of an envelope, in the caller's write transaction. A digest that is in the
  // log already keeps its place, so a transaction may be repeated. Errors: those of the store.
  [[nodiscard]] Result<LogEntry> append(store::Connection& connection,
                                        const crypto::Digest256& envelope) const;

  // The name of a log that is reached at this URL: "https://carnet.example.org" gives
  // "carnet.example.org/log".
  [[nodiscard]] static std::string origin_of(std::string_view public_url);
  // kConflict, with words for the terminal, if the log already has another name than this. Blocks.
  [[nodiscard]] Result<void> require_origin(std::string_view wanted);
  // Where the server learns its own address after the log was made: Options::origin, before the
  // first other call.
  void set_origin(std::string origin);
  // The name of the log: the stored one, else the option's. A point read.
  [[nodiscard]] Task<Result<std::string>> origin();
  // No signing is begun any more, and none is under way when it returns. Call it after the database
  // was stopped and before the io_contexts of waiting coroutines are destroyed.
  void stop();
  // The queue of checkpoints to be signed, for /metrics.
  void report(MetricText& out);

  // A published checkpoint: the note as it is served, our two signature lines and then the
  // witnesses'.
  struct Published {
    evidence::Checkpoint checkpoint;
    Timestamp at{};            // when it was signed
    std::string note;          // text and our signatures; never changes
    std::string keys;          // the verifier keys (vkeys) of our signatures, a line each
    std::string cosignatures;  // the lines of witnesses so far; "" if none
  };
  // Of the newest size; signed and stored first where there is none yet.
  [[nodiscard]] Task<Result<Published>> checkpoint();
  // Of an earlier size. kValidationFailed (field "size"), saying what is allowed, if the log is
  // smaller.
  [[nodiscard]] Task<Result<Published>> checkpoint_at(std::uint64_t size);

  // kNotFound: no such entry. kValidationFailed (field "size"): the tree of that size does not
  // exist or does not have the entry yet. Without `size`: the newest.
  struct Inclusion {
    LogEntry entry;
    evidence::InclusionProof proof;
    evidence::MerkleHash root{};  // of proof.size
  };
  [[nodiscard]] Task<Result<Inclusion>> inclusion(crypto::Digest256 envelope,
                                                  std::optional<std::uint64_t> size);
  // kValidationFailed (fields "from_size", "to_size") unless from <= to <= the log's size.
  struct Consistency {
    evidence::ConsistencyProof proof;
    evidence::ConsistencyRoots roots;
  };
  [[nodiscard]] Task<Result<Consistency>> consistency(std::uint64_t from,
                                                      std::optional<std::uint64_t> to);
  // The proof that goes into a bundle: of the smallest tree that has the entry, with our own
  // signatures only, so that it is the same bytes whenever it is made. kNotFound: no such entry.
  [[nodiscard]] Task<Result<evidence::LogProof>> proof_of(crypto::Digest256 envelope);

  // A tile's bytes, or an entry bundle's. On the caller's thread: a point read. kNotFound where the
  // log has not grown to that width.
  [[nodiscard]] Task<Result<std::string>> tile(evidence::TilePath path);

  // What each configured witness last signed.
  struct Witness {
    evidence::NoteKey key;
    struct Seen {
      std::uint64_t size = 0;
      std::uint64_t time_s = 0;  // what the witness says
      Timestamp received_at{};
    };
    std::optional<Seen> last;
  };
  [[nodiscard]] Task<Result<std::vector<Witness>>> witnesses();

  // Takes the cosignatures of configured witnesses from a cosigned checkpoint (a note); other lines
  // are ignored. kMalformedRequest: not a note. kValidationFailed (field "checkpoint"): not a
  // checkpoint of this log, a size without a published one, a time in the future, or a signature
  // that does not verify. kConflict: another root than we published for this size. kForbidden: no
  // line of a configured witness.
  struct Accepted {
    std::uint64_t size = 0;
    std::vector<std::string> witnesses;  // names whose line was taken
  };
  [[nodiscard]] Task<Result<Accepted>> cosign(std::string checkpoint, std::string request_id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carnet::service
