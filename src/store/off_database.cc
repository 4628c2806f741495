#include "store/database.h"

namespace carnet::store {
namespace {

constexpr int kRetry_s = 300;  // someone has to restart the server with a database

Error persistence_off() {
  Error error = make_error(ErrorCode::kPersistenceOff,
                           "This server runs without a database, so nothing is stored.")
                    .value();
  error.retry_after_s = kRetry_s;
  return error;
}

class OffDatabase final : public Database {
 public:
  // Without a database is what the operator asked for, not an outage.
  bool healthy() override { return true; }
  void stop() override {}
  std::string description() const override { return "off"; }
  bool persistent() const override { return false; }

 protected:
  void submit_write(Work, Done done) override { done(tl::unexpected(persistence_off())); }
  void submit_read(Work, Done done) override { done(tl::unexpected(persistence_off())); }
  Result<void> run_point_read(const Work&) override { return tl::unexpected(persistence_off()); }
};

}  // namespace

std::unique_ptr<Database> make_off_database() { return std::make_unique<OffDatabase>(); }

}  // namespace carnet::store
