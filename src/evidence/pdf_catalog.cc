#include "evidence/pdf_catalog.h"

#include <fmt/format.h>

#include <charconv>

#include "crypto/hash.h"

namespace carnet::evidence {
namespace {

// The text behind `key` up to `end`, looked for from `from` on; "" if it is not there.
std::string_view between(std::string_view text, std::string_view key, std::string_view end,
                         std::size_t from) {
  const std::size_t at = text.find(key, from);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size();
  const std::size_t stop = text.find(end, begin);
  return stop == std::string_view::npos ? std::string_view() : text.substr(begin, stop - begin);
}

std::size_t number_in(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<std::string> complete_catalog(std::string pdf) {
  const std::size_t start = pdf.rfind("startxref");
  const std::size_t trailer = pdf.rfind("trailer");
  if (start == std::string::npos || trailer == std::string::npos)
    return make_internal("pdf: no trailer");
  const std::size_t xref = number_in(between(pdf, "startxref", "%%EOF", start));
  const std::size_t size = number_in(between(pdf, "/Size ", "\n", trailer));
  const std::size_t root = number_in(between(pdf, "/Root ", " 0 R", trailer));
  const std::size_t info = number_in(between(pdf, "/Info ", " 0 R", trailer));
  const std::size_t object = pdf.rfind(fmt::format("\n{} 0 obj\n", root));
  const std::string_view catalog =
      object == std::string::npos ? std::string_view() : between(pdf, "<<", "\nendobj", object);
  const std::size_t close = catalog.rfind(">>");
  if (xref == 0 || size == 0 || root == 0 || info == 0 || close == std::string_view::npos)
    return make_internal("pdf: the catalog is not where cairo puts it");
  const std::string members(catalog.substr(0, close));
  const std::string id = crypto::sha256_hex(pdf).substr(0, 32);
  const std::size_t at = pdf.size();
  pdf += fmt::format(
      "{} 0 obj\n<<{}/MarkInfo << /Marked true >>\n   /Lang (en)\n   /ViewerPreferences << "
      "/DisplayDocTitle true >>\n>>\nendobj\n",
      root, members);
  const std::size_t table = pdf.size();
  pdf += fmt::format("xref\n{} 1\n{:010} 00000 n \n", root, at);
  pdf += fmt::format(
      "trailer\n<< /Size {} /Root {} 0 R /Info {} 0 R /Prev {} /ID [<{}> <{}>] >>\nstartxref\n{}\n"
      "%%EOF\n",
      size, root, info, xref, id, id, table);
  return pdf;
}

}  // namespace carnet::evidence
