// edgetp_worker: one device of a cluster. Wires the parts together; see session.h for what a worker
// does.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/config/hardware.h"
#include "common/help/page_flag.h"
#include "common/metrics/worker_metrics.h"
#include "common/rpc/deadline.h"
#include "common/rpc/host.h"
#include "common/rpc/logging.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/server_limits.h"
#include "common/rpc/signals.h"
#include "worker/job/memory_check.h"
#include "worker/job/process_setup.h"
#include "worker/job/session.h"
#include "worker/model/device.h"
#include "worker/model/trainer.h"
#include "worker/transport/peer_endpoint.h"
#include "worker/transport/sharp_timers.h"

namespace edgetp {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitBadInput = 2;

constexpr char kExamples[] = R"(Examples:
  edgetp_worker --server=127.0.0.1:50051
  edgetp_worker --server=10.0.0.1:50051 --listen=0.0.0.0:50100 --advertise=10.0.0.2:50100 --threads=4
                --tls_ca=ca.crt --tls_cert=worker.crt --tls_key=worker.key --token_file=token
  edgetp_worker --server=10.0.0.1:50051 --listen=0.0.0.0:50100 --insecure --device=cuda:0
  edgetp_worker --server=127.0.0.1:50051 --device='cuda:*' --device_slot=1
)";

struct Flags {
  std::string server = "127.0.0.1:50051";
  std::string listen = "127.0.0.1:0";
  std::string advertise;
  std::string clock_domain;
  std::string status = "127.0.0.1:0";
  std::string metrics = "127.0.0.1:0";
  std::string device = "cpu";
  std::string log_level = "info";
  int device_slot = 0;
  bool check_device = false;
  std::string precision = NameOf(Precision::kFp32);
  int threads = 1;
  double connect_seconds = 30;
  std::optional<double> rejoin_seconds;
  SecurityOptions security;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--server", flags.server, "HOST:PORT of edgetp_server")->capture_default_str();
  app.add_option("--listen", flags.listen,
                 "HOST:PORT for the other workers; port 0 takes a free one")
      ->capture_default_str();
  app.add_option(
      "--advertise", flags.advertise,
      "HOST:PORT under which the other workers reach --listen (default: the same; where it "
      "listens on 0.0.0.0, the address of the interface that leads to --server)");
  app.add_option(
      "--clock_domain", flags.clock_domain,
      "workers with the same NAME share one monotonic clock, the clocks of others are estimated "
      "(default: the host's boot id, and the offset of a time namespace)");
  app.add_option("--status", flags.status, "HOST:PORT of the gRPC health and reflection services")
      ->capture_default_str();
  app.add_option("--metrics", flags.metrics, "HOST:PORT of the Prometheus endpoint /metrics")
      ->capture_default_str();
  app.add_option("--device", flags.device,
                 "cpu, cuda:N, cuda (the first GPU) or cuda:* (all); of several, separated by ',', "
                 "--device_slot takes one")
      ->capture_default_str();
  app.add_option("--device_slot", flags.device_slot,
                 "which of --device's, from 0, in turns: how workers of one host share its GPUs")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_flag("--check_device", flags.check_device,
               "end at once: exit code 2 and one line where --device is not on this host");
  app.add_option("--precision", flags.precision,
                 "with --check_device: also where a device does not multiply in fp32, tf32 or bf16")
      ->check([](const std::string& name) {
        return PrecisionNamed(name).has_value() ? "" : "must be fp32, tf32 or bf16";
      })
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "threads for computing; 1 when workers share a host")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--connect_seconds", flags.connect_seconds,
                 "how long to wait for the server at the start")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--rejoin_seconds", flags.rejoin_seconds,
                 "how long to try to join again after the server was lost; 0: not at all; default: "
                 "without end")
      ->check(CLI::Range(0.0, 86400.0 * 365));
  app.add_option("--log_level", flags.log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
  AddSecurityFlags(&app, Role::kWorker, &flags.security);
  app.set_version_flag("--version", std::string("edgetp_worker ") + kVersion);
  app.footer(kExamples);
  AddPageFlag(&app);
}

// Health checking and reflection, on a port of their own: the peers' port is polled by the
// computing thread alone.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartStatusServer(const std::string& address,
                                                                const Security& security,
                                                                int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  LimitConnections(&builder);
  builder.AddListeningPort(address, security.server_credentials(), port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || *port == 0) {
    return absl::UnavailableError(
        absl::StrCat("--status: cannot listen on ", address,
                     ": the port is in use or the address is not this host's"));
  }
  return server;
}

