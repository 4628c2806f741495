#include "store/pg_monitor.h"

#include <array>

namespace carnet::store {
namespace {

constexpr std::chrono::milliseconds kRound{1000};
constexpr std::chrono::milliseconds kRetry{500};  // after a failed attempt to connect

// An identifier for a statement that takes no parameter.
std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

PgMonitor::PgMonitor(PgConnectOptions options, PgHealth& health)
    : options_(std::move(options)), health_(health), thread_([this] { loop(); }) {}

PgMonitor::~PgMonitor() { stop(); }

void PgMonitor::on_notification(std::string channel, Database::OnNotification callback) {
  auto listener = std::make_shared<Listener>();
  listener->channel = std::move(channel);
  listener->callback = std::move(callback);
  {
    const std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
  }
  waker_.wake();
}

bool PgMonitor::leads(std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = names_.find(name); known != names_.end()) return known->second;
    names_.emplace(name, false);
  }
  waker_.wake();
  return false;
}

void PgMonitor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [name, held] : names_) held = false;
  }
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

void PgMonitor::loop() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    const bool good = round();
    if (!good) disconnect();
    waker_.wait(good ? session_->link().socket() : -1, false, good ? kRound : kRetry);
  }
  session_.reset();
}

bool PgMonitor::round() {
  if (!session_ && !connect()) return false;
  bool standby = false;
  if (!session_->link().take_input() || !listen() || !try_names() ||
      !ask("SELECT pg_is_in_recovery()", {}, standby) || standby)
    return false;
  // What only writes to the server's log tells whether there is room again.
  bool written = false;
  if (health_.write_fault() &&
      ask("SELECT pg_logical_emit_message(true, 'carnet', '') IS NOT NULL", {}, written))
    health_.set_write_fault(false);
  if (session_->spent()) return false;
  health_.set_reachable(true);
  deliver();
  return true;
}

bool PgMonitor::connect() {
  auto opened = PgConnection::open(options_);
  if (!opened) {
    health_.connect_failed();
    return false;
  }
  session_ = std::move(*opened);
  session_->begin(PgConnection::Mode::kNone);
  return true;
}

void PgMonitor::disconnect() {
  session_.reset();
  health_.set_reachable(false);
  const std::lock_guard lock(mutex_);
  for (const auto& listener : listeners_) listener->listening = false;
  for (auto& [name, held] : names_) held = false;
}

bool PgMonitor::ask(std::string_view sql, std::span<const Param> params, bool& answer) {
  session_->begin(PgConnection::Mode::kNone);
  const auto on_row = [&answer](const Row& row) { answer = row.integer(0) != 0; };
  return session_->run(sql, params, on_row).has_value();
}

bool PgMonitor::listen() {
  std::vector<std::shared_ptr<Listener>> fresh;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& listener : listeners_)
      if (!listener->listening) fresh.push_back(listener);
  }
  for (const auto& listener : fresh) {
    session_->begin(PgConnection::Mode::kNone);
    if (!session_->run("LISTEN " + quoted_name(listener->channel))) return false;
    listener->listening = true;
    // Whatever was told before this session listened has not been heard.
    listener->callback(std::nullopt);
  }
  return true;
}

bool PgMonitor::try_names() {
  std::vector<std::string> wanted;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, held] : names_)
      if (!held) wanted.push_back(name);
  }
  for (const std::string& name : wanted) {
    const std::array number{Param{pg_lock_number("lead/" + name)}};
    bool held = false;
    if (!ask("SELECT pg_try_advisory_lock($1)", number, held)) return false;
    const std::lock_guard lock(mutex_);
    names_[name] = held && !stopping_;
  }
  return true;
}

void PgMonitor::deliver() {
  std::string channel;
  std::string payload;
  while (session_->link().next_notification(channel, payload)) {
    std::vector<std::shared_ptr<Listener>> told;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& listener : listeners_)
        if (listener->channel == channel && listener->listening) told.push_back(listener);
    }
    for (const auto& listener : told) listener->callback(payload);
  }
}

}  // namespace carnet::store
