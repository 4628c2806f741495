#pragma once
// The dialogues that end with a server's go-ahead for TLS: one state machine per protocol, pure:
// bytes in, in any chunking with the same result, bytes out; no I/O, so a fuzz target drives them
// directly. One object serves one connection. Bounds: 8 KiB a line, element or message, 512 of
// them, 64 KiB in all; the caller bounds time.
//
// SMTP and LMTP RFC 3207, IMAP RFC 9051 section 6.2.1, POP3 RFC 2595 section 4, ManageSieve RFC
// 5804 section 2.2, FTP RFC 4217, NNTP RFC 4642, XMPP RFC 6120 section 5, LDAP RFC 4511 section
// 4.14, PostgreSQL "SSL Session Encryption", MySQL "SSLRequest".

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "probe/protocols.h"

namespace carnet::probe {

class StarttlsDialogue {
 public:
  enum class State {
    kTalking,
    kReady,       // the next byte may be a ClientHello, once take_output() is sent
    kNotOffered,  // the server neither lists the upgrade nor knows it
    kRefused,     // it lists or knows it and would not begin
    kFailed,      // it broke off, or what it says is not this protocol; see recognised()
  };

  StarttlsDialogue() = default;
  StarttlsDialogue(const StarttlsDialogue&) = delete;
  StarttlsDialogue& operator=(const StarttlsDialogue&) = delete;
  virtual ~StarttlsDialogue() = default;

  // What the server sent. Bytes behind a go-ahead are counted and dropped; those behind any other
  // end are ignored.
  void feed(std::span<const std::uint8_t> data);
  // What is to be sent now; "" if nothing is. Once at the start too: some clients speak first.
  [[nodiscard]] Bytes take_output();

  [[nodiscard]] State state() const { return state_; }
  // Why not, as a phrase for people; printable. "" while talking and when ready.
  [[nodiscard]] const std::string& detail() const { return detail_; }
  // The server's first line, printable and cut to 200 bytes; for MySQL its version.
  [[nodiscard]] const std::string& greeting() const { return greeting_; }
  // Whether the server has said something that only a server of this protocol says.
  [[nodiscard]] bool recognised() const { return recognised_; }
  // XMPP: whether it serves another domain than the one that was asked for.
  [[nodiscard]] bool wrong_domain() const { return wrong_domain_; }
  // Bytes that came behind the go-ahead and before anything of TLS could.
  [[nodiscard]] std::size_t early_bytes() const { return early_bytes_; }

 protected:
  // Takes one line, element or message from the front and says how many bytes it was; 0 if it is
  // not complete yet.
  [[nodiscard]] virtual std::size_t consume(std::span<const std::uint8_t> buffer) = 0;

  void send(std::string_view text);
  void send(std::span<const std::uint8_t> data);
  void recognise() { recognised_ = true; }
  void note_wrong_domain() { wrong_domain_ = true; }
  void greet(std::string_view line);
  void ready() { state_ = State::kReady; }
  // `farewell` is sent if the server still listens.
  void not_offered(std::string detail, std::string_view farewell = {});
  void refused(std::string_view answer, std::string_view farewell = {});
  void fail(std::string detail);

 private:
  void settle(State state, std::string detail);

  Bytes buffer_, output_;
  State state_ = State::kTalking;
  std::string detail_, greeting_;
  bool recognised_ = false, wrong_domain_ = false;
  std::size_t taken_ = 0, early_bytes_ = 0;
  int units_ = 0;
};

// `domain` is whom an XMPP stream is for; the other protocols do not name it.
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_starttls_dialogue(Protocol protocol,
                                                                       std::string_view domain);

// Text from a stranger with everything but printable ASCII made "?", cut to `bytes_max`.
[[nodiscard]] std::string printable_cut(std::string_view text, std::size_t bytes_max = 200);

}  // namespace carnet::probe
