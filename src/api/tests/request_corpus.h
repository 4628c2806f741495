#pragma once
// Requests that are framed well, badly, and so that two parsers read them differently, each with
// another request right behind it. Sources: RFC 9110 and 9112; the forms that published work on
// request smuggling lists.

#include <string>
#include <vector>

namespace carnet::api::test {

// Stands behind every case. Nothing may answer it where the case is refused.
inline const std::string kBehind =
    "GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Request-Id: smuggled\r\n\r\n";

struct FramingCase {
  std::string bytes;  // kBehind not included
  int whole = 0;      // requests that are answered before the refusal, kBehind included
  std::string refused = "400";
};

inline std::vector<FramingCase> smuggling_cases() {
  const std::string post = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\n";
  const std::string chunks = "\r\n\r\n0\r\n\r\n";
  std::vector<FramingCase> out;
  const auto nul = [](std::string text) {
    for (char& c : text)
      if (c == '@') c = '\0';
    return text;
  };
  for (const std::string& fields : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nContent-Length: 5",
           "Content-Length: 0\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
           "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nTransfer-encoding: x",
           "Transfer-Encoding: xchunked",
           "Transfer-Encoding: chunkedx",
           "Transfer-Encoding: chunked, chunked",
           "Transfer-Encoding: chunked, identity",
           "Transfer-Encoding: identity, chunked",
           "Transfer-Encoding: gzip, chunked",
           "Transfer-Encoding: chunked, gzip",
           "Transfer-Encoding: identity",
           "Transfer-Encoding: chunked,",
           "Transfer-Encoding: ,chunked",
           "Transfer-Encoding: \"chunked\"",
           "Transfer-Encoding: 'chunked'",
           "Transfer-Encoding: chunked;q=1",
           "Transfer-Encoding: chun ked",
           "Transfer-Encoding:",
           "Transfer-Encoding: chunked\x0b",
           "Transfer-Encoding: \x0b"
           "chunked",
           "Transfer-Encoding:\x0c"
           "chunked",
           "Transfer-Encoding: chunked\x7f",
           "Transfer-Encoding : chunked",
           "Transfer-Encoding\t: chunked",
           "Transfer-Encoding\x0b: chunked",
           "Transfer Encoding: chunked",
           " Transfer-Encoding: chunked",
           "X: y\r\n Transfer-Encoding: chunked",
           "X: y\r\n\tTransfer-Encoding: chunked",
           "Transfer-Encoding:\r\n chunked",
           "X: y\rTransfer-Encoding: chunked",
           "X: y\nTransfer-Encoding: chunked",
           "X: y\r\r\nTransfer-Encoding: chunked",
           "X: y\n\rTransfer-Encoding: chunked",
           "\rTransfer-Encoding: chunked",
           "Content-Length: 5\r\nContent-Length: 5",
           "Content-Length: 5\r\nContent-Length: 6",
           "Content-Length: 5\r\ncontent-length: 0",
           "Content-Length: 5, 5",
           "Content-Length: 5,6",
           "Content-Length: +5",
           "Content-Length: -5",
           "Content-Length: -0",
           "Content-Length: 0x5",
           "Content-Length: 05",
           "Content-Length: 00",
           "Content-Length: 5 5",
           "Content-Length: 5.0",
           "Content-Length: 5e0",
           "Content-Length: 5;",
           "Content-Length: 5a",
           "Content-Length: \"5\"",
           "Content-Length: five",
           "Content-Length:",
           "Content-Length: 5\x0b",
           "Content-Length: \x0b"
           "5",
           "Content-Length: 18446744073709551615",
           "Content-Length: 18446744073709551621",
           "Content-Length: 99999999999999999999999",
           "Content-Length : 5",
           "Content-Length\t: 5",
           "Content-Length:\r\n 5",
           "X: y\nContent-Length: 5",
           "X: y\rContent-Length: 5",
           "X y",
           ": y",
           "X(: y",
           "X\xc3\xa9: y",
           "X: y\x01",
           "Host: a",
           "Host: b",
           "Expect: 200-ok",
       })
    out.push_back({post + fields + chunks});
  for (const char* fields :
       {"Transfer-Encoding: chunked@", "Transfer-Encoding:@chunked", "Transfer-Encoding@: chunked",
        "Content-Length: 5@", "Content-Length@: 5", "X: y@", "X@: y"})
    out.push_back({post + nul(fields) + chunks});
  for (const char* lines : {
           "GET /health HTTP/1.1",                        // no Host
           "GET /health HTTP/1.1\r\nHost: a\r\nHost: a",  // two
           "GET /health HTTP/1.1\r\nHost: a\r\nhost: b",
           "GET /health HTTP/1.1\r\nHost: a, b",
           "GET /health HTTP/1.1\r\nHost: a b",
           "GET /health HTTP/1.1\r\nHost: a/b",
           "GET /health HTTP/1.1\r\nHost: b@a",
           "GET /health HTTP/1.1\r\nHost: a#b",
           "GET /health HTTP/1.1\r\nHost : a",
           "GET http://b/health HTTP/1.1\r\nHost: a",  // absolute form, another Host
           "GET http://a:81/health HTTP/1.1\r\nHost: a",
           "GET http://x@a/health HTTP/1.1\r\nHost: a",
           "GET http:///health HTTP/1.1\r\nHost: a",
           "GET ftp://a/health HTTP/1.1\r\nHost: a",
           "GET http:/health HTTP/1.1\r\nHost: a",
           "GET health HTTP/1.1\r\nHost: a",
           "GET * HTTP/1.1\r\nHost: a",
           "CONNECT a:443 HTTP/1.1\r\nHost: a:443",
           "GET /health",  // HTTP/0.9
           "GET /health HTTP/0.9\r\nHost: a",
           "GET /health HTTP/2.0\r\nHost: a",
           "GET /health HTTP/1.2\r\nHost: a",
           "GET /health HTTP/1.10\r\nHost: a",
           "GET /health HTTP/01.1\r\nHost: a",
           "GET /health HTTP/1\r\nHost: a",
           "GET /health http/1.1\r\nHost: a",
           "GET /health HTTP/1.1 \r\nHost: a",
           "GET /health HTTP/1.1\t\r\nHost: a",
           "GET /health  HTTP/1.1\r\nHost: a",
           "GET  /health HTTP/1.1\r\nHost: a",
           "GET\t/health HTTP/1.1\r\nHost: a",
           "GET /health\tHTTP/1.1\r\nHost: a",
           "GET /hea lth HTTP/1.1\r\nHost: a",
           "GET /health\x0b HTTP/1.1\r\nHost: a",
           "GET /health#x HTTP/1.1\r\nHost: a",
           "GET /h\xc3\xa9 HTTP/1.1\r\nHost: a",
           "G@T /health HTTP/1.1\r\nHost: a",
           "(GET) /health HTTP/1.1\r\nHost: a",
           " GET /health HTTP/1.1\r\nHost: a",
           "PRI * HTTP/2.0",  // HTTP/2's preface
           "GET /health HTTP/1.1\r\nHost: a\r\n\r\r\n",
       })
    out.push_back({std::string(lines) + "\r\n\r\n"});
  out.push_back({nul("GET /hea@lth HTTP/1.1\r\nHost: a\r\n\r\n")});
  out.push_back({nul("GET /health HTTP/1.1\r\nHost: a@\r\n\r\n")});
  out.push_back({"GET /health HTTP/1.1\nHost: a\n\n"});
  out.push_back({"GET /health HTTP/1.1\r\nHost: a\n\r\n"});
  out.push_back({"GET /health HTTP/1.1\r\nHost: a\r\n\n"});
  out.push_back({"\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n"});
  out.push_back({"\rGET /health HTTP/1.1\r\nHost: a\r\n\r\n"});
  out.push_back({"\x16\x03\x01\x02\x00\x01\x00"});  // a TLS hello, as far as it gets
  out.push_back({"POST /pqc/scan HTTP/1.0\r\nTransfer-Encoding: chunked" + chunks});
  return out;
}

