#include "net/target.h"

#include <gtest/gtest.h>

namespace carnet::net {
namespace {

struct Good {
  std::string_view text, key;
};
TEST(Target, NormalForms) {
  for (const Good& one : std::initializer_list<Good>{
           {"example.org", "example.org"},
           {"  Example.ORG. ", "example.org"},
           {"192.0.2.1.", "192.0.2.1"},  // WHATWG: the root's dot does not make it a name
           {"https://127.0.0.1./", "127.0.0.1:443"},
           {"https://%31%32%37.0.0.1/", "127.0.0.1:443"},
           {"example\xE3\x80\x82org", "example.org"},  // ideographic full stop
           {"example.org:8443", "example.org:8443"},
           {"https://example.org", "example.org:443"},
           {"HTTPS://example.org:444/a?b#c", "example.org:444"},
           {"https://example.org:/", "example.org:443"},
           {"https://ex%61mple.org/", "example.org:443"},
           {"https://[2001:DB8::1]/x", "[2001:db8::1]:443"},
           {"localhost:1", "localhost:1"},
           {"_dmarc.example.org", "_dmarc.example.org"},
           {"192.0.2.1", "192.0.2.1"},
           {"192.0.2.1:65535", "192.0.2.1:65535"},
           {"2001:db8::1", "2001:db8::1"},
           {"[2001:db8::1]", "2001:db8::1"},
           {"[2001:db8:0:0:0:0:0:1]:22", "[2001:db8::1]:22"},
           {"[::ffff:192.0.2.1]:22", "192.0.2.1:22"},
           {"192.0.2.77/24", "192.0.2.0/24"},
           {"2001:db8::ff/120", "2001:db8::/120"},
           // UTS 46, non-transitional
           {"B\xC3\xBC"
            "cher.example",
            "xn--bcher-kva.example"},
           {"xn--bcher-kva.example:443", "xn--bcher-kva.example:443"},
           {"fa\xC3\x9F.de", "xn--fa-hia.de"},
           {"\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1", "127.0.0.1"}}) {  // full-width digits
    const auto target = parse_target(one.text);
    ASSERT_TRUE(target) << one.text << ": " << target.error().public_detail;
    EXPECT_EQ(target->key(), one.key) << one.text;
    EXPECT_EQ(target->original, one.text);
  }
}

struct Bad {
  std::string_view text, detail;
};
TEST(Target, RefusalsSayWhatWouldBeRight) {
  for (const Bad& one : std::initializer_list<Bad>{
           {"", "must name a host, such as example.org or example.org:443"},
           {"http://example.org",
            "must be an https:// URL, or a host and port such as example.org:22"},
           {"ssh://example.org",
            "must be an https:// URL, or a host and port such as example.org:22"},
           {"https://user@example.org/", "must not have a user name or password in its URL"},
           {"root@example.org", "must not have a user name; write host:port"},
           {"example.org/path", "has a path; write the whole URL with https://, or only host:port"},
           {"192.0.2.0/33", "must be a block such as 192.0.2.0/24 or 2001:db8::/120"},
           {"192.0.2.0/08", "must be a block such as 192.0.2.0/24 or 2001:db8::/120"},
           {"example.org:", "must have a port from 1 to 65535 after the colon"},
           {"example.org:0", "must have a port from 1 to 65535 after the colon"},
           {"example.org:65536", "must have a port from 1 to 65535 after the colon"},
           {"example.org:443x", "must have a port from 1 to 65535 after the colon"},
           {"0x7f.1", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"2130706433", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"0177.0.0.1", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"017700000001", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"0x7f000001", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"0X7F.0.0.1", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"127.1", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"127.0.1", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"0xA9FEA9FE", "is an unusual way to write an IPv4 address; write 169.254.169.254"},
           {"https://0x7f.1/", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"https://%30x7f.1/", "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"\xEF\xBC\x90\xEF\xBD\x98"
            "7f.1",  // full-width "0x"
            "is an unusual way to write an IPv4 address; write 127.0.0.1"},
           {"4294967296",
            "ends in a number but is not an IPv4 address of four parts from 0 to 255"},
           {"https://[fe80::1%25eth0]/",
            "must not have a zone (the part from % on) in its IPv6 address"},
           {"fe80::1%eth0", "must not have a zone (the part from % on) in its IPv6 address"},
           {"https://exam%00ple.org/",
            "has a space or control character, which no host name may have"},
           {"https://exam%2Fple.org/", "has the character '/' that no host name may have"},
           {"1.2.3.4.5", "ends in a number but is not an IPv4 address of four parts from 0 to 255"},
           {"256.0.0.1", "ends in a number but is not an IPv4 address of four parts from 0 to 255"},
           {"[fe80::1%eth0]:22", "must not have a zone (the part from % on) in its IPv6 address"},
           {"[::1", "must close its bracket: [2001:db8::1]:443"},
           {"[127.0.0.1]", "must have a valid IPv6 address, such as [2001:db8::1]:443"},
           {"1::2::3", "must have a valid IPv6 address, such as [2001:db8::1]:443"},
           {"exa mple.org", "has a space or control character, which no host name may have"},
           {"exa*mple.org", "has the character '*' that no host name may have"},
           {"a..b", "must not have an empty label (two dots in a row)"},
           {"-a.example", "must not have a label that begins or ends with a hyphen"},
           {"\xFF\xFE", "must be valid UTF-8"}}) {
    const auto target = parse_target(one.text);
    ASSERT_FALSE(target) << one.text;
    EXPECT_EQ(target.error().code, ErrorCode::kValidationFailed);
    EXPECT_EQ(target.error().public_detail, one.detail) << one.text;
  }
  EXPECT_FALSE(parse_target(std::string(3000, 'a')));
  EXPECT_FALSE(parse_target(std::string(64, 'a') + ".example"));
  EXPECT_FALSE(parse_target("xn--a.example"));  // not a valid A-label
}

TEST(Target, NamesOfOtherScriptsAreShownBothWays) {
  EXPECT_EQ(display_host("xn--bcher-kva.example"),
            "b\xC3\xBC"
            "cher.example (xn--bcher-kva.example)");
  EXPECT_EQ(display_host("xn--bcher-kva.example", ":8443"),
            "b\xC3\xBC"
            "cher.example:8443 (xn--bcher-kva.example)");
  EXPECT_EQ(display_host("example.org", ":443"), "example.org:443");
  for (const char* same : {"example.org", "192.0.2.1", "2001:db8::1", "xn--a.example", ""}) {
    EXPECT_EQ(display_host(same), same);
  }
}

TEST(Cidr, HostsOfABlock) {
  struct Case {
    std::string_view block, first;
    std::uint64_t count;
  };
  for (const Case& one :
       std::initializer_list<Case>{{"192.0.2.0/24", "192.0.2.1", 254},
                                   {"192.0.2.0/30", "192.0.2.1", 2},
                                   {"192.0.2.0/31", "192.0.2.0", 2},  // RFC 3021
                                   {"192.0.2.7/32", "192.0.2.7", 1},
                                   {"10.0.0.0/8", "10.0.0.1", (1ULL << 24U) - 2},
                                   {"0.0.0.0/0", "0.0.0.1", (1ULL << 32U) - 2},
                                   {"2001:db8::/127", "2001:db8::", 2},  // RFC 6164
                                   {"2001:db8::1/128", "2001:db8::1", 1},
                                   {"2001:db8::/120", "2001:db8::", 256},
                                   {"2001:db8::/64", "2001:db8::", UINT64_MAX},
                                   {"::/0", "::", UINT64_MAX}}) {
    const BlockHosts hosts = hosts_of(*Cidr::parse(one.block));
    EXPECT_EQ(hosts.first.to_string(), one.first) << one.block;
    EXPECT_EQ(hosts.count, one.count) << one.block;
  }
  EXPECT_EQ(next_address(*IpAddress::parse("192.0.2.255")).to_string(), "192.0.3.0");
}

TEST(Ip, TextForms) {
  for (const Good& one : std::initializer_list<Good>{{"::", "::"},
                                                     {"::1", "::1"},
                                                     {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                                     {"::ffff:10.0.0.1", "10.0.0.1"},
                                                     {"10.0.0.1", "10.0.0.1"}}) {
    EXPECT_EQ(IpAddress::parse(one.text)->to_string(), one.key);
  }
  for (const char* bad : {"", "1.2.3", "01.2.3.4", "1.2.3.4 ", "1:2", "fe80::1%lo", "[::1]"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
}

TEST(Cidr, Contains) {
  const auto block = *Cidr::parse("172.16.0.0/12");
  EXPECT_TRUE(block.contains(*IpAddress::parse("172.31.255.255")));
  EXPECT_FALSE(block.contains(*IpAddress::parse("172.32.0.0")));
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("8.8.8.8")));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(Cidr::parse("::/0")->contains(*IpAddress::parse("8.8.8.8")));
  EXPECT_EQ(Cidr::parse("10.1.2.3/8")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(Cidr::parse("192.0.2.1")->to_string(), "192.0.2.1/32");
  for (const char* bad : {"10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/33", "::/129", "/8", "x/8"}) {
    EXPECT_FALSE(Cidr::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace carnet::net
