#pragma once
// One thread with one session beside the others: it looks once a second whether the server is
// there and takes writes, listens for notifications, and tries to hold the names that this instance
// wants to lead. Owned by the PostgreSQL database; thread-safe.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/pg_connection.h"
#include "store/pg_health.h"
#include "store/pg_lookups.h"

namespace carnet::store {

class PgMonitor {
 public:
  // `health` must outlive it.
  PgMonitor(PgConnectOptions options, PgHealth& health);
  ~PgMonitor();
  PgMonitor(const PgMonitor&) = delete;
  PgMonitor& operator=(const PgMonitor&) = delete;

  // See Database.
  void on_notification(std::string channel, Database::OnNotification callback);
  [[nodiscard]] bool leads(std::string_view name);
  // Ends the thread, and with its session everything that this instance led. Idempotent.
  void stop();

 private:
  struct Listener {
    std::string channel;
    Database::OnNotification callback;
    bool listening = false;  // in this session; of the thread
  };

  void loop();
  [[nodiscard]] bool round();
  [[nodiscard]] bool connect();
  void disconnect();
  [[nodiscard]] bool listen();
  [[nodiscard]] bool try_names();
  void deliver();
  [[nodiscard]] bool ask(std::string_view sql, std::span<const Param> params, bool& answer);

  const PgConnectOptions options_;
  PgHealth& health_;
  PgWaker waker_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Listener>> listeners_;  // guarded by mutex_
  std::map<std::string, bool, std::less<>> names_;    // whether held; guarded by mutex_
  bool stopping_ = false;                             // guarded by mutex_
  std::unique_ptr<PgConnection> session_;             // of the thread
  std::thread thread_;
};

}  // namespace carnet::store