// `address` as others reach it. The server's name may not be known yet: it is asked for again until
// `deadline`.
absl::StatusOr<std::string> AddressForOthers(const std::string& address, const std::string& server,
                                             absl::Time deadline) {
  while (true) {
    auto reachable = ReachableAddress(address, server);
    if (reachable.ok() || !absl::IsUnavailable(reachable.status()) || MonotonicNow() >= deadline)
      return reachable;
    if (WaitForShutdownSignal(absl::Milliseconds(500)) != 0)
      return absl::CancelledError("interrupted");
  }
}

// What must be alike on all ranks of a run, for its replicated parameters to stay so.
std::string HardwareOf(const std::string& device) {
  if (IsAccelerator(device)) return AcceleratorModel(device);
  return CpuModel(ReadSystemFile("/proc/cpuinfo").value_or(""));
}

absl::StatusOr<ServerLinkOptions> LinkOptionsOf(const Flags& flags, const Security& security,
                                                const PeerEndpoint& endpoint,
                                                const std::string& metrics_address) {
  const absl::Time deadline = MonotonicNow() + absl::Seconds(flags.connect_seconds);
  std::string peers = flags.advertise;
  if (peers.empty()) {
    ASSIGN_OR_RETURN(peers, AddressForOthers(endpoint.address(), flags.server, deadline));
  }
  // For people who look at `edgetp status`: the way to the other workers is known to be right.
  const auto metrics = ReachableAddress(metrics_address, flags.server);
  ServerLinkOptions options;
  options.server = flags.server;
  options.security = security;
  options.connect_timeout = absl::Seconds(flags.connect_seconds);
  v1::JoinRequest& join = options.join;
  join.set_version(kVersion);
  join.mutable_member()->set_peer_address(peers);
  join.mutable_member()->set_host(HostName());
  join.mutable_member()->set_boot_id(BootId());
  join.mutable_member()->set_clock_domain(flags.clock_domain.empty() ? ClockDomain()
                                                                     : flags.clock_domain);
  join.set_device(flags.device);
  join.set_hardware(HardwareOf(flags.device));
  join.mutable_member()->set_device(flags.device);
  join.set_threads(flags.threads);
  join.set_metrics_address(metrics.ok() ? *metrics : metrics_address);
  join.set_process_id(getpid());
  join.set_blas(BlasName());
  return options;
}

double SecondsNow() { return absl::ToDoubleSeconds(MonotonicNow() - absl::UnixEpoch()); }

// The reference BLAS computes at about 6 GFLOP/s, a fast one at 50 to 200 on the same core.
void WarnOfSlowBlas(double gflops) {
  if (!BlasIsSuspect(gflops)) return;
  spdlog::warn(
      "matrix products run at {:.1f} GFLOP/s on one thread ({}): is a fast BLAS selected? On "
      "Debian: "
      "apt-get install libopenblas0-openmp",
      gflops, BlasName());
}

// FLOP/s of fp32 matrix products: what MFU is a share of, where no device profile says another
// figure.
double MeasureFlops(const Flags& flags) {
  const double gflops = MeasureGemmGflops(&SecondsNow);
  WarnOfSlowBlas(gflops);
  if (!IsAccelerator(flags.device)) return gflops * 1e9 * flags.threads;
  constexpr int64_t kSize = 4096;  // enough to fill it
  return 2.0 * kSize * kSize * kSize /
         MeasureGemmSeconds({kSize, kSize, kSize}, &SecondsNow, flags.device);
}

// --device's, of those that this host has.
absl::StatusOr<std::vector<std::string>> Devices(const Flags& flags) {
  const std::vector<std::string> present = PresentDevices();
  auto devices = ExpandHardware(flags.device, present);
  if (devices.ok() || std::any_of(present.begin(), present.end(), IsAccelerator)) return devices;
  const std::string why = WhyNoGpu(FindGpuRuntime());
  if (why.empty()) return devices;
  return absl::Status(devices.status().code(), absl::StrCat(devices.status().message(), "; ", why));
}

absl::Status CheckDevices(const Flags& flags) {
  ASSIGN_OR_RETURN(const std::vector<std::string> devices, Devices(flags));
  for (const std::string& device : devices) {
    const std::string fault =
        PrecisionFault(*PrecisionNamed(flags.precision), ProductUnitsOf(device));
    if (!fault.empty()) return absl::InvalidArgumentError("memory." + fault);
  }
  return absl::OkStatus();
}

int CheckDevice(const Flags& flags) {
  const absl::Status status = CheckDevices(flags);
  if (status.ok()) return 0;
  fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kExitBadInput;
}

