#include "evidence/pdf_catalog.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

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

// cairo's catalog has some hundred bytes, its trailer fewer.
constexpr std::size_t kTailBytes = 16 * 1024;
constexpr std::size_t kTailCut = 8 * kTailBytes;

}  // namespace

void CatalogCompleter::add(std::string_view piece) {
  digest_.add(piece);
  size_ += piece.size();
  sink_(piece);
  tail_ += piece;
  if (tail_.size() < kTailCut) return;
  look_for_catalog();
  tail_.erase(0, tail_.size() - kTailBytes);
}

// The last of them counts: cairo writes the catalog behind everything that has words of others.
void CatalogCompleter::look_for_catalog() {
  const std::size_t type = tail_.rfind("/Type /Catalog");
  if (type == std::string::npos) return;
  const std::size_t object = tail_.rfind(" 0 obj\n", type);
  const std::size_t line = object == std::string::npos ? object : tail_.rfind('\n', object);
  const std::size_t end = tail_.find("\nendobj", type);
  if (line != std::string::npos && end != std::string::npos)
    catalog_ = tail_.substr(line, end - line);
}

Result<void> CatalogCompleter::finish() {
  look_for_catalog();
  const std::size_t start = tail_.rfind("startxref");
  const std::size_t trailer = tail_.rfind("trailer");
  if (start == std::string::npos || trailer == std::string::npos)
    return make_internal("pdf: no trailer");
  const std::size_t xref = number_in(between(tail_, "startxref", "%%EOF", start));
  const std::size_t size = number_in(between(tail_, "/Size ", "\n", trailer));
  const std::size_t root = number_in(between(tail_, "/Root ", " 0 R", trailer));
  const std::size_t info = number_in(between(tail_, "/Info ", " 0 R", trailer));
  const std::string head = fmt::format("\n{} 0 obj\n<<", root);
  const std::size_t close = catalog_.rfind(">>");
  if (xref == 0 || size == 0 || root == 0 || info == 0 || !catalog_.starts_with(head) ||
      close == std::string::npos || close < head.size())
    return make_internal("pdf: the catalog is not where cairo puts it");
  const std::string members = catalog_.substr(head.size(), close - head.size());
  const std::string id = to_hex(digest_.finish()).substr(0, 32);
  const std::size_t at = size_;
  std::string update = fmt::format(
      "{} 0 obj\n<<{}/MarkInfo << /Marked true >>\n   /Lang (en)\n   /ViewerPreferences << "
      "/DisplayDocTitle true >>\n>>\nendobj\n",
      root, members);
  const std::size_t table = at + update.size();
  update += fmt::format("xref\n{} 1\n{:010} 00000 n \n", root, at);
  update += fmt::format(
      "trailer\n<< /Size {} /Root {} 0 R /Info {} 0 R /Prev {} /ID [<{}> <{}>] >>\nstartxref\n{}\n"
      "%%EOF\n",
      size, root, info, xref, id, id, table);
  sink_(update);
  return {};
}

}  // namespace carnet::evidence
