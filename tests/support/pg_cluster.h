#pragma once
// A PostgreSQL server that belongs to this test program: started by pg_cluster.sh when it is first
// asked for, stopped and removed when the program ends, by whatever death. Databases in it are
// copies of a template, so that each test has its own within some tens of milliseconds. shared()
// is thread-safe; the rest belongs to the test's own thread. What fails here ends the test with a
// std::runtime_error that says why.

#include <functional>
#include <string>
#include <vector>

namespace carnet::test {

class PgCluster {
 public:
  // The one of this program.
  static PgCluster& shared();
  PgCluster();
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;
  ~PgCluster();

  // Rows of texts; NULL is "NULL".
  using Rows = std::vector<std::vector<std::string>>;
  // Runs the statements, as the superuser unless `user` says otherwise; gives the rows of the last.
  [[nodiscard]] Rows query(const std::string& database, const std::string& sql,
                           const std::string& user = "postgres") const;

  // An empty database that the role `carnet` owns, which is no superuser and may create roles, as
  // an operator would make it; gives its name. Or a copy of `copy_of`, to which nobody may be
  // connected.
  [[nodiscard]] std::string create_database(const std::string& copy_of = "template0");
  // With everybody's connections to it.
  void drop_database(const std::string& name);
  // For --database: as the role `carnet`, over the socket.
  [[nodiscard]] std::string url(const std::string& database) const;
  // A database that `fill` was called for once, with its URL; to be copied. No connection may stay.
  [[nodiscard]] const std::string& filled(const std::function<void(const std::string& url)>& fill);
  // Every row of every table as text, bytes in hex.
  [[nodiscard]] std::string dump(const std::string& database) const;

 private:
  std::string folder_, port_;
  int lifeline_ = -1;  // the server ends when this end of the pipe does
  int pid_ = -1;
  int sequence_ = 0;
  std::string filled_;
};

}  // namespace carnet::test
