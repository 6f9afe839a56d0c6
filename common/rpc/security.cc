#include "common/rpc/security.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/rpc/certificate.h"
#include "common/rpc/digest.h"
#include "common/rpc/host.h"

namespace edgetp {
namespace {

// Long enough that nobody guesses it, short enough for gRPC's 8 KiB of metadata.
constexpr size_t kMinTokenLength = 16;
constexpr size_t kMaxTokenLength = 1024;
// Certificates and keys have a few KiB.
constexpr uint64_t kMaxFlagFileBytes = 1 << 20;

// Errors: InvalidArgument, whatever the reason: the flag names the wrong file.
absl::StatusOr<std::string> ReadFlagFile(const char* flag, const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxFlagFileBytes);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", std::string(text.status().message())));
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFlagFile("--token_file", path));
  const std::string token(absl::StripAsciiWhitespace(text));
  // The token itself is never part of a message.
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return absl::ascii_isgraph(c); });
  if (token.size() >= kMinTokenLength && token.size() <= kMaxTokenLength && printable) return token;
  return absl::InvalidArgumentError(absl::StrCat(
      "--token_file: ", path, ": a token is ", kMinTokenLength, " to ", kMaxTokenLength,
      " printable ASCII characters without blanks, e.g. of `openssl rand -hex 32` (got ",
      token.size(), printable ? "" : ", some of them not printable", ")"));
}

absl::Status CheckFlags(const SecurityOptions& options) {
  const bool any = !options.tls_ca.empty() || !options.tls_cert.empty() || !options.tls_key.empty();
  if (!any) return absl::OkStatus();
  const std::pair<const char*, const std::string&> flags[] = {{"--tls_ca", options.tls_ca},
                                                              {"--tls_cert", options.tls_cert},
                                                              {"--tls_key", options.tls_key}};
  for (const auto& [name, value] : flags) {
    if (value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": is missing: TLS needs --tls_ca, --tls_cert and --tls_key"));
    }
  }
  if (!options.insecure) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--insecure: contradicts --tls_cert: with TLS nothing travels in clear text (for /metrics "
      "alone: --insecure_metrics)");
}

// What speaks HTTP: its flag, its name in a sentence, and the flag that opens it.
struct PlainHttp {
  const char* flag;
  const char* what;
  const char* opens;
};

absl::Status CheckPlainHttp(const PlainHttp& http, const std::string& address, bool open) {
  const absl::StatusOr<bool> loopback = IsLoopback(address);
  RETURN_IF_ERROR(Annotate(loopback.status(), http.flag));
  // Debian's CivetWeb is built without IPv6, and would only say that it cannot listen.
  if (address.front() == '[') {
    return absl::InvalidArgumentError(absl::StrCat(http.flag, ": ", address, ": ", http.what,
                                                   " is served over IPv4 alone, e.g. on "
                                                   "127.0.0.1:9464"));
  }
  if (*loopback || open) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(http.flag, ": ", address, " can be reached from other machines, and ", http.what,
                   " is plain HTTP without a password: give ", http.opens, " if they may read it"));
}

}  // namespace

std::string CertificateName(Role role) {
  return role == Role::kServer ? "server.edgetp" : role == Role::kWorker ? "worker.edgetp" : "";
}

absl::StatusOr<Security> Security::Load(const SecurityOptions& options, Role role) {
  RETURN_IF_ERROR(CheckFlags(options));
  Security security;
  security.insecure_ = options.insecure;
  security.insecure_metrics_ = options.insecure_metrics || options.insecure;
  security.insecure_page_ = options.insecure_page || options.insecure;
  if (!options.token_file.empty()) {
    ASSIGN_OR_RETURN(security.token_, ReadToken(options.token_file));
  }
  if (options.tls_cert.empty()) return security;
  ASSIGN_OR_RETURN(security.ca_, ReadFlagFile("--tls_ca", options.tls_ca));
  ASSIGN_OR_RETURN(security.certificate_, ReadFlagFile("--tls_cert", options.tls_cert));
  ASSIGN_OR_RETURN(security.key_, ReadFlagFile("--tls_key", options.tls_key));
  // What is wrong here would else be a handshake that fails without a word at the other side.
  CertificateCheck check{security.ca_, security.certificate_, security.key_};
  check.name = CertificateName(role);
  check.dials = role != Role::kServer;
  RETURN_IF_ERROR(Annotate(check.CheckCa(), absl::StrCat("--tls_ca: ", options.tls_ca)));
  RETURN_IF_ERROR(
      Annotate(check.CheckCertificate(), absl::StrCat("--tls_cert: ", options.tls_cert)));
  RETURN_IF_ERROR(Annotate(check.CheckKey(), absl::StrCat("--tls_key: ", options.tls_key)));
  return security;
}

absl::Status Security::CheckListen(const char* flag, const std::string& address) const {
  const absl::StatusOr<bool> loopback = IsLoopback(address);
  RETURN_IF_ERROR(Annotate(loopback.status(), flag));
  if (*loopback || tls() || insecure_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      flag, ": ", address,
      " can be reached from other machines, and nothing would be encrypted: give --tls_ca, "
      "--tls_cert and --tls_key, or --insecure in a network that you trust"));
}

absl::Status Security::CheckMetrics(const std::string& address) const {
  return CheckPlainHttp({"--metrics", "/metrics", "--insecure_metrics"}, address,
                        insecure_metrics_);
}

absl::Status Security::CheckPage(const std::string& address) const {
  return CheckPlainHttp({"--page", "the page", "--insecure_page"}, address, insecure_page_);
}

absl::Status Security::CheckDial(const char* flag, const std::string& address) const {
  const absl::StatusOr<bool> loopback = IsLoopback(address);
  RETURN_IF_ERROR(Annotate(loopback.status(), flag));
  if (*loopback || token_.empty() || tls() || insecure_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      flag, ": ", address,
      " is another machine, and the token would travel there in clear text: give --tls_ca, "
      "--tls_cert and --tls_key, or --insecure in a network that you trust"));
}

std::shared_ptr<grpc::ServerCredentials> Security::server_credentials() const {
  if (!tls()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = ca_;
  options.pem_key_cert_pairs.push_back({key_, certificate_});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Security::channel_credentials() const {
  if (!tls()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({ca_, key_, certificate_});
}

absl::Status Security::Admit(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) const {
  const auto sent = metadata.find(kTokenKey);
  if (sent == metadata.end()) return AdmitToken(nullptr);
  const std::string token(sent->second.data(), sent->second.size());
  return AdmitToken(&token);
}

absl::Status Security::AdmitToken(const std::string* token) const {
  if (token_.empty()) return absl::OkStatus();
  if (token == nullptr) {
    return absl::UnauthenticatedError(
        "this cluster wants a token, and none came with the call: give --token_file (or "
        "$EDGETP_TOKEN_FILE)");
  }
  // Digests have one length, so that the time tells nothing of the token's either.
  const std::string got = Sha256Hex(*token);
  const std::string want = Sha256Hex(token_);
  if (CRYPTO_memcmp(got.data(), want.data(), want.size()) == 0) return absl::OkStatus();
  return absl::UnauthenticatedError("the token of --token_file is not this cluster's");
}

}  // namespace edgetp
