#include "tests/support/pg_cluster.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace carnet::test {
namespace {

constexpr const char* kScript = CARNET_SOURCE_DIR "/tests/support/pg_cluster.sh";

struct PipeEnds {
  int read = -1, write = -1;
};
PipeEnds make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pg_cluster: no pipe");
  return {.read = ends[0], .write = ends[1]};
}

std::string read_line(int fd) {
  std::string line;
  for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

}  // namespace

PgCluster& PgCluster::shared() {
  static PgCluster cluster;
  return cluster;
}

PgCluster::PgCluster() {
  const PipeEnds input = make_pipe(), output = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A session of its own: an interrupt at the terminal ends the test, and the script then tidies.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::string script = kScript;
  char* arguments[] = {script.data(), nullptr};
  const int failed =
      ::posix_spawn(&pid_, script.c_str(), &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(input.read);
  ::close(output.write);
  lifeline_ = input.write;
  if (failed != 0) throw std::runtime_error(fmt::format("{} cannot be started", kScript));
  std::istringstream line(read_line(output.read));
  ::close(output.read);
  std::string ready;
  if (!(line >> ready >> folder_ >> port_) || ready != "ready")
    throw std::runtime_error(fmt::format("{} gave no server; its words are above", kScript));
  static_cast<void>(query("postgres", "CREATE ROLE carnet LOGIN CREATEROLE"));
}

PgCluster::~PgCluster() {
  ::close(lifeline_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

PgCluster::Rows PgCluster::query(const std::string& database, const std::string& sql,
                                 const std::string& user) const {
  const std::string target =
      fmt::format("host={} port={} dbname={} user={}", folder_, port_, database, user);
  const Connection connection(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(connection.get()));
  const Answer answer(PQexec(connection.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(fmt::format("{}: {}", sql, PQresultErrorMessage(answer.get())));
  Rows rows;
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    std::vector<std::string>& out = rows.emplace_back();
    for (int column = 0; column < PQnfields(answer.get()); ++column)
      out.emplace_back(PQgetisnull(answer.get(), row, column) != 0
                           ? "NULL"
                           : PQgetvalue(answer.get(), row, column));
  }
  return rows;
}

std::string PgCluster::create_database(const std::string& copy_of) {
  std::string name = fmt::format("t{}", ++sequence_);
  static_cast<void>(
      query("postgres", fmt::format("CREATE DATABASE {} TEMPLATE {} OWNER carnet", name, copy_of)));
  return name;
}

void PgCluster::drop_database(const std::string& name) {
  static_cast<void>(query("postgres", fmt::format("DROP DATABASE {} WITH (FORCE)", name)));
}

std::string PgCluster::url(const std::string& database) const {
  // The folder of the socket stands in the query, where it needs no escapes.
  return fmt::format("postgresql://carnet@/{}?host={}&port={}", database, folder_, port_);
}

const std::string& PgCluster::filled(const std::function<void(const std::string& url)>& fill) {
  if (filled_.empty()) {
    const std::string name = create_database();
    fill(url(name));
    filled_ = name;
  }
  return filled_;
}

std::string PgCluster::dump(const std::string& database) const {
  std::string out;
  for (const auto& table : query(database,
                                 "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' "
                                 "AND relnamespace = 'public'::regnamespace"))
    for (const auto& row :
         query(database, fmt::format("SELECT whole::text FROM {} whole", table.front())))
      out += row.front() + '\n';
  return out;
}

}  // namespace carnet::test