// Stops the session when a signal has come; ends when `done` is set.
class SignalWatcher {
 public:
  explicit SignalWatcher(Session* session)
      : thread_([this, session] {
          while (!done_) {
            if (WaitForShutdownSignal(absl::Milliseconds(200)) != 0) {
              session->Stop();
              return;
            }
          }
        }) {}
  ~SignalWatcher() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// An error with the flag that it is about.
template <typename T>
absl::StatusOr<T> NamingFlag(const char* flag, absl::StatusOr<T> value) {
  if (!value.ok()) return Annotate(value.status(), flag);
  return value;
}

// Before anything listens.
absl::Status CheckAddresses(const Flags& flags, const Security& security) {
  RETURN_IF_ERROR(security.CheckListen("--listen", flags.listen));
  RETURN_IF_ERROR(security.CheckListen("--status", flags.status));
  RETURN_IF_ERROR(security.CheckMetrics(flags.metrics));
  if (!flags.advertise.empty())
    RETURN_IF_ERROR(Annotate(CheckDialable(flags.advertise), "--advertise"));
  return security.CheckDial("--server", flags.server);
}

// The one device among --device's, before anybody counts on this worker.
absl::StatusOr<std::string> TakeDevice(const Flags& flags) {
  ASSIGN_OR_RETURN(const std::vector<std::string> devices, Devices(flags));
  const std::string device = devices[flags.device_slot % devices.size()];
  if (IsAccelerator(device)) ComputeDeterministically();
  return device;
}

absl::Status Run(Flags flags) {
  RETURN_IF_ERROR(InitLogging("edgetp_worker", flags.log_level));
  RETURN_IF_ERROR(CatchShutdownSignals());
  ASSIGN_OR_RETURN(flags.device, TakeDevice(flags));
  ASSIGN_OR_RETURN(const Security security, Security::Load(flags.security, Role::kWorker));
  RETURN_IF_ERROR(CheckAddresses(flags, security));
  UseComputeThreads(flags.threads);
  SharpenTimers();
  const double flops_per_second = MeasureFlops(flags);

  ASSIGN_OR_RETURN(std::unique_ptr<PeerEndpoint> endpoint,
                   NamingFlag("--listen", PeerEndpoint::Create(flags.listen, security)));
  int status_port = 0;
  ASSIGN_OR_RETURN(std::unique_ptr<grpc::Server> status_server,
                   StartStatusServer(flags.status, security, &status_port));
  MetricSet metric_set;
  ASSIGN_OR_RETURN(std::unique_ptr<MetricsEndpoint> metrics_endpoint,
                   NamingFlag("--metrics", MetricsEndpoint::Create(flags.metrics, metric_set)));
  WorkerMetrics metrics(&metric_set);
  spdlog::info("peers {} status port {} metrics {} device {} threads {} BLAS {}",
               endpoint->address(), status_port, metrics_endpoint->address(), flags.device,
               flags.threads, BlasName());

  const JobEnvironment environment{endpoint.get(), &metrics, flags.device, flags.threads};
  ASSIGN_OR_RETURN(ServerLinkOptions link,
                   LinkOptionsOf(flags, security, *endpoint, metrics_endpoint->address()));
  link.join.set_flops_per_second(flops_per_second);
  const absl::Duration rejoin = flags.rejoin_seconds.has_value()
                                    ? absl::Seconds(*flags.rejoin_seconds)
                                    : absl::InfiniteDuration();
  Session session({link, rejoin}, &environment);
  absl::Status status;
  {
    SignalWatcher watcher(&session);
    status = session.Run();
  }
  status_server->Shutdown(GrpcDeadline(MonotonicNow()));
  return status;
}

}  // namespace
}  // namespace edgetp

int main(int argc, char** argv) {
  edgetp::KeepStandardStreams();
  edgetp::ResolveNamesAsTheSystemDoes();
  edgetp::TuneAllocator();
  edgetp::PollOwnSocketsOnly();
  edgetp::SkipDeadlockDetection();
  CLI::App app(
      "One device of an edgetp cluster: holds a shard of the model and trains it with its peers.",
      "edgetp_worker");
  edgetp::Flags flags;
  edgetp::AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : edgetp::kExitBadInput;
  }
  if (flags.check_device) return edgetp::CheckDevice(flags);
  edgetp::RestartWithFittingLibraries(argv, flags.threads);
  const absl::Status status = edgetp::Run(flags);
  if (status.ok()) return 0;
  spdlog::error("{}", status.ToString());
  const bool bad_input = absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
                         absl::IsUnauthenticated(status);
  return bad_input ? edgetp::kExitBadInput : edgetp::kExitFailed;
}
