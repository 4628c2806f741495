#pragma once
// Servers of other TLS stacks for the probe's tests: nginx, many contexts in one Node.js
// (OpenSSL 3.5), Bun (BoringSSL), Deno (rustls). The truth about a stack that cannot be told which
// groups to take comes from Node.js as a client, which asks for each alone.

#include <gtest/gtest.h>

#include <sstream>

#include "probe/tests/servers.h"

namespace carnet::probe::test {

inline std::string npm_file(const std::string& path) {
  const std::string whole =
      std::string(CARNET_SOURCE_DIR) + "/third_party/npm/node_modules/" + path;
  return std::filesystem::exists(whole) ? whole : std::string();
}

// The inside of a server block, besides `listen`.
inline Server nginx_server(const TempDir& dir, const std::string& inside) {
  const std::uint16_t port = free_port();
  std::string paths;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    paths += std::string(kind) + "_temp_path " + dir.file(kind) + "; ";
  }
  dir.write("nginx.conf", "daemon off; master_process off; pid " + dir.file("pid") +
                              "; error_log " + dir.file("error.log") +
                              ";\nevents {}\nhttp { access_log off; " + paths +
                              "\nserver { listen 127.0.0.1:" + std::to_string(port) +
                              " ssl http2; " + inside + " } }\n");
  return Server(dir, {"/usr/sbin/nginx", "-e", dir.file("error.log"), "-c", dir.file("nginx.conf")},
                port);
}
inline std::string nginx_certificate(const TempDir& dir, const std::string& name) {
  return "ssl_certificate " + dir.file(name + ".crt") + "; ssl_certificate_key " +
         dir.file(name + ".key") + "; ";
}

// One Node.js with a TLS server for each entry: the inside of the object for tls.createServer, in
// which `pem(NAME)` gives key and cert of a certificate file.
class NodeServers {
 public:
  NodeServers(const TempDir& dir, const std::vector<std::string>& options) {
    std::string script =
        "const tls=require('tls'),fs=require('fs');"
        "const pem=n=>({key:fs.readFileSync('" +
        dir.file("") + "'+n+'.key'),cert:fs.readFileSync('" + dir.file("") +
        "'+n+'.crt')});"
        "const up=(p,o)=>{const s=tls.createServer(o,c=>{c.on('error',()=>{});c.end('hi')});"
        "s.on('tlsClientError',()=>{});s.listen(p,'127.0.0.1')};";
    for (const std::string& option : options) {
      ports_.push_back(free_port());
      script += "\nup(" + std::to_string(ports_.back()) + ",{" + option + "});";
    }
    dir.write("servers.cjs", script);
    process_ = std::make_unique<Server>(
        dir, std::vector<std::string>{node_binary(), dir.file("servers.cjs")}, ports_.back());
  }
  [[nodiscard]] std::uint16_t port(std::size_t index) const { return ports_[index]; }

 private:
  std::vector<std::uint16_t> ports_;
  std::unique_ptr<Server> process_;
};

inline void make_mldsa(const TempDir& dir, const std::string& set) {
  const std::string script = CARNET_SOURCE_DIR "/src/probe/tests/data/mldsa_certificate.cjs";
  run_command(dir, {node_binary(), script, dir.file(""), set});
}

// Of the names in `groups` (OpenSSL's), those that Node.js finishes a TLS 1.3 handshake with.
inline std::vector<std::string> groups_by_node(const TempDir& dir, std::uint16_t port,
                                               const std::vector<std::string>& groups) {
  std::string list;
  for (const std::string& group : groups) list += "'" + group + "',";
  dir.write("client.cjs",
            "const tls=require('tls'),fs=require('fs');(async()=>{let out='';for(const g of[" +
                list + "])await new Promise(r=>{const c=tls.connect({port:" + std::to_string(port) +
                ",host:'127.0.0.1',rejectUnauthorized:false,ecdhCurve:g,minVersion:'TLSv1.3'},"
                "()=>{out+=g+'\\n';c.destroy();r()});c.on('error',()=>r())});"
                "fs.writeFileSync('" +
                dir.file("groups.txt") + "',out)})()");
  run_command(dir, {node_binary(), dir.file("client.cjs")});
  std::ifstream in(dir.file("groups.txt"));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace carnet::probe::test