inline std::vector<FramingCase> chunk_cases() {
  const std::string head =
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::vector<FramingCase> out;
  for (const char* body : {
           "0x2\r\n{}\r\n0\r\n\r\n",
           "+2\r\n{}\r\n0\r\n\r\n",
           "-2\r\n{}\r\n0\r\n\r\n",
           " 2\r\n{}\r\n0\r\n\r\n",
           "2 \r\n{}\r\n0\r\n\r\n",
           "2\t;x\r\n{}\r\n0\r\n\r\n",
           "\t2\r\n{}\r\n0\r\n\r\n",
           "g\r\n{}\r\n0\r\n\r\n",
           "2g\r\n{}\r\n0\r\n\r\n",
           "\r\n{}\r\n0\r\n\r\n",
           ";x\r\n{}\r\n0\r\n\r\n",
           "2.0\r\n{}\r\n0\r\n\r\n",
           "2_0\r\n{}\r\n0\r\n\r\n",
           "2,0\r\n{}\r\n0\r\n\r\n",
           "\"2\"\r\n{}\r\n0\r\n\r\n",
           "2\n{}\n0\n\n",  // bare line feeds
           "2\n{}\r\n0\r\n\r\n",
           "2\r{}\r\n0\r\n\r\n",
           "2;x\n{}\r\n0\r\n\r\n",
           "2;x\nyz\r\n{}\r\n0\r\n\r\n",
           "2;x\ry\r\n{}\r\n0\r\n\r\n",
           "2;\x01\r\n{}\r\n0\r\n\r\n",
           "2\r\n{}\n0\r\n\r\n",
           "2\r\n{}0\r\n\r\n",
           "2\r\n{}}\r\n0\r\n\r\n",
           "2\r\n{}\r0\r\n\r\n",
           "2\r\n{\r\n0\r\n\r\n",  // shorter than it says
           "2\r\n{}\r\n0\r\n\n",
           "2\r\n{}\r\n0\r\n\rX",
           "2\r\n{}\r\n0\n\r\n",
           "2\r\n{}\r\n0\r\nX: y\n\r\n",
           "2\r\n{}\r\n0\r\nX y\r\n\r\n",
           "2\r\n{}\r\n0\r\n X: y\r\n\r\n",
           "2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n",
           "2\r\n{}\r\n0\r\nX : y\r\n\r\n",
           "2\r\n{}\r\n0\r\n: y\r\n\r\n",
           "2\r\n{}\r\n0\r\nX: \x01\r\n\r\n",
           "10000000000000002\r\n{}\r\n0\r\n\r\n",
           "00000000000000002\r\n{}\r\n0\r\n\r\n",
           "2\r\n{}\r\n00000000000000000\r\n\r\n",
       })
    out.push_back({head + body});
  out.push_back({head + "2;" + std::string(1100, 'x') + "\r\n{}\r\n0\r\n\r\n"});
  out.push_back({head + "2;" + std::string(40000, 'x')});
  out.push_back({head + "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"});
  std::string dust;  // one byte of data in each, behind an extension
  for (int i = 0; i < 1000; ++i) dust += "1;" + std::string(900, 'x') + "\r\n \r\n";
  out.push_back({head + dust + "0\r\n\r\n"});
  out.push_back({head + "fffffffffffffff0\r\n{}\r\n0\r\n\r\n", 0, "413"});
  out.push_back({head + "7fffffffffffffff\r\n{}\r\n0\r\n\r\n", 0, "413"});
  return out;
}

