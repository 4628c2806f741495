#include "store/pg_lookups.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/errors.h"
#include "store/pg_error.h"

namespace carnet::store {
namespace {

constexpr std::chrono::milliseconds kIdleWait{60'000};
constexpr std::chrono::milliseconds kFlyingWait{250};
constexpr std::chrono::seconds kAnswerTime{10};

}  // namespace

PgWaker::PgWaker() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
PgWaker::~PgWaker() { ::close(fd_); }

void PgWaker::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(fd_, &one, sizeof one));
}

void PgWaker::wait(int socket, bool for_writing, std::chrono::milliseconds time) {
  std::array<pollfd, 2> entries{
      pollfd{.fd = fd_, .events = POLLIN, .revents = 0},
      pollfd{.fd = socket,  // a negative one is passed over
             .events = static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN),
             .revents = 0}};
  ::poll(entries.data(), entries.size(), static_cast<int>(time.count()));
  std::uint64_t count = 0;
  static_cast<void>(::read(fd_, &count, sizeof count));
}

PgLookups::PgLookups(PgConnectOptions options, int queue_max, PgHealth& health)
    : options_(std::move(options)),
      queue_max_(static_cast<std::size_t>(queue_max)),
      health_(health),
      thread_([this] { loop(); }) {}

PgLookups::~PgLookups() { drain(); }

void PgLookups::submit(Lookup lookup) {
  std::unique_lock lock(mutex_);
  if (!closed_ && queue_.size() < queue_max_) {
    if (queue_.empty()) waker_.wake();
    queue_.push_back(std::move(lookup));
    ++accepted_;
    return;
  }
  if (!closed_) ++refused_;
  Error error = closed_ ? shutting_down() : queue_full();
  lock.unlock();
  lookup.done(tl::unexpected(std::move(error)));
}

MetricText::Queue PgLookups::state() {
  const std::lock_guard lock(mutex_);
  return {
      .length = queue_.size(), .capacity = queue_max_, .accepted = accepted_, .refused = refused_};
}

void PgLookups::drain() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

std::vector<PgLookups::Lookup> PgLookups::take() {
  std::vector<Lookup> out = std::exchange(again_, {});
  if (flying_.size() >= kBatchesMax) return out;
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && out.size() < kBatchMax) {
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return out;
}

bool PgLookups::idle_and_closed() {
  if (!flying_.empty() || !again_.empty()) return false;
  const std::lock_guard lock(mutex_);
  return closed_ && queue_.empty();
}

void PgLookups::loop() {
  while (!idle_and_closed()) {
    std::vector<Lookup> lookups = take();
    if (!lookups.empty()) send(std::move(lookups));
    receive();
    if (!again_.empty()) continue;
    {
      const std::lock_guard lock(mutex_);
      const bool room = flying_.size() < kBatchesMax;
      if ((!queue_.empty() && room) || (closed_ && flying_.empty())) continue;
    }
    const bool to_write = link_ && link_->flush();
    waker_.wait(link_ ? link_->socket() : -1, to_write, flying_.empty() ? kIdleWait : kFlyingWait);
  }
}

bool PgLookups::connect() {
  if (link_ && !link_->broken()) return true;
  link_.reset();
  if (!health_.may_connect()) return false;
  auto opened = PgLink::open(options_);
  if (!opened) {
    health_.connect_failed();
    return false;
  }
  link_ = std::move(*opened);
  return true;
}

void PgLookups::send(std::vector<Lookup> lookups) {
  if (!connect()) {
    for (Lookup& lookup : lookups)
      lookup.done(
          tl::unexpected(unavailable(kNotReachable, kRetryBusy_s, "PostgreSQL cannot be reached")));
    return;
  }
  Batch& batch = flying_.emplace_back();
  batch.lookups = std::move(lookups);
  batch.sent = std::chrono::steady_clock::now();
  for (const Lookup& lookup : batch.lookups) {
    const std::array key{Param{std::string_view(lookup.key)}};
    if (!link_->put(lookup.sql, key)) break;
  }
  static_cast<void>(link_->sync());
}

void PgLookups::receive() {
  if (!link_ || flying_.empty()) {
    // An idle session that the server ended shows here, and not at the next read.
    if (link_ && !link_->take_input()) link_.reset();
    return;
  }
  static_cast<void>(link_->take_input());
  while (!flying_.empty()) {
    PgLink::Reply reply = link_->next_if_there();
    if (reply.kind == PgLink::Reply::Kind::kNothingYet) break;
    if (reply.kind == PgLink::Reply::Kind::kBroken)
      return session_lost(pg_lost(link_->why_broken()));
    take_reply(std::move(reply));
    if (!link_) return;
  }
  if (!flying_.empty() && std::chrono::steady_clock::now() - flying_.front().sent > kAnswerTime)
    session_lost(pg_lost("the server did not answer in time"));
}

void PgLookups::take_reply(PgLink::Reply reply) {
  Batch& batch = flying_.front();
  if (reply.kind == PgLink::Reply::Kind::kSync) {
    flying_.pop_front();
    return;
  }
  const bool good = reply.kind == PgLink::Reply::Kind::kResult &&
                    PQresultStatus(reply.result.get()) == PGRES_TUPLES_OK;
  // The rest of the batch is skipped by the server, so everything that is not answered is asked
  // again on a new session: a failure here is rare, and the session may be its reason.
  if (!good || batch.answered >= batch.lookups.size())
    return session_lost(reply.result ? pg_error(reply.result.get(), reply.sql)
                                     : pg_lost("a read was skipped"));
  Lookup& lookup = batch.lookups[batch.answered++];
  const int rows = PQntuples(reply.result.get());
  for (int row = 0; row < rows; ++row) lookup.on_row(PgRow(reply.result.get(), row));
  std::exchange(lookup.done, {})({});
}

void PgLookups::session_lost(const Error& error) {
  link_.reset();
  for (Batch& batch : std::exchange(flying_, {})) {
    for (std::size_t i = batch.answered; i < batch.lookups.size(); ++i) {
      Lookup& lookup = batch.lookups[i];
      if (std::exchange(lookup.tried, true))
        lookup.done(tl::unexpected(error));
      else
        again_.push_back(std::move(lookup));
    }
  }
}

}  // namespace carnet::store
