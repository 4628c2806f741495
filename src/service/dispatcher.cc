#include "service/dispatcher.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "service/dispatch_round.h"
#include "service/owner_name.h"
#include "service/signal.h"

namespace carnet::service {
namespace {

using std::chrono::milliseconds;
using Executor = boost::asio::any_io_executor;

constexpr int kWindowAtFirst = 2;        // limit: internal
constexpr int kClaimedPerWindow = 4;     // limit: internal
constexpr int kStrugglingFailures = 3;   // limit: internal
constexpr int kStrugglingShare = 4;      // limit: internal
constexpr milliseconds kRestFirst{500};  // limit: internal
constexpr milliseconds kRestMax{4'000};  // limit: internal
constexpr milliseconds kLinger{5};       // limit: internal
constexpr std::size_t kGroup = 32;       // limit: internal
constexpr milliseconds kBackoffMax{10'000};
constexpr milliseconds kStopPatience{3'000};
constexpr std::chrono::minutes kLastAttemptBefore{30};
constexpr std::chrono::minutes kLaneKept{1};
constexpr int kPurgeAtOnce = 1000;  // limit: internal
constexpr int kGone = 410;

// An SMTP answer that another try cannot change (RFC 5321 section 4.2.1), unless it is about who we
// are, which the operator can change.
bool is_final_for_mail(const net::Sent& sent) {
  constexpr std::array kAboutUs = {530, 534, 535, 538};
  return sent.outcome == "5xx" &&
         std::find(kAboutUs.begin(), kAboutUs.end(), sent.status) == kAboutUs.end();
}

struct Waiting {
  store::DeliveryRow row;
  std::string owner;
};

struct LaneState {
  int window = kWindowAtFirst;
  int in_flight = 0;
  int failed_in_row = 0;
  SteadyTime rest_until{}, used_at{};
  std::deque<Waiting> waiting;
  std::shared_ptr<const store::WebhookRow> webhook;  // null: mail
  [[nodiscard]] bool struggles() const { return failed_in_row >= kStrugglingFailures; }
  [[nodiscard]] int claimed() const { return in_flight + static_cast<int>(waiting.size()); }
};

}  // namespace

milliseconds retry_delay(int attempts, double spread) {
  milliseconds base = kFirstRetry;
  for (int i = 1; i < attempts && base < kRetryMax; ++i) base *= kRetryFactor;
  constexpr double kLeast = 0.75;
  const double factor = kLeast + std::clamp(spread, 0.0, 1.0) / 2;
  return std::chrono::duration_cast<milliseconds>(
      std::min<std::chrono::duration<double, std::milli>>(base, kRetryMax) * factor);
}

// Touched by the executor of run() alone, but for what is atomic or guarded.
struct Dispatcher::State {
  State(store::Database& db_in, const Clock& clock_in, Random& random_in, const Log& log_in,
        const Courier& courier_in, Options options_in)
      : db(db_in),
        clock(clock_in),
        random(random_in),
        log(log_in),
        courier(courier_in),
        options(options_in),
        name(new_owner_name(random_in)) {}

  store::Database& db;
  const Clock& clock;
  Random& random;
  const Log& log;
  const Courier& courier;
  const Options options;
  const std::string name;
  Signal wake;
  std::atomic<bool> stopping{false};

  std::unordered_map<std::string, LaneState> lanes;
  std::vector<Ended> ended;
  int in_flight = 0;
  int struggling_in_flight = 0;
  std::uint64_t rounds = 0, attempts = 0;
  std::string after;
  std::optional<Timestamp> last_reap;

  std::atomic<int> shown_in_flight{0};
  mutable std::mutex mutex;  // of what follows
  std::map<std::string, std::uint64_t, std::less<>> webhook_outcomes{{"2xx", 0}};
  std::map<std::string, std::uint64_t, std::less<>> mail_outcomes{{"2xx", 0}};
  std::uint64_t delivered = 0, dead = 0, paused = 0;
  store::deliveries::QueueState queue;
  store::webhooks::Counts webhooks;

  [[nodiscard]] int struggling_max() const {
    return std::max(1, options.in_flight_max / kStrugglingShare);
  }
  [[nodiscard]] int cap_of(const LaneState& lane) const {
    return lane.struggles() ? 1 : std::min(lane.window, options.per_lane_max);
  }
  [[nodiscard]] int room_of(const LaneState& lane, SteadyTime now) const;
  [[nodiscard]] RoundRequest next_request(bool claiming);
  [[nodiscard]] bool nothing_waits() const;
  [[nodiscard]] double chance();
  Task<bool> step(bool claiming);
  void take_over(RoundResult result, const std::string& owner, const Executor& executor);
  void fill(const Executor& executor);
  bool start_one(const std::string& lane_name, LaneState& lane, const Executor& executor);
  Task<net::Sent> attempt(std::shared_ptr<const store::WebhookRow> webhook,
                          store::DeliveryRow row) const;
  void settle(const std::string& lane_name, const Waiting& tried, bool struggled, net::Sent sent);
  void judge_lane(LaneState& lane, bool good);
  void give_back(LaneState& lane);
  [[nodiscard]] Ended end_of(const Waiting& tried, const net::Sent& sent);
  void forget_idle_lanes();
};

int Dispatcher::State::room_of(const LaneState& lane, SteadyTime now) const {
  if (lane.rest_until > now) return 0;
  if (lane.struggles())
    return struggling_in_flight < struggling_max() ? std::max(0, 1 - lane.claimed()) : 0;
  const int most = std::min(options.claimed_per_lane_max, lane.window * kClaimedPerWindow);
  return std::max(0, most - lane.claimed());
}

double Dispatcher::State::chance() {
  std::array<std::uint8_t, 2> bytes{};
  random.fill(bytes);
  constexpr double kMost = 65535.0;
  return (bytes[0] * 256 + bytes[1]) / kMost;
}

RoundRequest Dispatcher::State::next_request(bool claiming) {
  RoundRequest request;
  const SteadyTime steady = clock.steady_now();
  request.now = clock.now();
  // A name per round: what lost its lease can never end for the one that took over.
  request.owner = fmt::format("{}.{}", name, ++rounds);
  request.lease_until = request.now + options.lease;
  request.mail_lease_until = request.now + options.lease + options.mail_attempt;
  request.reap =
      !last_reap || request.now - *last_reap >= options.lease / 3 || request.now < *last_reap;
  request.after = after;
  request.lane_room = kWindowAtFirst * kClaimedPerWindow;
  int claimed = 0;
  for (const auto& [lane_name, lane] : lanes) {
    claimed += lane.claimed();
    request.rooms.emplace(lane_name, room_of(lane, steady));
  }
  request.room = claiming ? 2 * options.in_flight_max - claimed : 0;
  return request;
}

// One exchange with the database, unless nothing is to be written or claimed. False if the database
// is away.
Task<bool> Dispatcher::State::step(bool claiming) {
  const Executor executor = co_await boost::asio::this_coro::executor;
  const auto request = std::make_shared<RoundRequest>(next_request(claiming));
  if (ended.empty() && !request->reap) {
    const auto look = [request](store::Connection& connection) -> Result<bool> {
      return request->room > 0 ? anything_due(connection, *request) : Result<bool>(false);
    };
    const Result<bool> due = co_await db.read<bool>(look);
    if (!due) co_return false;
    if (!*due) co_return true;
  }
  request->ended = std::exchange(ended, {});
  const auto work = [this, request](store::Connection& connection) -> Result<RoundResult> {
    return exchange(connection, *request, random);
  };
  Result<RoundResult> result = co_await db.write<RoundResult>(work);
  if (!result) {
    ended.insert(ended.begin(), request->ended.begin(), request->ended.end());
    log.warn("deliveries_unreachable", {{"error", result.error().internal}});
    co_return false;
  }
  if (request->reap) {
    last_reap = request->now;
    forget_idle_lanes();
  }
  take_over(std::move(*result), request->owner, executor);
  co_return true;
}

void Dispatcher::State::forget_idle_lanes() {
  const SteadyTime before = clock.steady_now() - kLaneKept;
  std::erase_if(lanes, [before](const auto& entry) {
    return entry.second.claimed() == 0 && entry.second.used_at < before;
  });
}

void Dispatcher::State::take_over(RoundResult result, const std::string& owner,
                                  const Executor& executor) {
  after = result.after;
  if (result.reaped > 0) log.warn("deliveries_reaped", {{"count", result.reaped}});
  for (const WebhookId& id : result.paused) log.warn("webhook_paused", {{"webhook", id.str()}});
  {
    const std::lock_guard lock(mutex);
    paused += result.paused.size();
    if (result.counted) {
      queue = result.queue;
      webhooks = result.webhooks;
    }
  }
  for (Lane& claimed : result.lanes) {
    const bool known = lanes.contains(claimed.name);
    LaneState& lane = lanes[claimed.name];
    if (claimed.webhook) {
      // What failed before this process knew it begins where it stood.
      if (!known) lane.failed_in_row = std::min(claimed.webhook->failures, kStrugglingFailures);
      lane.webhook = std::make_shared<const store::WebhookRow>(std::move(*claimed.webhook));
    }
    lane.used_at = clock.steady_now();
    for (store::DeliveryRow& row : claimed.claimed)
      lane.waiting.push_back({.row = std::move(row), .owner = owner});
  }
  fill(executor);
}

// One of each lane in turn, until no lane may have more.
void Dispatcher::State::fill(const Executor& executor) {
  for (bool more = true; more;) {
    more = false;
    for (auto& [lane_name, lane] : lanes) more = start_one(lane_name, lane, executor) || more;
  }
}

bool Dispatcher::State::start_one(const std::string& lane_name, LaneState& lane,
                                  const Executor& executor) {
  if (lane.waiting.empty() || in_flight >= options.in_flight_max || lane.in_flight >= cap_of(lane))
    return false;
  Waiting next = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  const Timestamp now = clock.now();
  const milliseconds needs = lane.webhook ? options.attempt : options.mail_attempt;
  if (next.row.expires_at <= now) {
    ended.push_back({.id = next.row.id,
                     .tenant = next.row.tenant_id,
                     .webhook = next.row.webhook_id,
                     .owner = next.owner,
                     .state = "dead",
                     .outcome = next.row.last_outcome.empty() ? "expired" : next.row.last_outcome,
                     .tried = false,
                     .at = now,
                     .due_at = now});
    return true;
  }
  if (stopping.load() || !next.row.lease_until || *next.row.lease_until - needs < now) {
    ended.push_back({.id = next.row.id, .owner = next.owner, .tried = false, .at = now});
    return true;
  }
  const bool struggled = lane.struggles();
  ++in_flight;
  ++lane.in_flight;
  struggling_in_flight += struggled ? 1 : 0;
  ++attempts;
  shown_in_flight.store(in_flight);
  Task<net::Sent> calling = attempt(lane.webhook, next.row);
  const auto done = [this, lane_name, struggled, tried = std::move(next)](
                        const std::exception_ptr& error, net::Sent sent) {
    // Only a bug, or memory that ran out, comes as an exception.
    if (error) sent = {.outcome = "failed"};
    settle(lane_name, tried, struggled, std::move(sent));
  };
  boost::asio::co_spawn(executor, std::move(calling), done);
  return true;
}

Task<net::Sent> Dispatcher::State::attempt(std::shared_ptr<const store::WebhookRow> webhook,
                                           store::DeliveryRow row) const {
  if (webhook) co_return co_await courier.call(*webhook, std::move(row));
  co_return co_await courier.mail(std::move(row));
}

void Dispatcher::State::settle(const std::string& lane_name, const Waiting& tried, bool struggled,
                               net::Sent sent) {
  LaneState& lane = lanes[lane_name];
  --in_flight;
  --lane.in_flight;
  struggling_in_flight -= struggled ? 1 : 0;
  shown_in_flight.store(in_flight);
  lane.used_at = clock.steady_now();
  if (sent.outcome == "stopped") {
    ended.push_back({.id = tried.row.id, .owner = tried.owner, .tried = false});
  } else {
    Ended end = end_of(tried, sent);
    {
      const std::lock_guard lock(mutex);
      ++(tried.row.webhook_id.empty() ? mail_outcomes : webhook_outcomes)[sent.outcome];
      delivered += end.state == "delivered" ? 1 : 0;
      dead += end.state == "dead" ? 1 : 0;
    }
    ended.push_back(std::move(end));
    // A recipient that does not exist says nothing about the mail server.
    judge_lane(lane, sent.good() || (tried.row.webhook_id.empty() && is_final_for_mail(sent)));
  }
  wake.poke();
}

Ended Dispatcher::State::end_of(const Waiting& tried, const net::Sent& sent) {
  const bool mail = tried.row.webhook_id.empty();
  Ended end{.id = tried.row.id,
            .tenant = tried.row.tenant_id,
            .webhook = tried.row.webhook_id,
            .owner = tried.owner,
            .state = "queued",
            .outcome = sent.outcome,
            .gone = !mail && sent.status == kGone,
            .at = clock.now(),
            .due_at = {}};
  if (sent.good()) {
    end.state = "delivered";
  } else if (mail && is_final_for_mail(sent)) {
    end.state = "dead";
  } else {
    const Timestamp last = tried.row.expires_at;
    end.due_at = end.at + retry_delay(tried.row.attempts, chance());
    if (end.due_at >= last) {
      if (last - end.at > kLastAttemptBefore) {
        end.due_at = last - std::chrono::minutes(1);
      } else {
        end.state = "dead";
      }
    }
  }
  return end;
}

void Dispatcher::State::judge_lane(LaneState& lane, bool good) {
  if (good) {
    lane.failed_in_row = 0;
    lane.window = std::min(options.per_lane_max, lane.window + 1);
    lane.rest_until = {};
    return;
  }
  ++lane.failed_in_row;
  lane.window = std::max(1, lane.window / 2);
  if (!lane.struggles()) return;
  milliseconds rest = kRestFirst;
  for (int i = kStrugglingFailures; i < lane.failed_in_row && rest < kRestMax; ++i) rest *= 2;
  lane.rest_until = clock.steady_now() + std::min(rest, kRestMax);
  give_back(lane);
}

void Dispatcher::State::give_back(LaneState& lane) {
  for (const Waiting& waiting : lane.waiting)
    ended.push_back({.id = waiting.row.id, .owner = waiting.owner, .tried = false});
  lane.waiting.clear();
}

bool Dispatcher::State::nothing_waits() const {
  return in_flight == 0 && std::all_of(lanes.begin(), lanes.end(), [](const auto& entry) {
           return entry.second.waiting.empty();
         });
}

Dispatcher::Dispatcher(store::Database& db, const Clock& clock, Random& random, const Log& log,
                       const Courier& courier, Options options)
    : state_(std::make_unique<State>(db, clock, random, log, courier, options)) {}

Dispatcher::~Dispatcher() = default;

Task<void> Dispatcher::run() {
  State& state = *state_;
  const Executor executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer timer(executor);
  milliseconds pause = state.options.poll;
  while (!state.stopping.load()) {
    const std::uint64_t seen = state.wake.generation();
    const bool reached = co_await state.step(true);
    // No delivery is lost meanwhile: they wait in the database that is away.
    pause = reached ? state.options.poll : std::min(kBackoffMax, pause * 2);
    co_await state.wake.wait(seen, pause);
    state.fill(executor);
    if (state.ended.size() >= kGroup || state.stopping.load()) continue;
    // What comes in the next moment goes into the same transaction.
    timer.expires_after(kLinger);
    co_await timer.async_wait(boost::asio::use_awaitable);
    state.fill(executor);
  }
  const SteadyTime patience = state.clock.steady_now() + kStopPatience;
  for (auto& [name, lane] : state.lanes) state.give_back(lane);
  while (state.in_flight > 0) {
    const std::uint64_t seen = state.wake.generation();
    if (state.clock.steady_now() >= patience) state.courier.stop();
    if (state.in_flight > 0) co_await state.wake.wait(seen, state.options.poll);
  }
  const bool written = co_await state.step(false);
  if (!written) state.log.warn("deliveries_not_given_back");
}

Task<int> Dispatcher::round() {
  State& state = *state_;
  const Executor executor = co_await boost::asio::this_coro::executor;
  const std::uint64_t before = state.attempts;
  static_cast<void>(co_await state.step(true));
  while (!state.nothing_waits()) {
    const std::uint64_t seen = state.wake.generation();
    state.fill(executor);
    if (!state.nothing_waits()) co_await state.wake.wait(seen, state.options.poll);
  }
  static_cast<void>(co_await state.step(false));
  co_return static_cast<int>(state.attempts - before);
}

void Dispatcher::wake() { state_->wake.poke(); }

void Dispatcher::stop() {
  state_->stopping.store(true);
  state_->wake.poke();
}

Task<void> Dispatcher::purge() {
  const Timestamp now = state_->clock.now();
  const auto work = [now](store::Connection& connection) -> Result<int> {
    CARNET_TRY(strays, store::deliveries::release_stray(connection, now));
    static_cast<void>(strays);
    return store::deliveries::purge(connection, now - kDeliveredKept, now - kDeadKept,
                                    kPurgeAtOnce);
  };
  for (;;) {
    const Result<int> dropped = co_await state_->db.write<int>(work);
    if (!dropped || *dropped < kPurgeAtOnce) co_return;
  }
}

void Dispatcher::report(MetricText& out) const {
  const State& state = *state_;
  constexpr double kMilliseconds = 1000;
  out.pool("deliveries", state.shown_in_flight.load(), state.options.in_flight_max);
  const std::lock_guard lock(state.mutex);
  const auto attempts = [&out](std::string_view channel, const auto& outcomes) {
    for (const auto& [outcome, count] : outcomes)
      out.counter("carnet_delivery_attempts_total",
                  "Attempts at deliveries by this process, by what came of them.",
                  static_cast<double>(count), {{"channel", channel}, {"outcome", outcome}});
  };
  attempts("webhook", state.webhook_outcomes);
  attempts("mail", state.mail_outcomes);
  const auto ended = [&out](std::string_view how, std::uint64_t count) {
    out.counter("carnet_deliveries_ended_total",
                "Deliveries that this process brought to an end, by which.",
                static_cast<double>(count), {{"state", how}});
  };
  ended("delivered", state.delivered);
  ended("dead", state.dead);
  const auto count = [&out](std::string_view how, std::int64_t number) {
    out.gauge("carnet_deliveries", "Deliveries in the database, by state.",
              static_cast<double>(number), {{"state", how}});
  };
  count("queued", state.queue.queued);
  count("sending", state.queue.sending);
  count("held", state.queue.held);
  count("dead", state.queue.dead);
  const std::int64_t now = to_millis(state.clock.now());
  out.gauge("carnet_deliveries_oldest_due_seconds",
            "How long the delivery that was due first has waited for its attempt.",
            state.queue.oldest_due_at ? static_cast<double>(std::max<std::int64_t>(
                                            0, now - to_millis(*state.queue.oldest_due_at))) /
                                            kMilliseconds
                                      : 0.0);
  out.gauge("carnet_webhooks", "Webhooks of all tenants, by state.",
            static_cast<double>(state.webhooks.active), {{"state", "active"}});
  out.gauge("carnet_webhooks", "Webhooks of all tenants, by state.",
            static_cast<double>(state.webhooks.paused), {{"state", "paused"}});
  out.counter("carnet_webhooks_paused_total",
              "Webhooks that this process paused because they kept failing or were gone.",
              static_cast<double>(state.paused));
}

}  // namespace carnet::service
