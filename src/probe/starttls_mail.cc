// Protocols for reading mail and its filters: IMAP, POP3, ManageSieve.
#include <charconv>

#include "base/text.h"
#include "probe/starttls_dialogues.h"

namespace carnet::probe {
namespace {

bool starts_with_word(std::string_view line, std::string_view word) {
  return line.size() >= word.size() && iequals_ascii(line.substr(0, word.size()), word) &&
         (line.size() == word.size() || line[word.size()] == ' ');
}

bool lists(std::string_view words, std::string_view wanted) {
  for (const std::string_view word : split(words, ' ')) {
    if (iequals_ascii(word, wanted)) return true;
  }
  return false;
}

class ImapDialogue final : public LineDialogue {
  enum class Step { kGreeting, kCapability, kUpgrade };

  void take_line(std::string_view line) override {
    switch (step_) {
      case Step::kGreeting:
        return take_greeting(line);
      case Step::kCapability:
        if (line.starts_with("* ")) return take_untagged(line.substr(2));
        if (!line.starts_with("a1 ")) return;
        if (!starts_with_word(line.substr(3), "OK")) {
          return fail("it answers CAPABILITY with \"" + printable_cut(line, 120) + "\"");
        }
        if (!listed_) return not_offered("it does not list STARTTLS", "a2 LOGOUT\r\n");
        return ask_upgrade();
      case Step::kUpgrade:
        if (!line.starts_with("a2 ")) return;
        if (starts_with_word(line.substr(3), "OK")) return ready();
        return refused(line, "a3 LOGOUT\r\n");
    }
  }

  void take_greeting(std::string_view line) {
    greet(line);
    const bool imap = line.starts_with("* ");
    const std::string_view rest = imap ? line.substr(2) : std::string_view();
    if (starts_with_word(rest, "PREAUTH")) {
      return not_offered("it is authenticated from the start, so nothing can be upgraded",
                         "a1 LOGOUT\r\n");
    }
    if (starts_with_word(rest, "BYE")) {
      recognise();
      return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    }
    if (!starts_with_word(rest, "OK")) {
      return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    }
    recognise();
    // RFC 9051 section 7.1: the greeting may bring the list along.
    constexpr std::string_view kCode = "[CAPABILITY ";
    if (const auto at = rest.find(kCode); at != std::string_view::npos) {
      const std::string_view list = rest.substr(at + kCode.size());
      if (lists(list.substr(0, list.find(']')), "STARTTLS")) return ask_upgrade();
    }
    step_ = Step::kCapability;
    send("a1 CAPABILITY\r\n");
  }

  void take_untagged(std::string_view rest) {
    if (starts_with_word(rest, "CAPABILITY") && lists(rest, "STARTTLS")) listed_ = true;
    if (starts_with_word(rest, "BYE")) fail("it ends with \"" + printable_cut(rest, 120) + "\"");
  }

  void ask_upgrade() {
    step_ = Step::kUpgrade;
    send("a2 STARTTLS\r\n");
  }

  Step step_ = Step::kGreeting;
  bool listed_ = false;
};

class Pop3Dialogue final : public LineDialogue {
  enum class Step { kGreeting, kCapabilities, kList, kUpgrade };

  void take_line(std::string_view line) override {
    const bool good = starts_with_word(line, "+OK");
    switch (step_) {
      case Step::kGreeting:
        greet(line);
        if (good || starts_with_word(line, "-ERR")) recognise();
        if (!good) return fail("it greets with \"" + printable_cut(line, 120) + "\"");
        step_ = Step::kCapabilities;
        return send("CAPA\r\n");
      case Step::kCapabilities:
        if (good) {
          step_ = Step::kList;
          return;
        }
        return ask_upgrade();  // RFC 2449 is optional
      case Step::kList:
        if (iequals_ascii(trim_ascii(line), "STLS")) listed_ = true;
        if (line != ".") return;
        if (listed_) return ask_upgrade();
        return not_offered("it does not list STLS", "QUIT\r\n");
      case Step::kUpgrade:
        if (good) return ready();
        if (listed_) return refused(line, "QUIT\r\n");
        return not_offered("it answers STLS with \"" + printable_cut(line, 120) + "\"", "QUIT\r\n");
    }
  }

  void ask_upgrade() {
    step_ = Step::kUpgrade;
    send("STLS\r\n");
  }

  Step step_ = Step::kGreeting;
  bool listed_ = false;
};

class SieveDialogue final : public LineDialogue {
  enum class Step { kGreeting, kUpgrade };

  void take_line(std::string_view line) override {
    // A line may end with a literal string's length; the string and a new line follow (RFC 5804
    // section 1.2). Inside the answer it is only text.
    if (const auto length = literal_length(line)) {
      if (*length > kUnitBytesMax) return fail("the server's answer has a text over 8 KiB");
      if (*length > 0) skip_bytes(*length);
    }
    const bool good = starts_with_word(line, "OK");
    const bool bad = starts_with_word(line, "NO") || starts_with_word(line, "BYE");
    if (step_ == Step::kUpgrade) {
      if (good) return ready();
      if (bad) return refused(line, "LOGOUT\r\n");
      return;
    }
    greet(line);
    if (line.starts_with("\"IMPLEMENTATION\"") || line.starts_with("\"SIEVE\"")) recognise();
    if (starts_with_word(line, "\"STARTTLS\"")) listed_ = true;
    if (bad) return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    if (good) return take_end_of_greeting(line);
    // Between literal and line end there is nothing of interest.
    if (!line.empty() && !line.starts_with('"') && !recognised()) {
      fail("it greets with \"" + printable_cut(line, 120) + "\"");
    }
  }

  void take_end_of_greeting(std::string_view line) {
    if (!recognised()) return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    if (!listed_) return not_offered("it does not list STARTTLS", "LOGOUT\r\n");
    step_ = Step::kUpgrade;
    send("STARTTLS\r\n");
  }

  static std::optional<std::size_t> literal_length(std::string_view line) {
    const auto open = line.rfind('{');
    if (open == std::string_view::npos || !line.ends_with('}')) return std::nullopt;
    std::string_view digits = line.substr(open + 1, line.size() - open - 2);
    if (digits.ends_with('+')) digits.remove_suffix(1);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = !digits.empty() && end == digits.data() + digits.size();
    if (error == std::errc::result_out_of_range) return kUnitBytesMax + 1;
    if (error != std::errc{} || !whole) return std::nullopt;
    return value;
  }

  Step step_ = Step::kGreeting;
  bool listed_ = false;
};

}  // namespace

std::unique_ptr<StarttlsDialogue> make_imap_dialogue() { return std::make_unique<ImapDialogue>(); }
std::unique_ptr<StarttlsDialogue> make_pop3_dialogue() { return std::make_unique<Pop3Dialogue>(); }
std::unique_ptr<StarttlsDialogue> make_sieve_dialogue() {
  return std::make_unique<SieveDialogue>();
}

}  // namespace carnet::probe
