#pragma once
// Shared by classify*.cc only.

#include "assess/classify.h"

namespace carnet::assess {

[[nodiscard]] ClassifiedAsset new_asset(const inventory::Endpoint& endpoint, std::string_view kind,
                                        inventory::Exposure exposure, std::string_view role);
[[nodiscard]] std::string place(
    const inventory::Endpoint& endpoint);  // "example.org:443", "[2001:db8::1]:443"
[[nodiscard]] bool is_mail(const inventory::Endpoint& endpoint);  // by its protocol
[[nodiscard]] std::vector<ClassifiedAsset> classify_tls(const inventory::Endpoint& endpoint,
                                                        const inventory::TlsObservation& tls,
                                                        bool urgent);
[[nodiscard]] std::vector<ClassifiedAsset> classify_certificates(
    const inventory::Endpoint& endpoint, const inventory::TlsObservation& tls);
// One certificate that stands for itself, not before a server.
[[nodiscard]] ClassifiedAsset classify_lone_certificate(const inventory::Endpoint& endpoint,
                                                        const inventory::Certificate& certificate,
                                                        std::string label);
// Every certificate, key, request, revocation list and algorithm of a file.
[[nodiscard]] std::vector<ClassifiedAsset> classify_file(const inventory::Endpoint& endpoint,
                                                         const inventory::FileObservation& file,
                                                         bool urgent);
// Every key of a JSON Web Key Set.
[[nodiscard]] std::vector<ClassifiedAsset> classify_jwks(const inventory::Endpoint& endpoint,
                                                         const inventory::JwksObservation& jwks,
                                                         bool urgent);
[[nodiscard]] std::vector<ClassifiedAsset> classify_ssh(const inventory::Endpoint& endpoint,
                                                        const inventory::SshObservation& ssh,
                                                        bool urgent);

}  // namespace carnet::assess
