#pragma once
// Everything that goes out to webhooks and mailboxes, with the two threads it has: the dispatcher's
// and the sender's. Made by serve(); the parts that it is given outlive it.

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "app/delivery_settings.h"
#include "base/log.h"
#include "net/dialer.h"
#include "net/sender.h"
#include "service/courier.h"
#include "service/dispatcher.h"
#include "service/outbox.h"
#include "service/webhooks.h"

namespace carnet::app {

class Deliveries {
 public:
  struct Parts {
    store::Database& db;
    const Clock& clock;
    Random& random;
    const Log& log;
    const Secret& pepper;
    net::Resolver& resolver;
    net::Dialer& dialer;
    const net::AddressPolicy& policy;
    const net::OwnListeners& own;
    service::Outbox& outbox;
  };
  // `mail_server` may be null: then no mail is sent.
  Deliveries(const Parts& parts, std::unique_ptr<const service::MailServer> mail_server,
             std::string ca_file);
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;
  ~Deliveries() { stop(); }

  // What links in messages begin with; before start().
  void set_public_url(const std::string& url);
  void start();
  // No new attempts; those on their way end within seconds. Any thread.
  void drain() { dispatcher_.stop(); }
  // Waits for them and ends the threads. Idempotent. While the database still works.
  void stop();
  [[nodiscard]] Task<void> purge() { return dispatcher_.purge(); }

  [[nodiscard]] service::Webhooks& webhooks() { return webhooks_; }

 private:
  const Log& log_;
  std::unique_ptr<const service::MailServer> mail_server_;
  service::WebhookSecrets secrets_;
  std::unique_ptr<net::Sender> sender_;
  service::Courier courier_;
  service::Dispatcher dispatcher_;
  service::Outbox& outbox_;
  service::Webhooks webhooks_;
  boost::asio::io_context context_;
  std::thread thread_;
};

}  // namespace carnet::app
