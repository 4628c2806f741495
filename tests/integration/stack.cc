#include "tests/integration/stack.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include "base/json.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

constexpr Timestamp kStart{std::chrono::milliseconds{1'795'500'000'000}};

Error injected() {
  return Error{
      .code = ErrorCode::kInternal,
      .public_detail = "Something failed on this server; the request id finds it in the log.",
      .internal = std::string(kInjectedText),
      .fields = {},
      .retry_after_s = {}};
}

}  // namespace

boost::json::object parsed(const HttpAnswer& answer) {
  auto value = json::parse(answer.body);
  EXPECT_TRUE(value && value->is_object()) << answer.body;
  return value && value->is_object() ? value->get_object() : boost::json::object{};
}

std::string code_of(const HttpAnswer& answer) {
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json") << answer.body;
  const boost::json::object body = parsed(answer);
  return body.contains("code") ? std::string(body.at("code").as_string()) : std::string();
}

void FaultyDatabase::submit_write(Work work, Done done) {
  if (mode == Mode::kThrow) throw std::runtime_error(std::string(kInjectedText));
  if (mode == Mode::kInternal) return done(tl::unexpected(injected()));
  done(inner_.write_blocking(std::move(work)));
}

void FaultyDatabase::submit_read(Work work, Done done) {
  if (mode == Mode::kThrow) throw std::runtime_error(std::string(kInjectedText));
  done(run_point_read(work));
}

Result<void> FaultyDatabase::run_point_read(const Work& work) {
  if (mode == Mode::kThrow) throw std::runtime_error(std::string(kInjectedText));
  if (mode == Mode::kInternal) return tl::unexpected(injected());
  const std::function<Result<bool>(store::Connection&)> typed =
      [&work](store::Connection& connection) -> Result<bool> {
    connection.as_system();  // as find() is
    CARNET_TRY_VOID(work(connection));
    return true;
  };
  CARNET_TRY(done, inner_.point_read<bool>(typed));
  static_cast<void>(done);
  return {};
}

store::Database& Stack::open_database() {
  if (!options.database) {
    real_db = store::make_off_database();
    return *real_db;
  }
  real_db = database.emplace().must_open();
  if (!options.faulty) return *real_db;
  faulty_db = std::make_unique<FaultyDatabase>(*real_db);
  return *faulty_db;
}

service::SigningKeysNow Stack::make_signing_keys() {
  if (!options.database) return nullptr;
  const service::KeySeal seal{.kind = service::KeySeal::Kind::kKeyFile,
                              .secret = Secret(std::string(64, 's'))};
  const auto file = service::new_key_file(seal, clock.now(), random);
  return service::open_key_file(file.value(), seal).value();
}

service::SharingOptions Stack::sharing_options() {
  service::SharingOptions out = options.sharing;
  out.passports = &passports;
  return out;
}

