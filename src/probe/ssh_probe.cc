#include "probe/ssh_probe.h"

#include <algorithm>

#include "inventory/registry.h"
#include "probe/ssh_findings.h"
#include "probe/ssh_kex.h"
#include "probe/ssh_parser.h"

namespace carnet::probe {
namespace {

using inventory::SshObservation;

constexpr std::size_t kHostKeyTypesMax = 12;
constexpr int kPrimeBitsMax = 16384;

// One connection up to the server's KEXINIT.
struct Session {
  Channel channel;
  SshReader reader;
  SshKexInit server;
  Bytes room = Bytes(8 * 1024);  // what one read brings
};

tl::unexpected<Error> broken(std::string why) {
  return make_error(ErrorCode::kUnavailable, std::move(why));
}

Task<Result<Bytes>> read_packet(Session& session) {
  while (true) {
    if (auto packet = session.reader.next_packet()) co_return std::move(*packet);
    if (session.reader.failed()) co_return broken(session.reader.failure());
    const auto got =
        co_await session.channel.connection->read_some(session.room, session.channel.deadline);
    if (!got) co_return tl::unexpected(got.error());
    if (*got == 0) co_return broken("the server closed the connection");
    session.reader.feed(std::span<const std::uint8_t>(session.room).first(*got));
  }
}

// The next packet of the type that is waited for; chatter in between is passed over, within the
// reader's bound.
Task<Result<Bytes>> read_message(Session& session, std::uint8_t wanted) {
  while (true) {
    auto packet = co_await read_packet(session);
    if (!packet) co_return packet;
    const std::uint8_t type = packet->front();
    if (type == wanted) co_return packet;
    if (type == kSshDisconnect) {
      co_return broken("the server disconnected: " + parse_disconnect(*packet));
    }
    const bool chatter =
        type == kSshIgnore || type == kSshDebug || type == kSshExtInfo || type == kSshUnimplemented;
    if (!chatter) co_return broken("unexpected SSH message " + std::to_string(type));
  }
}

Task<Result<void>> send_packets(Session& session, std::vector<Bytes> payloads) {
  Bytes out;
  for (const Bytes& payload : payloads) {
    const Bytes packet = ssh_packet(payload);
    out.insert(out.end(), packet.begin(), packet.end());
  }
  auto sent = co_await session.channel.connection->write_all(out, session.channel.deadline);
  co_return sent;
}

Task<Result<void>> begin(Wire& wire, Session& session) {
  auto channel = co_await wire.open();
  if (!channel) co_return tl::unexpected(std::move(channel).error());
  session.channel = std::move(*channel);
  auto sent = co_await session.channel.connection->write_all(as_bytes(ssh_identification()),
                                                             session.channel.deadline);
  if (!sent) co_return sent;
  auto packet = co_await read_message(session, kSshKexInit);
  if (!packet) co_return tl::unexpected(std::move(packet).error());
  auto parsed = parse_kex_init(*packet);
  if (!parsed) co_return broken("malformed SSH KEXINIT");
  session.server = std::move(*parsed);
  co_return Result<void>();
}

struct KexAnswer {
  Bytes host_key;
  int group_bits = 0;  // of a group exchange
};

Task<Result<KexAnswer>> read_host_key_by_group(Session& session, Bytes kex_init, Random& random) {
  std::vector<Bytes> first;
  first.push_back(std::move(kex_init));
  first.push_back(ssh_gex_request());
  CARNET_CO_TRY_VOID(co_await send_packets(session, std::move(first)));
  CARNET_CO_TRY(group, co_await read_message(session, kSshKexEcdhReply));
  const auto bits = parse_gex_group(group);
  if (!bits || *bits < 512 || *bits > kPrimeBitsMax) co_return broken("malformed SSH group");
  std::vector<Bytes> second;
  second.push_back(ssh_gex_init(*bits, random));
  CARNET_CO_TRY_VOID(co_await send_packets(session, std::move(second)));
  CARNET_CO_TRY(reply, co_await read_message(session, kSshKexGexReply));
  auto key = parse_kex_reply(reply, kSshKexGexReply);
  if (!key) co_return broken("malformed SSH key exchange reply");
  KexAnswer out{std::move(*key), *bits};
  co_return out;
}

Task<Result<KexAnswer>> read_host_key(Wire& wire, Session& session, std::string kex,
                                      std::string type) {
  Random& random = wire.services().random;
  Bytes init = ssh_kex_init(kex, type, session.server, random);
  if (is_group_exchange(kex)) {
    auto answer = co_await read_host_key_by_group(session, std::move(init), random);
    co_return answer;
  }
  std::vector<Bytes> payloads;
  payloads.push_back(std::move(init));
  payloads.push_back(ssh_kex_share(kex, random));
  CARNET_CO_TRY_VOID(co_await send_packets(session, std::move(payloads)));
  CARNET_CO_TRY(reply, co_await read_message(session, kSshKexEcdhReply));
  auto key = parse_kex_reply(reply);
  if (!key) co_return broken("malformed SSH key exchange reply");
  KexAnswer out{std::move(*key), 0};
  co_return out;
}

// The type inside the blob that an algorithm's name stands for: RSA's names differ only in the
// signature's hash (RFC 8332).
std::string blob_type(const std::string& algorithm) {
  if (algorithm == "rsa-sha2-256" || algorithm == "rsa-sha2-512") return "ssh-rsa";
  if (algorithm == "rsa-sha2-256-cert-v01@openssh.com" ||
      algorithm == "rsa-sha2-512-cert-v01@openssh.com") {
    return "ssh-rsa-cert-v01@openssh.com";
  }
  return algorithm;
}

// Drafts spell ML-DSA's names in several ways.
bool same_type(const std::string& got, const std::string& wanted) {
  if (got == wanted) return true;
  const inventory::Algorithm* row = inventory::find_by_ssh_key_type(got);
  return row != nullptr && row == inventory::find_by_ssh_key_type(wanted);
}

class SshProbe {
 public:
  explicit SshProbe(Wire& wire) : wire_(wire) {}

