// edgetp_server: the coordinator of a virtual cluster. Flags, wiring, signals; everything else is
// in the library.
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/help/page_flag.h"
#include "common/rpc/blobs.h"
#include "common/rpc/host.h"
#include "common/rpc/logging.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"
#include "server/run_directory.h"
#include "server/server.h"

namespace {

constexpr int kBadInput = 2;

constexpr char kExamples[] =
    "Examples:\n"
    "  edgetp_server\n"
    "  edgetp_server --page=127.0.0.1:8080 --allow_tuning\n"
    "  edgetp_server --listen=0.0.0.0:50051 --tls_ca=ca.crt --tls_cert=server.crt "
    "--tls_key=server.key --token_file=token\n"
    "  edgetp_server --listen=0.0.0.0:50051 --metrics=0.0.0.0:9090 --insecure "
    "--runs=/var/lib/edgetp\n"
    "  edgetp_server --listen=127.0.0.1:0 --ready_file=/tmp/server.address\n";

struct Flags {
  edgetp::ServerOptions server;
  edgetp::SecurityOptions security;
  double heartbeat_seconds = 0.5;
  double heartbeat_limit_seconds = 5;
  double worker_wait_seconds = 30;
  double ready_seconds = 120;
  double blob_limit_gib = 8;
  double transfer_minutes = 10;
  double dial_back_seconds = 2;
  std::string ready_file;
  std::string log_level = "info";
};

void Declare(CLI::App* app, Flags* flags) {
  flags->server.listen = "127.0.0.1:50051";
  flags->server.page = "127.0.0.1:0";
  app->set_version_flag("--version", absl::StrCat("edgetp_server ", edgetp::kVersion));
  app->footer(kExamples);
  edgetp::AddPageFlag(app);
  app->add_option("--listen", flags->server.listen,
                  "host:port of the gRPC services; port 0 takes a free one")
      ->capture_default_str();
  app->add_option("--metrics", flags->server.metrics,
                  "host:port of the Prometheus endpoint; port 0 takes a free one")
      ->capture_default_str();
  app->add_option("--page", flags->server.page,
                  "host:port of the live page for browsers; port 0 takes a free one; off: no page")
      ->capture_default_str();
  app->add_option("--page_host", flags->server.page_hosts,
                  "a name by which browsers may call the page, besides IP addresses and localhost");
  app->add_flag("--allow_tuning", flags->server.allow_tuning,
                "the page has a form that changes the network of the running job");
  app->add_option("--runs", flags->server.runs, "directory of all runs")->capture_default_str();
  app->add_option("--heartbeat_seconds", flags->heartbeat_seconds,
                  "how often a worker says that it lives")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app->add_option("--heartbeat_limit_seconds", flags->heartbeat_limit_seconds,
                  "silence after which a worker is lost")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  app->add_option("--worker_wait_seconds", flags->worker_wait_seconds,
                  "how long a job waits for as many workers as it needs")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app->add_option("--ready_seconds", flags->ready_seconds,
                  "how long workers may take to get a job ready")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app->add_option("--blob_limit_gib", flags->blob_limit_gib, "bound on stored corpora and weights")
      ->check(CLI::Range(0.001, 65536.0))
      ->capture_default_str();
  app->add_option("--transfer_minutes", flags->transfer_minutes,
                  "how long the transfer of a corpus, of weights or of a checkpoint may take")
      ->check(CLI::Range(0.01, absl::ToDoubleMinutes(edgetp::kLongestTransfer)))
      ->capture_default_str();
  app->add_option("--dial_back_seconds", flags->dial_back_seconds,
                  "how long connecting to the address that a worker advertises may take, before it "
                  "may join; 0: do not try (this host cannot reach the workers)")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  app->add_option("--max_queued_runs", flags->server.coordinator.max_queued,
                  "jobs that may wait; more are refused")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  edgetp::AddSecurityFlags(app, edgetp::Role::kServer, &flags->security);
  app->add_option("--ready_file", flags->ready_file,
                  "write the address to this file once the server listens");
  app->add_option("--log_level", flags->log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
}

absl::StatusOr<edgetp::ServerOptions> Resolve(const Flags& flags) {
  edgetp::ServerOptions options = flags.server;
  ASSIGN_OR_RETURN(options.security, edgetp::Security::Load(flags.security, edgetp::Role::kServer));
  options.coordinator.heartbeat = absl::Seconds(flags.heartbeat_seconds);
  options.coordinator.heartbeat_limit = absl::Seconds(flags.heartbeat_limit_seconds);
  options.coordinator.worker_wait = absl::Seconds(flags.worker_wait_seconds);
  options.coordinator.ready_limit = absl::Seconds(flags.ready_seconds);
  options.transfer_limit = absl::Minutes(flags.transfer_minutes);
  options.dial_back_limit = absl::Seconds(flags.dial_back_seconds);
  options.blob_limit_bytes = static_cast<int64_t>(flags.blob_limit_gib * (int64_t{1} << 30));
  return options;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "edgetp_server: %s\n", std::string(status.message()).c_str());
  return kBadInput;
}

int Serve(const Flags& flags) {
  if (flags.heartbeat_limit_seconds < 2 * flags.heartbeat_seconds) {
    return Fail(
        absl::InvalidArgumentError("--heartbeat_limit_seconds: must be at least twice "
                                   "--heartbeat_seconds, or a late heartbeat ends a run"));
  }
  if (absl::Status status = edgetp::InitLogging("edgetp_server", flags.log_level); !status.ok())
    return Fail(status);
  if (absl::Status status = edgetp::CatchShutdownSignals(); !status.ok()) return Fail(status);
  const auto options = Resolve(flags);
  if (!options.ok()) return Fail(options.status());
  auto server = edgetp::Server::Start(*options);
  if (!server.ok()) return Fail(server.status());
  const std::string& address = (*server)->address();
  const std::string page = (*server)->page_address();
  std::printf("edgetp_server listening on %s metrics %s%s\n", address.c_str(),
              (*server)->metrics_address().c_str(),
              page.empty() ? "" : absl::StrCat(" page http://", page, "/").c_str());
  std::fflush(stdout);
  if (!flags.ready_file.empty()) {
    if (absl::Status status = edgetp::WriteFileAtomically(flags.ready_file, address + "\n");
        !status.ok()) {
      return Fail(status);
    }
  }
  int signal = 0;
  while (signal == 0) signal = edgetp::WaitForShutdownSignal(absl::Minutes(1));
  spdlog::info("shutting down: signal {}", signal);
  (*server)->Shutdown(
      absl::UnavailableError(absl::StrCat("the server was shut down (signal ", signal, ")")));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  edgetp::KeepStandardStreams();
  edgetp::ResolveNamesAsTheSystemDoes();
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is a full disk: an error of the write
  // Blobs come and go in pieces of a megabyte: from the heap they would leave holes that the events
  // of runs, which stay, take one by one.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  CLI::App app(
      "edgetp_server: membership, run queue, network profile and reports of a virtual cluster",
      "edgetp_server");
  Flags flags;
  Declare(&app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  return Serve(flags);
}
