#include "evidence/note.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/mldsa.h"

namespace carnet::evidence {
namespace {

constexpr std::string_view kLineStart = "\u2014 ";  // em dash, space
constexpr std::size_t kKeyIdBytes = 4;

// Unicode's White_Space beyond ASCII, in UTF-8.
constexpr std::string_view kWideSpaces[] = {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001",
                                            "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                                            "\u2007", "\u2008", "\u2009", "\u200a", "\u2028",
                                            "\u2029", "\u202f", "\u205f", "\u3000"};

struct TypeForm {
  NoteKeyType type;
  std::string_view bytes;  // before the public key, in key ids and verifier keys
  std::size_t key_bytes;
};
constexpr std::string_view kMlDsa65Type =
    "\xff"
    "carnet/ML-DSA-65/v1";
static_assert(kMlDsa65Type.substr(1) == kMlDsa65TypeName);
constexpr TypeForm kForms[] = {
    {NoteKeyType::kEd25519, "\x01", 32},
    {NoteKeyType::kCosignatureEd25519, "\x04", 32},
    {NoteKeyType::kCosignatureMlDsa44, "\x06", crypto::sizes_of(crypto::MlDsa::k44).public_key},
    {NoteKeyType::kMlDsa65, kMlDsa65Type, crypto::sizes_of(crypto::MlDsa::k65).public_key},
};

const TypeForm& form_of(NoteKeyType type) {
  for (const TypeForm& form : kForms)
    if (form.type == type) return form;
  return kForms[0];
}

tl::unexpected<Error> not_a_note(std::string_view why) {
  return make_error(ErrorCode::kMalformedRequest, fmt::format("This is no signed note: {}.", why));
}

tl::unexpected<Error> not_a_key(std::string_view why) {
  return make_error(ErrorCode::kValidationFailed, fmt::format("This is no verifier key: {}.", why));
}

Result<NoteSignature> parse_line(std::string_view line) {
  if (!line.starts_with(kLineStart))
    return not_a_note("a signature line does not begin with an em dash and a space");
  line.remove_prefix(kLineStart.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return not_a_note("a signature line has no signature");
  NoteSignature out;
  out.name = std::string(line.substr(0, space));
  if (!is_key_name(out.name))
    return not_a_note("a key's name is empty or has forbidden characters");
  auto bytes = from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes)
    return not_a_note("a signature is not base64 of a key id and a signature");
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) out.key_id = out.key_id << 8U | (*bytes)[i];
  out.signature.assign(bytes->begin() + kKeyIdBytes, bytes->end());
  return out;
}

}  // namespace

std::uint32_t NoteKey::id() const {
  std::string hashed = name;
  hashed += '\n';
  hashed += form_of(type).bytes;
  hashed += as_text(public_key);
  const crypto::Digest256 digest = crypto::sha256(hashed);
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) out = out << 8U | digest[i];
  return out;
}

bool is_key_name(std::string_view name) {
  if (name.empty() || name.size() > kKeyNameBytesMax || !is_valid_utf8(name)) return false;
  const auto bad = [](char c) {
    return (static_cast<unsigned char>(c) <= 0x20) || c == 0x7F || c == '+';
  };
  if (std::any_of(name.begin(), name.end(), bad) || has_forbidden_control(name)) return false;
  return std::none_of(std::begin(kWideSpaces), std::end(kWideSpaces), [name](std::string_view s) {
    return name.find(s) != std::string_view::npos;
  });
}

std::string to_vkey(const NoteKey& key) {
  std::string material(form_of(key.type).bytes);
  material += as_text(key.public_key);
  return fmt::format("{}+{:08x}+{}", key.name, key.id(), to_base64(as_bytes(material)));
}

Result<NoteKey> parse_vkey(std::string_view text) {
  if (text.size() > kNoteBytesMax) return not_a_key("it is too long");
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos)
    return not_a_key("write NAME+HASH+KEY, the hash as 8 hex digits and the key in base64");
  NoteKey key;
  key.name = std::string(text.substr(0, first));
  if (!is_key_name(key.name))
    return not_a_key("the name is empty, too long or has spaces or controls");
  const auto id = from_hex(text.substr(first + 1, second - first - 1));
  if (!id || id->size() != kKeyIdBytes) return not_a_key("the hash must be 8 hex digits");
  const auto material = from_base64(text.substr(second + 1));
  if (!material) return not_a_key("the key must be base64");
  const std::string_view bytes = as_text(*material);
  const auto* const form =
      std::find_if(std::begin(kForms), std::end(kForms),
                   [bytes](const TypeForm& f) { return bytes.starts_with(f.bytes); });
  if (form == std::end(kForms)) return not_a_key("its signature type is not known here");
  if (bytes.size() != form->bytes.size() + form->key_bytes)
    return not_a_key("the key has not its type's length");
  key.type = form->type;
  const auto public_key = as_bytes(bytes.substr(form->bytes.size()));
  key.public_key.assign(public_key.begin(), public_key.end());
  std::uint32_t given = 0;
  for (const std::uint8_t byte : *id) given = given << 8U | byte;
  if (given != key.id()) return not_a_key("the hash is not the key's");
  return key;
}

const NoteSignature* Note::find(const NoteKey& key) const {
  const std::uint32_t id = key.id();
  for (const NoteSignature& signature : signatures)
    if (signature.key_id == id && signature.name == key.name) return &signature;
  return nullptr;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return not_a_note("it is too long");
  if (!is_valid_utf8(bytes)) return not_a_note("it is not UTF-8");
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
  if (std::any_of(bytes.begin(), bytes.end(), control))
    return not_a_note("it has control characters");
  const std::size_t empty_line = bytes.rfind("\n\n");
  if (empty_line == std::string_view::npos)
    return not_a_note("no empty line stands between text and signatures");
  Note note;
  note.text = std::string(bytes.substr(0, empty_line + 1));
  std::string_view rest = bytes.substr(empty_line + 2);
  if (!rest.ends_with('\n')) return not_a_note("it does not end with a signature line");
  while (!rest.empty()) {
    if (note.signatures.size() == kNoteSignaturesMax)
      return not_a_note("it has too many signatures");
    const std::size_t end = rest.find('\n');
    CARNET_TRY(signature, parse_line(rest.substr(0, end)));
    note.signatures.push_back(std::move(signature));
    rest.remove_prefix(end + 1);
  }
  return note;
}

std::string to_string(const NoteSignature& signature) {
  Bytes bytes;
  bytes.reserve(kKeyIdBytes + signature.signature.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes.push_back(static_cast<std::uint8_t>(signature.key_id >> shift));
  bytes.insert(bytes.end(), signature.signature.begin(), signature.signature.end());
  return fmt::format("{}{} {}\n", kLineStart, signature.name, to_base64(bytes));
}

std::string to_string(const Note& note) {
  std::string out = note.text + '\n';
  for (const NoteSignature& signature : note.signatures) out += to_string(signature);
  return out;
}

}  // namespace carnet::evidence