  Task<SshProbeResult> run() {
    SshProbeResult out;
    Session first;
    const auto begun = co_await begin(wire_, first);
    if (!first.reader.banner()) {
      out.reason = begun ? "no SSH banner" : begun.error().public_detail;
      co_return out;
    }
    out_.banner = *first.reader.banner();
    judge_ssh_banner(out_);
    if (!begun) {
      note_ssh(out_, "ssh_algorithms_not_read", "medium",
               "The algorithm lists were not read: " + begun.error().public_detail + ".");
      out.observation = std::move(out_);
      co_return out;
    }
    judge_ssh_lists(first.server, out_);
    co_await read_host_keys(std::move(first));
    out.observation = std::move(out_);
    co_return out;
  }

 private:
  [[nodiscard]] bool offers(std::string_view kex) const {
    return std::find(out_.kex.begin(), out_.kex.end(), kex) != out_.kex.end();
  }

  // One algorithm for each key that the server can have, in its order.
  std::vector<std::string> key_types() {
    std::vector<std::string> types, blobs;
    std::size_t left_out = 0;
    for (const std::string& algorithm : out_.host_key_algorithms) {
      const std::string blob = blob_type(algorithm);
      if (std::find(blobs.begin(), blobs.end(), blob) != blobs.end()) continue;
      blobs.push_back(blob);
      if (types.size() < kHostKeyTypesMax) {
        types.push_back(algorithm);
      } else {
        ++left_out;
      }
    }
    if (left_out > 0) {
      note_ssh(out_, "ssh_host_keys_left_out", "info",
               std::to_string(left_out) + " of the host key types on offer were not asked for.");
    }
    return types;
  }

  // The first session's KEXINIT serves the first key; every further key type needs a connection.
  Task<void> read_host_keys(Session first) {
    const auto usable = usable_ssh_kex();
    const auto kex =
        std::find_if(usable.begin(), usable.end(), [this](auto name) { return offers(name); });
    if (kex == usable.end()) {
      note_ssh(out_, "ssh_host_keys_not_read", "info",
               "The host keys were not read: the server takes none of the key exchanges that this "
               "probe can begin.");
      co_return;
    }
    kex_ = *kex;
    const std::vector<std::string> types = key_types();
    keys_.resize(types.size());
    std::vector<Task<void>> tasks;
    if (!types.empty()) tasks.push_back(read_with(std::move(first), types[0], 0));
    for (std::size_t i = 1; i < types.size(); ++i) tasks.push_back(read_fresh(types[i], i));
    co_await run_all(std::move(tasks));
    for (auto& key : keys_) {
      if (key) out_.host_keys.push_back(std::move(*key));
    }
    if (!out_.host_keys.empty()) {
      note_ssh(out_, "ssh_host_key_possession_not_proven", "info",
               "The host keys are as the server sent them; that it holds their private halves was "
               "not proven.");
    }
    if (group_bits_ > 0 && group_bits_ < 2048) {
      note_ssh(out_, "ssh_weak_dh_group", group_bits_ < 1024 ? "critical" : "high",
               "The server uses a Diffie-Hellman group of " + std::to_string(group_bits_) +
                   " bits when asked for 2048.");
    }
  }

  Task<void> read_with(Session session, std::string type, std::size_t index) {
    const auto answer = co_await read_host_key(wire_, session, kex_, type);
    take_key(answer, type, index);
  }

  Task<void> read_fresh(std::string type, std::size_t index) {
    Session session;
    const auto begun = co_await begin(wire_, session);
    if (!begun) {
      take_key(tl::unexpected(begun.error()), type, index);
      co_return;
    }
    const auto answer = co_await read_host_key(wire_, session, kex_, type);
    take_key(answer, type, index);
  }

  void take_key(const Result<KexAnswer>& answer, const std::string& type, std::size_t index) {
    const auto not_read = [&](const std::string& why) {
      note_ssh(out_, "ssh_host_key_not_read", "low",
               "The host key of type " + type + " was not read: " + why + ".");
    };
    if (!answer) return not_read(answer.error().public_detail);
    const auto key = parse_host_key(answer->host_key);
    if (!key) return not_read("it is malformed");
    if (!same_type(key->type, blob_type(type))) {
      return not_read("the server sent one of type " + key->type);
    }
    if (answer->group_bits > 0) group_bits_ = answer->group_bits;
    inventory::SshHostKey out{key->type, key->bits, ssh_fingerprint(key->plain)};
    if (key->certificate) {
      const auto signer = parse_host_key(key->certificate->signer);
      if (!signer) return not_read("the key that signed it is malformed");
      out.signed_by =
          inventory::SshSigner{signer->type, signer->bits, ssh_fingerprint(signer->plain)};
      judge_ssh_certificate(*key, wire_.services().clock.now(), out_);
    }
    keys_[index] = std::move(out);
  }

  Wire& wire_;
  SshObservation out_;
  std::string kex_;
  int group_bits_ = 0;
  std::vector<std::optional<inventory::SshHostKey>> keys_;  // in the order of the types
};

}  // namespace

Task<SshProbeResult> probe_ssh(Wire& wire) {
  SshProbe probe(wire);
  auto result = co_await probe.run();
  co_return result;
}

}  // namespace carnet::probe
