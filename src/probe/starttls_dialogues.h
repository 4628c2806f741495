#pragma once
// Inside of starttls*.cc: the dialogues by family. See starttls.h.

#include <memory>

#include "probe/starttls.h"

namespace carnet::probe {

inline constexpr std::size_t kUnitBytesMax = 8 * 1024;

// A dialogue in lines that end with LF, with or without CR.
class LineDialogue : public StarttlsDialogue {
 protected:
  [[nodiscard]] std::size_t consume(std::span<const std::uint8_t> buffer) final;
  virtual void take_line(std::string_view line) = 0;
  // The next `count` bytes are no lines (a literal string) and are passed over; kUnitBytesMax at
  // most.
  void skip_bytes(std::size_t count) { skip_ = count; }

 private:
  std::size_t skip_ = 0;
  std::size_t searched_ = 0;  // bytes at the front without an LF, so that a drip costs no more
};

[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_smtp_dialogue(bool lmtp);
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_ftp_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_nntp_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_imap_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_pop3_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_sieve_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_xmpp_dialogue(std::string_view domain,
                                                                   bool between_servers);
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_ldap_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_postgresql_dialogue();
[[nodiscard]] std::unique_ptr<StarttlsDialogue> make_mysql_dialogue();

}  // namespace carnet::probe
