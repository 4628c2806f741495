#pragma once
// A name of several addresses is reported as one of them answered. Whether the others are the same
// is found out by looking at them too, and told: which, and what differs. Pure functions; the
// engine does the looking.

#include <string>
#include <vector>

#include "inventory/model.h"
#include "net/ip.h"

namespace carnet::probe {

// Addresses of one name that are looked at in the deep profile, the reported one among them.
inline constexpr std::size_t kAddressesLookedAtMax = 8;
// Other addresses of one name that are listed.
inline constexpr std::size_t kOtherAddressesMax = 16;

// Which of a name's addresses are looked at besides the one that is reported, in the order given:
// none in the quick profile, the first of the other family in the standard one, all up to the bound
// in the deep one. What was already tried in vain is not tried again.
[[nodiscard]] std::vector<net::IpAddress> addresses_to_compare(
    const std::vector<net::IpAddress>& all, const inventory::Endpoint& reported,
    inventory::Profile profile);

// What a client would find different at `other`, a phrase each ("no group X25519MLKEM768"); empty
// if nothing does. Both were reached. What was not proven on both sides is no difference.
[[nodiscard]] std::vector<std::string> differences(const inventory::Endpoint& reported,
                                                   const inventory::Endpoint& other);

// The row for a look at another address; `other` is what came of it.
[[nodiscard]] inventory::OtherAddress compare_address(const inventory::Endpoint& reported,
                                                      const net::IpAddress& address,
                                                      const inventory::Endpoint& other);

// Puts the rows in the order of `all`, adds those that were not looked at, and adds the findings
// address_unreachable and addresses_differ.
void note_other_addresses(const std::vector<net::IpAddress>& all, inventory::Endpoint& reported);

}  // namespace carnet::probe
