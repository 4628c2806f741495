// XMPP (RFC 6120): only as much XML as the stream's features and the go-ahead need. Each tag is one
// unit; text between tags is passed over.
#include <algorithm>

#include "probe/starttls_dialogues.h"

namespace carnet::probe {
namespace {

constexpr std::string_view kTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";

// Text as an attribute's value; a host name has none of these, but it is what a caller wrote.
std::string attribute(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&' || c == '\'' || c == '"') continue;
    out += c;
  }
  return out;
}

struct Tag {
  bool closing = false;
  bool empty = false;      // <name/>
  std::string_view name;   // without a prefix
  std::string_view inner;  // all between the angle brackets
};

Tag read_tag(std::string_view inner) {
  Tag out;
  out.inner = inner;
  out.closing = inner.starts_with('/');
  out.empty = inner.ends_with('/');
  std::string_view name = out.closing ? inner.substr(1) : inner;
  name = name.substr(0, name.find_first_of(" \t\r\n/"));
  if (const auto colon = name.find(':'); colon != std::string_view::npos) {
    name.remove_prefix(colon + 1);
  }
  out.name = name;
  return out;
}

class XmppDialogue final : public StarttlsDialogue {
 public:
  XmppDialogue(std::string_view domain, bool between_servers) : between_servers_(between_servers) {
    send("<?xml version='1.0'?><stream:stream xmlns='jabber:");
    send(between_servers ? "server" : "client");
    send("' xmlns:stream='http://etherx.jabber.org/streams' to='");
    send(attribute(domain));
    if (between_servers) send("' from='carnet.invalid");
    send("' version='1.0'>");
  }

 private:
  enum class Step { kStream, kFeatures, kUpgrade, kProceeding };

  std::size_t consume(std::span<const std::uint8_t> buffer) override {
    if (buffer.empty()) return 0;
    const auto window = as_text(buffer.first(std::min(buffer.size(), kUnitBytesMax + 1)));
    if (window[0] != '<') {
      const std::size_t word = window.find_first_not_of(" \t\r\n");
      if (step_ == Step::kStream && word != std::string_view::npos && window[word] != '<') {
        fail("the server does not answer in XML");
        return 0;
      }
      const std::size_t text = window.find('<');
      return text == std::string_view::npos ? 0 : text;
    }
    const std::size_t end = end_of_tag(window);
    if (end == std::string_view::npos) return 0;
    take_tag(read_tag(window.substr(1, end - 1)));
    return end + 1;
  }

  // Where the tag's ">" is, outside quotes. What was searched in vain is not searched again.
  std::size_t end_of_tag(std::string_view text) {
    for (std::size_t i = std::max<std::size_t>(searched_, 1); i < text.size(); ++i) {
      const char c = text[i];
      if (quote_ != 0) {
        if (c == quote_) quote_ = 0;
      } else if (c == '"' || c == '\'') {
        quote_ = c;
      } else if (c == '>') {
        searched_ = 0;
        return i;
      }
    }
    searched_ = text.size();
    return std::string_view::npos;
  }

  void take_tag(const Tag& tag) {
    if (tag.inner.starts_with('?') || tag.inner.starts_with('!')) return;
    if (in_error_) return take_error(tag);
    if (tag.name == "error" && !tag.closing) {
      in_error_ = true;
      return;
    }
    switch (step_) {
      case Step::kStream:
        return take_stream(tag);
      case Step::kFeatures:
        return take_feature(tag);
      case Step::kUpgrade:
        return take_answer(tag);
      case Step::kProceeding:
        if (tag.closing && tag.name == "proceed") return ready();
        return fail("the server's go-ahead is not well formed");
    }
  }

  void take_stream(const Tag& tag) {
    if (tag.name != "stream" || tag.closing) return fail("the server does not open a stream");
    // Some ports are for one kind of stream and still answer the other.
    const bool other = tag.inner.find(between_servers_ ? "jabber:client" : "jabber:server") !=
                       std::string_view::npos;
    if (other) return fail("its streams are for the other kind of peer");
    recognise();
    step_ = Step::kFeatures;
  }

  void take_feature(const Tag& tag) {
    if (tag.name == "starttls" && tag.inner.find(kTlsNamespace) != std::string_view::npos) {
      listed_ = true;
    }
    if (tag.name == "stream" && tag.closing) return fail("the server ends the stream");
    if (tag.name != "features" || (!tag.closing && !tag.empty)) return;
    if (!listed_) return not_offered("its features do not list starttls", "</stream:stream>");
    step_ = Step::kUpgrade;
    send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  }

  void take_answer(const Tag& tag) {
    if (tag.name == "proceed" && !tag.closing) {
      if (tag.empty) return ready();
      step_ = Step::kProceeding;
      return;
    }
    if (tag.name == "failure" || (tag.name == "stream" && tag.closing)) {
      return refused(tag.name, "</stream:stream>");
    }
  }

  // The first element inside <stream:error> names the condition.
  void take_error(const Tag& tag) {
    const std::string condition = printable_cut(tag.name, 60);
    if (condition == "host-unknown" || condition == "improper-addressing") {
      note_wrong_domain();
      return fail("the server does not serve the domain that was asked for (" + condition + ")");
    }
    fail("the server ends the stream with the error " + condition);
  }

  const bool between_servers_;
  Step step_ = Step::kStream;
  bool listed_ = false;
  bool in_error_ = false;
  std::size_t searched_ = 0;
  char quote_ = 0;
};

}  // namespace

std::unique_ptr<StarttlsDialogue> make_xmpp_dialogue(std::string_view domain,
                                                     bool between_servers) {
  return std::make_unique<XmppDialogue>(domain, between_servers);
}

}  // namespace carnet::probe