// Those that are right, odd as some look: the case and kBehind are both answered.
inline std::vector<FramingCase> good_cases() {
  const std::string post = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\n";
  std::vector<FramingCase> out;
  for (const std::string& bytes : {
           std::string("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost:a\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost: \t a \t \r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nhOST: a_b.example\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost:\r\n\r\n"),
           std::string("GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET http://A/health HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET https://a?x HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("BREW /health HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
           std::string("\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost: a\r\nX: \r\nY: \xc3\xa9\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
           std::string("GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("GET /health HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n"),
           post + "Content-Length: 2\r\n\r\n{}",
           post + "Content-Length:2\r\n\r\n{}",
           post + "Content-Length: \t2\t \r\n\r\n{}",
           post + "Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
           post + "Transfer-Encoding: \t chunked \r\n\r\n2\r\n{}\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n01\r\n}\r\n000\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n2;x=y;z=\"a;b\"\r\n{}\r\n0;last\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\nHost: b\r\n"
                  "Content-Length: 9\r\nTransfer-Encoding: x\r\n\r\n",
           post +
               "Transfer-Encoding: chunked\r\n\r\nA\r\n          \r\nb\r\n           \r\n0\r\n\r\n",
       })
    out.push_back({bytes, 2, ""});
  return out;
}

inline std::vector<FramingCase> size_cases() {
  std::string many = "GET /health HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) many += "X: 1\r\n";
  return {
      {"GET /health HTTP/1.1\r\nHost: a\r\nX: " + std::string(17000, 'a') + "\r\n\r\n", 0, "431"},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 0, "431"},
      {many + "\r\n", 0, "431"},
      {"POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 0, "413"},
      {"GET /health HTTP/1.1\r\nHost: a\r\nX: " + std::string(16384 - 42, 'a') + "\r\n\r\n", 2,
       ""}};
}

inline std::vector<FramingCase> all_framing_cases() {
  std::vector<FramingCase> out;
  for (auto part : {smuggling_cases(), chunk_cases(), good_cases(), size_cases()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace carnet::api::test
