// Protocols whose server answers with three digits: SMTP, LMTP, FTP, NNTP.
#include <optional>

#include "base/text.h"
#include "probe/starttls_dialogues.h"

namespace carnet::probe {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "220 ready", "220-more follows", "220"; nullopt for anything else.
struct ReplyLine {
  int code = 0;
  bool more = false;
  std::string_view text;
};
std::optional<ReplyLine> reply_line(std::string_view line) {
  if (line.size() < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2])) {
    return std::nullopt;
  }
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return std::nullopt;
  ReplyLine out;
  out.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  out.more = line.size() > 3 && line[3] == '-';
  out.text = line.substr(std::min<std::size_t>(line.size(), 4));
  return out;
}

bool contains_word(std::string_view text, std::string_view word) {
  return to_lower_ascii(text).find(word) != std::string::npos;
}

// Replies of one line or several (RFC 959 section 4.2, RFC 5321 section 4.2.1).
class ReplyDialogue : public LineDialogue {
 protected:
  // Each line's text as it comes; `last` with the final one.
  virtual void take_reply(int code, std::string_view text, bool last, std::string_view line) = 0;

 private:
  void take_line(std::string_view line) final {
    const auto reply = reply_line(line);
    if (open_code_) {
      const bool last = reply && reply->code == *open_code_ && !reply->more;
      const int code = *open_code_;
      if (last) open_code_.reset();
      const bool same = reply && reply->code == code;
      return take_reply(code, same ? reply->text : line, last, line);
    }
    if (!reply) return fail("the server answers \"" + printable_cut(line, 60) + "\"");
    if (reply->more) open_code_ = reply->code;
    take_reply(reply->code, reply->text, !reply->more, line);
  }

  std::optional<int> open_code_;
};

class SmtpDialogue final : public ReplyDialogue {
 public:
  explicit SmtpDialogue(bool lmtp) : lmtp_(lmtp) {}

 private:
  enum class Step { kGreeting, kHello, kOldHello, kUpgrade };

  void take_reply(int code, std::string_view text, bool last, std::string_view line) override {
    switch (step_) {
      case Step::kGreeting:
        return take_greeting(code, last, line);
      case Step::kHello:
        return take_hello(code, text, last, line);
      case Step::kOldHello:
        if (!last) return;
        if (code == 250) return not_offered("it knows no extensions", "QUIT\r\n");
        return fail("it takes neither EHLO nor HELO: \"" + printable_cut(line, 120) + "\"");
      case Step::kUpgrade:
        if (!last) return;
        if (code == 220) return ready();
        return refused(line, "QUIT\r\n");
    }
  }

  void take_greeting(int code, bool last, std::string_view line) {
    greet(line);
    if (contains_word(line, lmtp_ ? "lmtp" : "smtp")) recognise();
    if (!last) return;
    if (code != 220) return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    step_ = Step::kHello;
    send(lmtp_ ? "LHLO carnet.invalid\r\n" : "EHLO carnet.invalid\r\n");
  }

  void take_hello(int code, std::string_view text, bool last, std::string_view line) {
    if (code == 250 && iequals_ascii(trim_ascii(text), "STARTTLS")) offered_ = true;
    if (!last) return;
    if (code == 250) {
      recognise();
      if (!offered_) return not_offered("it does not list STARTTLS", "QUIT\r\n");
      step_ = Step::kUpgrade;
      return send("STARTTLS\r\n");
    }
    const bool unknown = code == 500 || code == 502 || code == 504 || code == 550;
    if (unknown && !lmtp_) {
      step_ = Step::kOldHello;
      return send("HELO carnet.invalid\r\n");
    }
    fail("it answers the hello with \"" + printable_cut(line, 120) + "\"");
  }

  const bool lmtp_;
  Step step_ = Step::kGreeting;
  bool offered_ = false;
};

class FtpDialogue final : public ReplyDialogue {
  enum class Step { kGreeting, kFeatures, kUpgrade };

