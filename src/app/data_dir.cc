#include "app/data_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "app/private_files.h"
#include "app/run_task.h"
#include "app/signing_key_files.h"
#include "base/encoding.h"
#include "base/text.h"
#include "crypto/token.h"
#include "service/tenancy.h"
#include "store/database.h"

namespace carnet::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAdminKeyPrefix = "cnt_a_";
constexpr std::size_t kPepperBytes = 32;
constexpr std::size_t kKeyFileBytesMax = 4096;

Result<void> check_free(const std::string& directory) {
  std::error_code failure;
  if (!fs::exists(directory, failure)) return {};
  if (!fs::is_directory(directory, failure))
    return make_error(
        ErrorCode::kConflict,
        fmt::format("{} exists and is not a directory; choose another with --data.", directory));
  if (!fs::is_empty(directory, failure) || failure)
    return make_error(ErrorCode::kConflict,
                      fmt::format("{} is not empty; nothing was changed. Choose another directory "
                                  "with --data, or start the "
                                  "service on this one with: carnet serve --data {}",
                                  directory, directory));
  return {};
}

Result<InitResult> make_first_tenant(TaskRunner& tasks, store::Database& db,
                                     const std::string& name, const Secret& pepper,
                                     const Clock& clock, Random& random) {
  service::Tenancy tenancy(db, clock, random, pepper, {});
  const service::Actor actor{.tenant = {},
                             .tenant_name = {},
                             .key = {},
                             .role = service::Role::kAdmin,
                             .platform = true,
                             .request_id = "carnet-init"};
  service::NewTenant new_tenant{.name = name, .slug = {}};
  CARNET_TRY(tenant, tasks.run(tenancy.create_tenant(actor, std::move(new_tenant))));
  InitResult out{.tenant_id = tenant.id.str(), .tenant_name = tenant.name, .keys = {}};
  for (const service::Role role :
       {service::Role::kAdmin, service::Role::kOperator, service::Role::kViewer}) {
    service::NewKey new_key{.label = fmt::format("first {} key", store::to_string(role)),
                            .role = role,
                            .expires_days = {},
                            .rate_per_minute = {}};
    CARNET_TRY(issued, tasks.run(tenancy.issue_key(actor, tenant.id, std::move(new_key))));
    out.keys.push_back(
        {.role = std::string(store::to_string(role)), .token = std::move(issued.token)});
  }
  return out;
}

Result<std::unique_ptr<store::Database>> open_new_database(const InitRequest& request,
                                                           const std::string& directory) {
  if (!request.postgres_url.empty())
    return store::open_postgres({.url = request.postgres_url, .connections = 2});
  store::SqliteOptions options;
  options.path = directory + "/carnet.db";
  return store::open_sqlite(options);
}

// Its keys and links belong to the pepper of another data directory.
Result<void> check_no_tenant(TaskRunner& tasks, store::Database& db, const Secret& pepper,
                             const Clock& clock, Random& random) {
  service::Tenancy tenancy(db, clock, random, pepper, {});
  CARNET_TRY(tenants, tasks.run(tenancy.list_tenants({.before = "", .limit = 1})));
  if (tenants.empty()) return {};
  return make_error(ErrorCode::kConflict,
                    "The database has tenants already, which need the secrets of the data "
                    "directory that they were made with: copy that to run another instance, or "
                    "give this one an empty database.");
}

}  // namespace

Result<InitResult> init_data_dir(const InitRequest& request, const Clock& clock, Random& random) {
  std::string directory = request.directory;
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  CARNET_TRY_VOID(check_free(directory));
  std::array<std::uint8_t, kPepperBytes> bytes{};
  random.fill(bytes);
  CARNET_TRY(staging, StagingFolder::create(directory, "init", random));

  const Secret pepper(std::string(as_text(bytes)));
  const std::string pepper_text = to_hex(bytes) + "\n";
  CARNET_TRY_VOID(write_new_file(staging.path() + "/pepper", pepper_text));
  const crypto::NewToken admin = crypto::new_token(kAdminKeyPrefix, pepper, random);
  CARNET_TRY_VOID(
      write_new_file(staging.path() + "/admin.key", std::string(admin.text.expose()) + "\n"));

  const SigningKeyPlaces places{.data_dir = staging.path(),
                                .key_file = request.key_file,
                                .passphrase_file = request.passphrase_file};
  CARNET_TRY_VOID(make_signing_keys(places, false, clock, random));

  InitResult out;
  {
    TaskRunner tasks;
    CARNET_TRY(db, open_new_database(request, staging.path()));
    CARNET_TRY_VOID(check_no_tenant(tasks, *db, pepper, clock, random));
    auto first = make_first_tenant(tasks, *db, request.tenant_name, pepper, clock, random);
    db->stop();
    if (!first) return tl::unexpected(std::move(first).error());
    out = std::move(*first);
  }
  CARNET_TRY_VOID(staging.move_into_place());
  return out;
}

Result<Secret> read_key_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return Secret{};
    return cannot("read", path);
  }
  std::string text(kKeyFileBytesMax, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  const std::string reason = std::strerror(errno);
  ::close(fd);
  if (got < 0) return cannot("read", path, reason);
  const Secret whole(text.substr(0, static_cast<std::size_t>(got)));
  ::explicit_bzero(text.data(), text.size());
  return Secret(std::string(trim_ascii(whole.expose())));
}

Result<Secret> read_pepper(const std::string& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored))
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("There is no data directory at {}; make one with: carnet init --data {}",
                    directory, directory));
  CARNET_TRY(text, read_key_file(directory + "/pepper"));
  const auto bytes = from_hex(text.expose());
  if (!bytes || bytes->size() != kPepperBytes)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("{}/pepper is missing or damaged; every key and link depends on "
                                  "it, so restore it from a backup.",
                                  directory));
  return Secret(std::string(as_text(*bytes)));
}

}  // namespace carnet::app
