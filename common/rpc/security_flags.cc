#include "common/rpc/security_flags.h"

#include <stdlib.h>

namespace edgetp {
namespace {

constexpr char kGroup[] = "Security";

// By option, in the order of the help page.
constexpr const char* kVariables[] = {"EDGETP_TLS_CA", "EDGETP_TLS_CERT", "EDGETP_TLS_KEY",
                                      "EDGETP_TOKEN_FILE", "EDGETP_INSECURE"};

}  // namespace

void AddSecurityFlags(CLI::App* app, Role role, SecurityOptions* options) {
  const bool listens = role != Role::kClient;
  CLI::Option* const all[] = {
      app->add_option("--tls_ca", options->tls_ca,
                      "PEM file of the CA whose certificates are trusted, on both sides"),
      app->add_option("--tls_cert", options->tls_cert, "PEM file of this program's certificate"),
      app->add_option("--tls_key", options->tls_key, "PEM file of its private key"),
      app->add_option("--token_file", options->token_file,
                      "file with the cluster's token: what every call must carry"),
      app->add_flag("--insecure", options->insecure,
                    listens ? "listen beyond loopback without TLS, /metrics and page included"
                            : "send the token to another machine without TLS")};
  for (size_t i = 0; i < std::size(all); ++i) all[i]->envname(kVariables[i])->group(kGroup);
  if (!listens) return;
  app->add_flag("--insecure_metrics", options->insecure_metrics,
                "serve /metrics, which is plain HTTP, beyond loopback")
      ->envname("EDGETP_INSECURE_METRICS")
      ->group(kGroup);
  if (role != Role::kServer) return;
  app->add_flag("--insecure_page", options->insecure_page,
                "serve the live page, which is plain HTTP, beyond loopback")
      ->envname("EDGETP_INSECURE_PAGE")
      ->group(kGroup);
}

void ForgetSecurityVariables() {
  for (const char* variable : kVariables) unsetenv(variable);
  unsetenv("EDGETP_INSECURE_METRICS");
  unsetenv("EDGETP_INSECURE_PAGE");
}

}  // namespace edgetp
