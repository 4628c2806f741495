#include "inventory/x509_text.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kSerialBytesMax = 64;  // RFC 5280 allows 20; real ones are sometimes longer

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using NamePtr = std::unique_ptr<X509_NAME, Deleter<X509_NAME_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>>;

// Any name in any character set: OpenSSL's printing.
std::string printed_name(ByteView name) {
  const unsigned char* at = name.data();
  const NamePtr parsed(d2i_X509_NAME(nullptr, &at, static_cast<long>(name.size())));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  std::string out;
  if (parsed) {
    constexpr unsigned long kFlags =
        XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    X509_NAME_print_ex(bio.get(), parsed.get(), 0, kFlags);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    out = clean_text({data, static_cast<std::size_t>(std::max(size, 0L))});
  }
  ERR_clear_error();
  return out;
}

struct AttributeName {
  std::string_view oid;  // DER content
  std::string_view text;
};
constexpr std::array<AttributeName, 14> kAttributes = {{
    {"\x55\x04\x03", "CN"},
    {"\x55\x04\x0A", "O"},
    {"\x55\x04\x06", "C"},
    {"\x55\x04\x0B", "OU"},
    {"\x55\x04\x07", "L"},
    {"\x55\x04\x08", "ST"},
    {"\x55\x04\x05", "serialNumber"},
    {"\x55\x04\x09", "street"},
    {"\x55\x04\x04", "SN"},
    {"\x55\x04\x2A", "GN"},
    {"\x55\x04\x0C", "title"},
    {"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x19", "DC"},
    {"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x01", "UID"},
    {"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01", "emailAddress"},
}};

// False if the value needs escaping or converting (RFC 4514 section 2.4).
bool is_plain(const DerValue& value) {
  const bool utf8 = value.tag == der::kUtf8String;
  if (!utf8 && value.tag != der::kPrintableString && value.tag != der::kIa5String) return false;
  const std::string_view text = as_text(value.content);
  if (text.empty() || text.front() == ' ' || text.front() == '#' || text.back() == ' ') {
    return false;
  }
  bool high = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return false;
    high |= byte >= 0x80;
    switch (c) {
      case ',':
      case '+':
      case '"':
      case '\\':
      case '<':
      case '>':
      case ';':
        return false;
      default:
        break;
    }
  }
  return !high || (utf8 && is_valid_utf8(text));
}

// The usual name, without the detour through OpenSSL's structures (which is a third of the time of
// reading a certificate). False: use the detour.
bool append_plain_attribute(DerReader& set, std::string& out) {
  auto pair = set.enter(der::kSequence);
  const auto type = pair ? pair->take(der::kOid) : std::nullopt;
  const auto value = pair ? pair->next() : std::nullopt;
  if (!type || !value || !pair->empty() || !set.empty() || !is_plain(*value)) return false;
  const std::string_view oid = as_text(type->content);
  for (const AttributeName& known : kAttributes) {
    if (known.oid != oid) continue;
    out.append(known.text);
    out += '=';
    out.append(as_text(value->content));
    return true;
  }
  return false;
}

std::optional<std::string> plain_name(ByteView name) {
  auto sequence = enter_whole(name, der::kSequence);
  if (!sequence || name.size() > kTextBytesMax) return std::nullopt;
  std::array<ByteView, 32> sets;
  std::size_t count = 0;
  while (!sequence->empty()) {
    const auto set = sequence->take(der::kSet);
    if (!set || count == sets.size()) return std::nullopt;
    sets[count++] = set->content;
  }
  std::string out;
  out.reserve(name.size());
  for (std::size_t i = count; i-- > 0;) {  // the last comes first
    if (i + 1 < count) out += ',';
    DerReader set(sets[i]);
    if (!append_plain_attribute(set, out)) return std::nullopt;
  }
  return out;
}

Timestamp to_timestamp(int year, int month, int day, int hour, int minute, int second) {
  const auto date = std::chrono::year(year) / month / day;
  const auto whole = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                     std::chrono::minutes(minute) + std::chrono::seconds(second);
  return std::chrono::time_point_cast<std::chrono::milliseconds>(whole);
}

// "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ".
std::optional<Timestamp> usual_time(std::string_view text, bool four_digits) {
  if (text.size() != (four_digits ? 15U : 13U) || text.back() != 'Z') return std::nullopt;
  std::array<int, 7> pairs{};  // century, year, month, day, hour, minute, second
  std::size_t at = four_digits ? 0 : 1;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2, ++at) {
    const auto high = static_cast<unsigned>(text[i] - '0');
    const auto low = static_cast<unsigned>(text[i + 1] - '0');
    if (high > 9 || low > 9) return std::nullopt;
    pairs[at] = static_cast<int>(high * 10 + low);
  }
  if (!four_digits) pairs[0] = pairs[1] >= 50 ? 19 : 20;  // RFC 5280 section 4.1.2.5.1
  const auto date = std::chrono::year(pairs[0] * 100 + pairs[1]) / pairs[2] / pairs[3];
  if (!date.ok() || pairs[4] > 23 || pairs[5] > 59 || pairs[6] > 59) return std::nullopt;
  return to_timestamp(pairs[0] * 100 + pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6]);
}

std::optional<Timestamp> odd_time(const DerValue& value) {
  const unsigned char* at = value.whole.data();
  const TimePtr time(d2i_ASN1_TIME(nullptr, &at, static_cast<long>(value.whole.size())));
  std::tm parts{};
  const bool good = time && ASN1_TIME_to_tm(time.get(), &parts) == 1;
  ERR_clear_error();
  if (!good) return std::nullopt;
  return to_timestamp(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                      parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kTextBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  while (!out.empty() && !is_valid_utf8(out) && text.size() > kTextBytesMax &&
         out.size() > kTextBytesMax - 4) {
    out.pop_back();  // a character cut in two by the bound
  }
  if (is_valid_utf8(out) && !has_forbidden_control(out)) return out;
  for (char& c : out) c = (c & 0x80) != 0 ? '?' : c;
  return out;
}

std::string name_text(ByteView name) {
  if (auto plain = plain_name(name)) return std::move(*plain);
  return printed_name(name);
}

std::optional<Timestamp> time_value(const DerValue& value) {
  if (value.tag != der::kUtcTime && value.tag != der::kGeneralizedTime) return std::nullopt;
  if (const auto usual = usual_time(as_text(value.content), value.tag == der::kGeneralizedTime)) {
    return usual;
  }
  return odd_time(value);
}

std::string serial_text(ByteView content) {
  const bool negative = !content.empty() && (content[0] & 0x80U) != 0;
  Bytes magnitude(content.begin(), content.end());
  if (negative) {  // two's complement
    for (std::uint8_t& byte : magnitude) byte = static_cast<std::uint8_t>(~byte);
    for (std::size_t i = magnitude.size(); i-- > 0;) {
      if (++magnitude[i] != 0) break;
    }
  }
  std::size_t zeros = 0;
  while (zeros + 1 < magnitude.size() && magnitude[zeros] == 0) ++zeros;
  const std::size_t length =
      std::min(magnitude.size() - std::min(zeros, magnitude.size()), kSerialBytesMax);
  return (negative ? "-" : "") + to_hex(std::span(magnitude).subspan(zeros, length));
}

}  // namespace carnet::inventory
