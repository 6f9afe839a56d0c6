// edgetp health: does a server or a worker answer? For health checks of containers.
#include "common/rpc/health.h"

#include <cstdio>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/rpc/host.h"
#include "common/rpc/security_flags.h"

namespace edgetp {
namespace {

constexpr char kHealthExamples[] = R"(Examples:
  edgetp health 127.0.0.1:50051
  edgetp health worker-1:50052 --timeout=500ms
  edgetp health worker-1:50052 --worker --tls_ca=ca.crt --tls_cert=client.crt --tls_key=client.key
Exit codes: 0 it is serving, 1 it is not or does not answer, 2 bad input.)";

struct HealthFlags {
  std::string address;
  std::string timeout = "2s";
  SecurityOptions security;
  bool worker = false;
};

ExitCode Run(const HealthFlags& flags) {
  const auto timeout = ParseDelay(flags.timeout);
  if (!timeout.ok()) return Report(Annotate(timeout.status(), "--timeout"));
  const auto security = Security::Load(flags.security, Role::kClient);
  if (!security.ok()) return Report(security.status());
  if (const absl::Status address = CheckAddress(flags.address); !address.ok())
    return Report(address);
  const absl::Status health =
      CheckHealth(flags.address, *timeout, *security, flags.worker ? Role::kWorker : Role::kServer);
  if (health.ok()) {
    Print(flags.address + " is serving\n");
    return kExitDone;
  }
  Report(health);
  return kExitRunFailed;
}

}  // namespace

void AddHealth(CLI::App& app, Command* command) {
  auto flags = std::make_shared<HealthFlags>();
  CLI::App* health =
      app.add_subcommand("health", "Ask the gRPC health service of a server or worker");
  health
      ->add_option("address", flags->address,
                   "HOST:PORT of edgetp_server, or of --status of edgetp_worker")
      ->required();
  health->add_option("--timeout", flags->timeout, "for the answer")->capture_default_str();
  health->add_flag("--worker", flags->worker,
                   "it is a worker: with TLS, its certificate must be one");
  AddSecurityFlags(health, Role::kClient, &flags->security);
  health->footer(kHealthExamples);
  health->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
