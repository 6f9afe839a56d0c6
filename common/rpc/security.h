// Who may talk to whom: mutual TLS between the programs of one cluster, a token that every call
// carries, and the rule that nothing listens beyond loopback without TLS unless it is told to.
// docs/security.md says what it is good for. Immutable, cheap to copy, thread-safe.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/string_ref.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

// The metadata key of the token.
inline constexpr char kTokenKey[] = "edgetp-token";

// Whose program this is. A certificate that is dialled must bear its role's name among its DNS
// names: workers move between addresses, and one's certificate must not pass for the server's.
enum class Role { kClient, kServer, kWorker };

// "server.edgetp", "worker.edgetp"; empty for a client, which nobody dials.
std::string CertificateName(Role role);

// As the flags say; files in PEM.
struct SecurityOptions {
  std::string tls_ca;    // whose certificates are admitted
  std::string tls_cert;  // this program's, with what leads to the CA
  std::string tls_key;
  std::string token_file;
  bool insecure = false;          // listen beyond loopback without TLS
  bool insecure_metrics = false;  // the same for /metrics alone, which knows no TLS
  bool insecure_page = false;     // the same for the live page alone
};

class Security {
 public:
  // Neither TLS nor token; nothing may listen beyond loopback.
  Security() = default;

  // Reads and checks all files.
  // Errors: InvalidArgument naming flag, file and rule: one of the three TLS flags is missing, a
  // file cannot be read, the certificate is not of this CA, expired, not for this role, or not of
  // this key, the token is too short or not printable.
  static absl::StatusOr<Security> Load(const SecurityOptions& options, Role role);

  bool tls() const { return !certificate_.empty(); }

  // The rules of what may be heard by whom; `flag` and the reason are in the message.
  // Errors: InvalidArgument.
  absl::Status CheckListen(const char* flag, const std::string& address) const;
  absl::Status CheckMetrics(const std::string& address) const;
  absl::Status CheckPage(const std::string& address) const;
  // A token must not travel in clear text beyond loopback, unless it is told to.
  absl::Status CheckDial(const char* flag, const std::string& address) const;

  std::shared_ptr<grpc::ServerCredentials> server_credentials() const;
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials() const;

  // Empty: there is none.
  const std::string& token() const { return token_; }
  // For every call that this program answers. The comparison takes as long for a wrong token as for
  // the right one.
  // Errors: Unauthenticated: no token, or another one.
  absl::Status Admit(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) const;
  // The same of the token itself; null: none came.
  absl::Status AdmitToken(const std::string* token) const;

 private:
  std::string ca_;  // PEM
  std::string certificate_;
  std::string key_;
  std::string token_;
  bool insecure_ = false;
  bool insecure_metrics_ = false;
  bool insecure_page_ = false;
};

}  // namespace edgetp