Stack::Stack(StackOptions given)
    : options(std::move(given)),
      clock(kStart),
      pepper(std::string(32, 'p')),
      log_fd(::open(dir.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
      log(clock, log_fd, LogFormat::kJson, options.log_level),
      policy(net::AddressPolicy::special_purpose_ranges(), {*net::Cidr::parse("127.0.0.0/8")}),
      resolver(net::make_system_resolver()),
      dialer(net::make_guarded_dialer(*resolver, policy, clock)),
      db(open_database()),
      signing_keys(make_signing_keys()),
      log_signer(signing_keys, random),
      transparency(std::make_unique<service::Transparency>(
          db, clock, random, log, log_signer,
          service::Transparency::Options{.origin = "stack.example/log",
                                         .witnesses = options.witnesses})),
      passports(db, clock, random, signing_keys, *transparency),
      verification(clock, passports),
      tenancy(db, clock, random, pepper, {.default_rate_per_minute = 300}),
      scans(db, clock, random, policy,
            {.on_queued = [this] { worker->wake(); }, .passports = &passports, .ended = &ended}),
      sharing(db, clock, random, pepper, sharing_options()),
      idempotency(db, clock, random, pepper),
      uploads(db, clock, random),
      remediation(db, clock, random),
      plans(db, clock),
      drift(db, clock, random),
      portfolio(db, clock, random, pepper),
      retention(db, clock, random, log, {}),
      governance(db, clock, random, log, signing_keys),
      webhook_secrets(pepper, random),
      sender(net::make_sender(policy, nullptr, {})),
      courier({clock, *resolver, *dialer, policy, *sender, webhook_secrets, nullptr}),
      dispatcher(db, clock, random, log, courier, {}),
      outbox(random),
      alerts(db, clock, random, log, outbox, {}),
      ended(outbox, alerts.counts(), random),
      schedules(db, clock, random, scans, {}),
      scheduler(db, clock, random, log, scans, outbox, {}),
      webhooks({db, clock, random, *dialer, policy, webhook_secrets, courier, dispatcher},
               options.api.public_url) {
  passports.set_issuer_url(options.api.public_url);
  worker = std::make_unique<service::ScanWorker>(
      db, clock, random, log, *dialer, probe::EngineLimits{},
      service::ScanWorker::Options{.passports = &passports, .ended = &ended});
  handshakes = std::make_unique<service::Handshakes>(db, clock, random, policy, *worker,
                                                     service::Handshakes::Options{});
  const api::ApiDependencies dependencies{
      .clock = clock,
      .random = random,
      .log = log,
      .db = db,
      .tenancy = tenancy,
      .scans = scans,
      .sharing = sharing,
      .idempotency = idempotency,
      .pages = pages,
      .pepper = pepper,
      .worker = worker.get(),
      .transparency = options.database ? transparency.get() : nullptr,
      .passports = options.database ? &passports : nullptr,
      .verification = options.database ? &verification : nullptr,
      .handshakes = options.database ? handshakes.get() : nullptr,
      .uploads = options.database ? &uploads : nullptr,
      .remediation = options.database ? &remediation : nullptr,
      .plans = options.database ? &plans : nullptr,
      .drift = options.database ? &drift : nullptr,
      .schedules = options.database ? &schedules : nullptr,
      .scheduler = options.database ? &scheduler : nullptr,
      .alerts = options.database ? &alerts : nullptr,
      .webhooks = options.database ? &webhooks : nullptr,
      .governance = options.database ? &governance : nullptr,
      .portfolio = options.database ? &portfolio : nullptr,
      .retention = options.database ? &retention : nullptr};
  api = std::make_unique<api::Api>(dependencies, options.api);
  if (options.admin_key) api->set_admin_key(Secret(std::string(kAdminKey)));
  server = std::make_unique<api::Server>(options.server, *api, log);
  api->set_connection_counts([this] { return server->counts(); });
  std::vector<boost::asio::io_context*> contexts;
  for (int i = 0; i < options.threads; ++i)
    contexts.push_back(contexts_.emplace_back(std::make_unique<boost::asio::io_context>(1)).get());
  const auto bound = server->listen({"127.0.0.1:0"}, contexts);
  if (!bound) throw std::runtime_error(bound.error().public_detail);
  const std::string& text = bound->front();
  std::from_chars(text.data() + text.rfind(':') + 1, text.data() + text.size(), port);
  if (options.database && options.worker)
    boost::asio::co_spawn(*contexts.front(), worker->run(), boost::asio::detached);
  for (boost::asio::io_context* context : contexts) {
    threads_.emplace_back([context] {
      const auto guard = boost::asio::make_work_guard(*context);
      context->run();
    });
  }
}

Stack::~Stack() {
  worker->stop();
  api->set_draining();
  server->stop();
  sharing.stop();
  uploads.stop();
  plans.stop();
  sender->stop();
  db.stop();
  verification.stop();
  transparency->stop();
  for (const auto& context : contexts_) context->stop();
  for (std::thread& thread : threads_) thread.join();
  worker->end();
  contexts_.clear();
  ::close(log_fd);
}

HttpAnswer Stack::ask(std::string_view method, std::string_view target, const HttpHeaders& headers,
                      std::string_view body) const {
  HttpClient client("127.0.0.1", port);
  auto answer = client.ask(method, target, headers, body);
  if (!answer) ADD_FAILURE() << "no answer to " << method << " " << target;
  return answer.value_or(HttpAnswer{});
}

std::string Stack::make_key(const TenantId& tenant, store::Role role, int rate_per_minute) {
  service::Actor platform;
  platform.platform = true;
  service::NewKey wanted;
  wanted.label = "test";
  wanted.role = role;
  wanted.rate_per_minute = rate_per_minute;
  const auto issued = run_task(tenancy.issue_key(platform, tenant, wanted));
  EXPECT_TRUE(issued) << (issued ? "" : issued.error().public_detail + issued.error().internal);
  return issued ? std::string(issued->token.expose()) : std::string();
}

std::string Stack::make_scan(const std::string& key) {
  HttpClient client("127.0.0.1", port);
  const auto started = client.ask("POST", "/pqc/scan", bearer(key),
                                  R"({"scenarioId":"bank-tls-inventory","useFixture":true})");
  EXPECT_TRUE(started && started->status == 202) << (started ? started->body : "");
  if (!started || started->status != 202) return {};
  const auto parsed = json::parse(started->body);
  const std::string id(parsed->at("scanId").as_string());
  // The event stream ends when the scan has; that is the wait.
  HttpClient events("127.0.0.1", port);
  const auto stream = events.ask("GET", "/pqc/scan/" + id + "/events", bearer(key));
  EXPECT_TRUE(stream && stream->body.find("event: end") != std::string::npos)
      << (stream ? stream->body : "");
  return id;
}

std::string Stack::raise_alert(const TenantId& tenant, const std::string& subject,
                               const std::string& severity) {
  store::AlertRow row;
  row.id = AlertId::generate(clock.now(), random);
  row.tenant_id = tenant;
  row.kind = "hybrid_lost";
  row.subject = row.host = subject;
  row.severity = severity;
  row.message = subject + " has classical key exchange only.";
  row.last_seen_at = clock.now();
  const auto work = [row](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(raised, store::alerts::raise(connection, row));
    return raised.fresh;
  };
  return run_task(db.write<bool>(work)).value_or(false) ? row.id.str() : std::string();
}

Tenant Stack::make_tenant(const std::string& name, int rate_per_minute) {
  service::Actor platform;
  platform.platform = true;
  service::NewTenant wanted;
  wanted.name = name;
  const auto row = run_task(tenancy.create_tenant(platform, wanted));
  EXPECT_TRUE(row) << (row ? "" : row.error().public_detail + row.error().internal);
  Tenant tenant;
  tenant.id = row->id;
  tenant.viewer = make_key(row->id, store::Role::kViewer, rate_per_minute);
  tenant.operator_key = make_key(row->id, store::Role::kOperator, rate_per_minute);
  tenant.admin = make_key(row->id, store::Role::kAdmin, rate_per_minute);
  tenant.scan_id = make_scan(tenant.operator_key);
  const HttpAnswer share =
      ask("POST", "/tenant/scans/" + tenant.scan_id + "/share", bearer(tenant.operator_key));
  EXPECT_EQ(share.status, 201) << share.body;
  if (share.status == 201) {
    const auto body = json::parse(share.body);
    tenant.share_id = std::string(body->at("id").as_string());
    tenant.share_token = std::string(body->at("token").as_string());
  }
  tenant.alert_id = raise_alert(tenant.id, "www.example.org:443");
  service::Actor actor;
  actor.tenant = tenant.id;
  service::WebhookFields hook;
  hook.url = "http://127.0.0.1:9/hook";
  hook.events = {"alert.*"};
  if (const auto made = run_task(webhooks.create(actor, hook)); made)
    tenant.webhook_id = made->row.id.str();
  service::NewSchedule schedule;
  schedule.name = "Samples";
  schedule.scan.scenario_id = "bank-tls-inventory";
  schedule.scan.use_fixture = true;
  if (const auto made = run_task(schedules.create(actor, schedule)); made)
    tenant.schedule_id = made->id.str();
  return tenant;
}

void Stack::add_child(Tenant& parent) {
  service::Actor platform, above, below;
  platform.platform = true;
  above.tenant = parent.id;
  const auto row = run_task(tenancy.create_tenant(platform, {.name = "A child", .slug = {}}));
  ASSERT_TRUE(row) << row.error().public_detail;
  below.tenant = parent.child = row->id;
  auto invited = run_task(portfolio.invite(above, {.label = "A label", .scope = "scans"}));
  ASSERT_TRUE(invited) << invited.error().public_detail;
  const auto made = run_task(portfolio.accept(below, std::move(invited->code)));
  ASSERT_TRUE(made) << made.error().public_detail;
  parent.link_id = made->id.str();
  const auto another = run_task(portfolio.invite(above, {}));
  ASSERT_TRUE(another) << another.error().public_detail;
  parent.partner_code = another->code.expose();
}

std::string Stack::log_text() const {
  std::ifstream file(dir.file("log"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace carnet::test
