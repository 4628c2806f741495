// Certificate files classified per second, against a loop that only calls d2i_X509, over the same
// files in one run: both open and read every file; the peer stops at OpenSSL's structure, Carnet
// goes on to names, dates, key, signature and the judgement. Prints both rates and their ratio
// (goal: 0.70, docs/benchmarks.md). Usage: bench_certificates FOLDER [SECONDS]
#include <fmt/format.h>
#include <openssl/x509.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "assess/classify.h"
#include "base/encoding.h"
#include "inventory/file_reader.h"

namespace {

using carnet::Bytes;

Bytes load(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  Bytes out(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  return out;
}

std::size_t decode_only(const std::string& path) {
  const Bytes bytes = load(path);
  const unsigned char* at = bytes.data();
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(bytes.size()));
  X509_free(certificate);
  return certificate != nullptr ? 1 : 0;
}

std::size_t classify(const std::string& path) {
  const Bytes bytes = load(path);
  const auto reading = carnet::inventory::read_file({.name = path, .bytes = bytes});
  if (!reading) return 0;
  const auto endpoint = carnet::inventory::file_endpoint(*reading);
  return endpoint ? carnet::assess::classify(*endpoint, true).size() : 0;
}

template <class Each>
double rate(const std::vector<std::string>& files, double seconds, Each each) {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t done = 0, found = 0;
  double took = 0;
  while (took < seconds) {
    for (const std::string& file : files) found += each(file);
    done += files.size();
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  if (found < done) fmt::print("note: {} of {} files gave no certificate\n", done - found, done);
  return static_cast<double>(done) / took;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: bench_certificates FOLDER [SECONDS]\n");
    return 2;
  }
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() == ".der") files.push_back(entry.path().string());
  }
  const double seconds = count > 2 ? std::atof(arguments[2]) : 2;
  if (files.empty()) {
    fmt::print(stderr, "bench_certificates: no *.der in {}\n", arguments[1]);
    return 2;
  }
  // Alternating, so that what else the machine does falls on both.
  double decoded = 0, classified = 0;
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    decoded = std::max(decoded, rate(files, seconds / kRounds, decode_only));
    classified = std::max(classified, rate(files, seconds / kRounds, classify));
  }
  fmt::print(
      "d2i_X509 only: {:.0f} files/s; classified: {:.0f} files/s; ratio {:.2f} (goal 0.70)\n",
      decoded, classified, classified / decoded);
  return classified / decoded >= 0.7 ? 0 : 1;
}
