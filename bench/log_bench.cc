// The transparency log on its real store. Usage: bench_log [ENTRIES...], by default 1000 and
// 1000000. For each size: the rate of appends (one a transaction in groups as the service commits
// them, and many in one), the time of a checkpoint, of a proof of inclusion and of consistency, and
// of the same two proofs by recomputing the tree from its leaves in memory, which is what a log
// without tiles does. Prints one line a measurement, `entries name value unit`.
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "evidence/tests/log_samples.h"
#include "service/transparency.h"

namespace {

using carnet::Result;
using carnet::Task;
using carnet::evidence::MerkleHash;
using carnet::service::Transparency;
using carnet::store::Connection;

using Seconds = std::chrono::duration<double>;

carnet::crypto::Digest256 envelope(std::uint64_t i) {
  return carnet::crypto::sha256(fmt::format("envelope {}", i));
}

template <class Work>
double seconds_of(const Work& work) {
  const auto from = std::chrono::steady_clock::now();
  work();
  return Seconds(std::chrono::steady_clock::now() - from).count();
}

void print(std::uint64_t entries, std::string_view name, double value, std::string_view unit) {
  fmt::print("{:>8} {:<28} {:>12.1f} {}\n", entries, name, value, unit);
  std::fflush(stdout);
}

template <class T>
T wait(Task<Result<T>> task) {
  boost::asio::io_context io;
  auto future = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.run();
  auto out = future.get();
  if (!out) {
    fmt::print(stderr, "{} {}\n", out.error().public_detail, out.error().internal);
    std::exit(1);
  }
  return std::move(*out);
}

// RFC 9162's definitions, with nothing kept.
MerkleHash naive_root(std::span<const MerkleHash> leaves) {
  return carnet::evidence::root_of_leaves(leaves);
}

std::vector<MerkleHash> naive_inclusion(std::span<const MerkleHash> leaves, std::size_t index) {
  std::vector<MerkleHash> path;
  while (leaves.size() > 1) {
    const std::size_t k = std::bit_floor(leaves.size() - 1);
    path.push_back(naive_root(index < k ? leaves.subspan(k) : leaves.first(k)));
    leaves = index < k ? leaves.first(k) : leaves.subspan(k);
    if (index >= k) index -= k;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

class Bench {
 public:
  explicit Bench(const std::filesystem::path& folder)
      : db_(open(folder)),
        log_(clock_, STDERR_FILENO, carnet::LogFormat::kText, carnet::LogLevel::kError),
        tlog_(*db_, clock_, random_, log_, signer_,
              {.origin = "bench.example/log", .witnesses = {}}) {}
  ~Bench() { db_->stop(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // Grows the log to `size`, many appends in one transaction.
  void fill(std::uint64_t size) {
    constexpr std::uint64_t kBatch = 1000;
    const std::uint64_t begun = leaves_.size();
    const double took = seconds_of([&] {
      while (leaves_.size() < size) {
        const std::uint64_t end = std::min<std::uint64_t>(size, leaves_.size() + kBatch);
        const auto work = [&](Connection& connection) -> Result<void> {
          for (std::uint64_t i = leaves_.size(); i < end; ++i)
            CARNET_TRY_VOID(tlog_.append(connection, envelope(i)));
          return {};
        };
        if (auto done = db_->write_blocking(work); !done) std::exit(1);
        for (std::uint64_t i = leaves_.size(); i < end; ++i)
          leaves_.push_back(carnet::evidence::leaf_hash(envelope(i)));
      }
    });
    if (size > begun)
      print(size, "append, many a transaction", static_cast<double>(size - begun) / took, "per s");
  }

  // Each append its own transaction, from many callers at once; beyond the size that is measured.
  void append_singly(std::uint64_t size) {
    constexpr int kCallers = 64;
    constexpr int kEach = 16;
    std::vector<std::thread> callers;
    const double took = seconds_of([&] {
      for (int c = 0; c < kCallers; ++c)
        callers.emplace_back([this, c, size] {
          for (int i = 0; i < kEach; ++i) {
            const auto digest = carnet::crypto::sha256(fmt::format("single {} {} {}", size, c, i));
            const auto work = [&](Connection& connection) -> Result<void> {
              CARNET_TRY_VOID(tlog_.append(connection, digest));
              return {};
            };
            if (!db_->write_blocking(work)) std::exit(1);
          }
        });
      for (std::thread& caller : callers) caller.join();
    });
    print(size, "append, one a transaction", kCallers * kEach / took, "per s");
  }

  void measure(std::uint64_t size) {
    const double checkpoint = seconds_of([&] { wait(tlog_.checkpoint_at(size)); });
    print(size, "checkpoint, signed", checkpoint * 1e6, "us");
    const double again = seconds_of([&] { wait(tlog_.checkpoint_at(size)); });
    print(size, "checkpoint, published", again * 1e6, "us");
    constexpr std::uint64_t kRounds = 200;
    const double inclusion = seconds_of([&] {
      for (std::uint64_t i = 0; i < kRounds; ++i)
        wait(tlog_.inclusion(envelope(i * 7919 % size), size));
    });
    print(size, "inclusion from tiles", inclusion / kRounds * 1e6, "us");
    const double consistency = seconds_of([&] {
      for (std::uint64_t i = 0; i < kRounds; ++i)
        wait(tlog_.consistency(1 + i * 7919 % size, size));
    });
    print(size, "consistency from tiles", consistency / kRounds * 1e6, "us");

    const std::span<const MerkleHash> leaves(leaves_.data(), size);
    std::vector<MerkleHash> path;
    const double naive = seconds_of([&] { path = naive_inclusion(leaves, size / 3); });
    print(size, "inclusion by recomputing", naive * 1e6, "us");
    const auto from_tiles = wait(tlog_.inclusion(envelope(size / 3), size));
    if (from_tiles.proof.path != path) {
      fmt::print(stderr, "the two ways give different proofs\n");
      std::exit(1);
    }
    print(size, "recomputing / tiles", naive / (inclusion / kRounds), "times");
  }

 private:
  static std::unique_ptr<carnet::store::Database> open(const std::filesystem::path& folder) {
    auto opened = carnet::store::open_sqlite({.path = (folder / "carnet.db").string()});
    if (!opened) std::exit(1);
    return std::move(*opened);
  }

  carnet::SystemClock clock_;
  carnet::SystemRandom random_;
  std::unique_ptr<carnet::store::Database> db_;
  carnet::Log log_;
  carnet::evidence::testing::TestSigner signer_;
  Transparency tlog_;
  std::vector<MerkleHash> leaves_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::uint64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {1000, 1'000'000};
  std::string pattern = (std::filesystem::temp_directory_path() / "carnet-log-XXXXXX").string();
  for (const std::uint64_t size : sizes) {
    std::string folder = pattern;
    if (size == 0 || ::mkdtemp(folder.data()) == nullptr) return 2;
    {
      Bench bench(folder);
      bench.fill(size);
      bench.measure(size);
      bench.append_singly(size);
    }
    std::filesystem::remove_all(folder);
  }
  return 0;
}
