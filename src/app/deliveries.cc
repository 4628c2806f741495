#include "app/deliveries.h"

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "app/version.h"
#include "base/keep_going.h"

namespace carnet::app {

Deliveries::Deliveries(const Parts& parts, std::unique_ptr<const service::MailServer> mail_server,
                       std::string ca_file)
    : log_(parts.log),
      mail_server_(std::move(mail_server)),
      secrets_(parts.pepper, parts.random),
      sender_(net::make_sender(
          parts.policy, &parts.own,
          {.ca_file = std::move(ca_file), .user_agent = fmt::format("carnet/{}", version())})),
      courier_({.clock = parts.clock,
                .resolver = parts.resolver,
                .dialer = parts.dialer,
                .policy = parts.policy,
                .sender = *sender_,
                .secrets = secrets_,
                .mail_server = mail_server_.get()}),
      dispatcher_(parts.db, parts.clock, parts.random, parts.log, courier_, {}),
      outbox_(parts.outbox),
      webhooks_({.db = parts.db,
                 .clock = parts.clock,
                 .random = parts.random,
                 .dialer = parts.dialer,
                 .policy = parts.policy,
                 .secrets = secrets_,
                 .courier = courier_,
                 .dispatcher = dispatcher_},
                ""),
      context_(1) {
  outbox_.set_mail(mail_server_ != nullptr);
}

void Deliveries::set_public_url(const std::string& url) {
  outbox_.set_public_url(url);
  webhooks_.set_public_url(url);
}

void Deliveries::start() {
  const auto loop = [this] { return dispatcher_.run(); };
  boost::asio::co_spawn(context_, keep_going(log_, "deliveries", loop), boost::asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

void Deliveries::stop() {
  dispatcher_.stop();
  if (thread_.joinable()) thread_.join();
  sender_->stop();
}

}  // namespace carnet::app