  void take_reply(int code, std::string_view text, bool last, std::string_view line) override {
    switch (step_) {
      case Step::kGreeting:
        return take_greeting(code, last, line);
      case Step::kFeatures:
        return take_feature(code, text, last);
      case Step::kUpgrade:
        if (!last) return;
        return take_upgrade(code, line);
    }
  }

  void take_greeting(int code, bool last, std::string_view line) {
    greet(line);
    if (contains_word(line, "ftp")) recognise();
    if (!last || code == 120) return;  // 120: ready in some minutes
    if (code != 220) return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    step_ = Step::kFeatures;
    send("FEAT\r\n");
  }

  // RFC 2389; RFC 4217 section 6 has "AUTH TLS", some write "AUTH TLS;SSL" or "AUTH SSL".
  void take_feature(int code, std::string_view text, bool last) {
    if (code == 211) {
      recognise();
      const std::string feature = to_lower_ascii(trim_ascii(text));
      if (feature.starts_with("auth") && feature.find("tls") != std::string::npos) listed_ = true;
    }
    if (!last) return;
    step_ = Step::kUpgrade;
    send("AUTH TLS\r\n");
  }

  void take_upgrade(int code, std::string_view line) {
    if (code == 234) {
      recognise();
      return ready();
    }
    // 431 and 534 say that it knows the command (RFC 2228 section 3).
    if (listed_ || code == 431 || code == 534) return refused(line, "QUIT\r\n");
    if (!recognised()) return fail("it answers AUTH with \"" + printable_cut(line, 120) + "\"");
    not_offered("it does not list AUTH TLS and answers \"" + printable_cut(line, 120) + "\"",
                "QUIT\r\n");
  }

  Step step_ = Step::kGreeting;
  bool listed_ = false;
};

class NntpDialogue final : public LineDialogue {
  enum class Step { kGreeting, kCapabilities, kList, kUpgrade };

  void take_line(std::string_view line) override {
    if (step_ == Step::kList) return take_capability(line);
    const auto reply = reply_line(line);
    if (!reply) return fail("the server answers \"" + printable_cut(line, 60) + "\"");
    switch (step_) {
      case Step::kGreeting:
        return take_greeting(reply->code, line);
      case Step::kCapabilities:
        if (reply->code == 101) {
          recognise();
          step_ = Step::kList;
          return;
        }
        return ask_upgrade();  // RFC 3977 came late: the list may be missing
      case Step::kList:
        return;
      case Step::kUpgrade:
        return take_upgrade(reply->code, line);
    }
  }

  void take_greeting(int code, std::string_view line) {
    greet(line);
    if (contains_word(line, "nntp") || contains_word(line, "news")) recognise();
    if (code != 200 && code != 201) {
      return fail("it greets with \"" + printable_cut(line, 120) + "\"");
    }
    step_ = Step::kCapabilities;
    send("CAPABILITIES\r\n");
  }

  void take_capability(std::string_view line) {
    if (iequals_ascii(trim_ascii(line), "STARTTLS")) listed_ = true;
    if (line != ".") return;
    if (listed_) return ask_upgrade();
    not_offered("it does not list STARTTLS", "QUIT\r\n");
  }

  void ask_upgrade() {
    step_ = Step::kUpgrade;
    send("STARTTLS\r\n");
  }

  void take_upgrade(int code, std::string_view line) {
    if (code == 382) {
      recognise();
      return ready();
    }
    if (listed_ || code == 580) return refused(line, "QUIT\r\n");
    if (!recognised()) return fail("it answers STARTTLS with \"" + printable_cut(line, 120) + "\"");
    not_offered("it answers STARTTLS with \"" + printable_cut(line, 120) + "\"", "QUIT\r\n");
  }

  Step step_ = Step::kGreeting;
  bool listed_ = false;
};

}  // namespace

std::unique_ptr<StarttlsDialogue> make_smtp_dialogue(bool lmtp) {
  return std::make_unique<SmtpDialogue>(lmtp);
}
std::unique_ptr<StarttlsDialogue> make_ftp_dialogue() { return std::make_unique<FtpDialogue>(); }
std::unique_ptr<StarttlsDialogue> make_nntp_dialogue() { return std::make_unique<NntpDialogue>(); }

}  // namespace carnet::probe
