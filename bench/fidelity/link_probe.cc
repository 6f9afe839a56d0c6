// One rank that sends messages over chosen links of an emulated network and says when, by the
// host's clock, each was handed over and handed on: the worker's own streams, stamps, holds and
// medium client, without a model. With --arbiter, the server's arbiter of a shared medium instead.
// probe.py starts all of them and puts their answers together. One thread.
//
//   link_probe --rank=R ...      prints `address A`; reads a line of all addresses by rank; prints
//                                `ready`; reads the start in ns; then prints
//                                  sent ROUND NS                         just before the call
//                                  received ROUND SOURCE INDEX NS ASKED  when its last segment was
//                                                                        taken; the model's delay
//                                `done`; ends with its input: others may still receive
//   link_probe --arbiter         prints `address A`; ends with its input
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/network/network_profile.h"
#include "server/cluster_service.h"
#include "tests/transport/forwarding_transport.h"
#include "worker/collective/link_clock.h"
#include "worker/collective/medium_client.h"
#include "worker/collective/schedule_executor.h"
#include "worker/job/process_setup.h"
#include "worker/transport/peer_clock.h"
#include "worker/transport/peer_group.h"
#include "worker/transport/sharp_timers.h"

namespace edgetp {
namespace {

constexpr char kJob[] = "probe";
constexpr absl::Duration kDeadline = absl::Seconds(30);

struct Flags {
  bool arbiter = false;
  int rank = 0;
  std::string listen = "127.0.0.1:0";
  std::string network;             // textproto file
  std::string medium;              // address of the arbiter
  uint64_t seed = 1;               // of jitter and loss
  std::vector<std::string> flows;  // SOURCE:DESTINATION
  int64_t bytes = 4;               // of a message
  int burst = 1;                   // messages of each flow in a round, one behind the other
  int rounds = 1;
  int64_t period_us = 0;  // between the rounds' beginnings; 0: each begins where the last has ended
};

struct Flow {
  int source = 0;
  int destination = 0;
};

// Notes when a segment was handed on.
class Watched final : public ForwardingTransport {
 public:
  Watched(std::unique_ptr<SegmentTransport> inner, std::vector<std::vector<absl::Time>>* taken)
      : ForwardingTransport(std::move(inner)), taken_(taken) {}
  void Pop(int peer) override {
    (*taken_)[peer].push_back(MonotonicNow());
    ForwardingTransport::Pop(peer);
  }

 private:
  std::vector<std::vector<absl::Time>>* taken_;  // by peer
};

// A round as a schedule: each message is a chunk that its source sends and its destination keeps.
Schedule RoundOf(const Flags& flags, const std::vector<Flow>& flows, int world_size) {
  const int messages = flags.burst * static_cast<int>(flows.size());
  Schedule schedule =
      EmptySchedule("probe", world_size, EvenChunks(messages * flags.bytes / 4, messages));
  for (int pass = 0; pass < 2; ++pass) {
    for (int chunk = 0; chunk < messages; ++chunk) {
      const Flow& flow = flows[chunk % flows.size()];
      if (pass == 0)
        schedule.actions[flow.source].push_back({ActionKind::kSend, flow.destination, chunk});
      if (pass == 1)
        schedule.actions[flow.destination].push_back({ActionKind::kRecvCopy, flow.source, chunk});
    }
  }
  return schedule;
}

class Rank {
 public:
  Rank(const Flags& flags, std::vector<Flow> flows) : flags_(flags), flows_(std::move(flows)) {}

  absl::Status Run() {
    // Its ranks may be in network namespaces of this machine: their addresses are not loopback.
    ASSIGN_OR_RETURN(const Security security, Security::Load({.insecure = true}, Role::kWorker));
    ASSIGN_OR_RETURN(endpoint_, PeerEndpoint::Create(flags_.listen, security));
    std::cout << "address " << endpoint_->address() << std::endl;
    RETURN_IF_ERROR(Connect());
    std::cout << "ready" << std::endl;
    int64_t start_ns = 0;
    std::cin >> start_ns;
    RETURN_IF_ERROR(RunRounds(absl::FromUnixNanos(start_ns)));
    std::cout << lines_ << "done" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Connect() {
    std::string addresses;
    std::getline(std::cin, addresses);
    PeerGroupOptions options;
    options.job = kJob;
    options.rank = flags_.rank;
    for (const auto& address : absl::StrSplit(addresses, ' '))
      options.members.push_back({std::string(address), "clock"});
    world_size_ = static_cast<int>(options.members.size());
    taken_.resize(world_size_);
    auto peers = std::make_unique<PeerGroup>(endpoint_.get(), std::move(options));
    RETURN_IF_ERROR(peers->Connect(MonotonicNow() + kDeadline));
    transport_ = std::make_unique<Watched>(std::move(peers), &taken_);

    v1::NetworkProfile profile;
    RETURN_IF_ERROR(LoadTextproto(flags_.network, &profile));
    ASSIGN_OR_RETURN(NetworkOptions network, ResolveNetwork(profile, world_size_));
    if (network.shared_medium) {
      medium_ = std::make_unique<MediumClient>(
          grpc::CreateChannel(flags_.medium, grpc::InsecureChannelCredentials()), kJob,
          /*one_clock=*/true);
    }
    network_ = std::make_unique<EmulatedNetwork>(flags_.rank, world_size_, std::move(network),
                                                 flags_.seed, medium_.get());
    return absl::OkStatus();
  }

  absl::Status RunRounds(absl::Time start) {
    LinkClock clock(std::nullopt);
    ScheduleExecutor executor(transport_.get(), network_.get(), &clock, kDefaultSegmentBytes);
    const Schedule schedule = RoundOf(flags_, flows_, world_size_);
    std::vector<float> data(schedule.chunks.back().end);
    Execution execution;
    execution.schedule = &schedule;
    SleepUntil(start);
    for (int round = 0; round < flags_.rounds; ++round) {
      SleepUntil(start + absl::Microseconds(flags_.period_us) * round);
      execution.collective = round;
      const absl::Time begin = MonotonicNow();
      execution.deadline = begin + kDeadline;
      ExecutionReport report;
      RETURN_IF_ERROR(executor.Run(execution, absl::MakeSpan(data), &report));
      absl::StrAppend(&lines_, "sent ", round, " ", absl::ToUnixNanos(begin), "\n");
      NoteArrivals(round, report);
    }
    return absl::OkStatus();
  }

  void NoteArrivals(int round, const ExecutionReport& report) {
    const size_t segments =
        Segmentation(WireFormat(), flags_.bytes / 4, kDefaultSegmentBytes).count();
    std::vector<std::vector<absl::Duration>> asked(world_size_);
    for (const Delivery& delivery : report.deliveries)
      asked[delivery.source].push_back(delivery.asked);
    for (int source = 0; source < world_size_; ++source) {
      std::vector<absl::Time>& taken = taken_[source];
      for (size_t last = segments - 1; last < taken.size(); last += segments) {
        const auto delay = last < asked[source].size() ? asked[source][last] : absl::ZeroDuration();
        absl::StrAppend(&lines_, "received ", round, " ", source, " ", last / segments, " ",
                        absl::ToUnixNanos(taken[last]), " ", absl::ToInt64Nanoseconds(delay), "\n");
      }
      taken.clear();
    }
  }

  const Flags flags_;
  const std::vector<Flow> flows_;
  int world_size_ = 0;
  std::vector<std::vector<absl::Time>> taken_;
  std::unique_ptr<PeerEndpoint> endpoint_;  // outlives what is below
  std::unique_ptr<SegmentTransport> transport_;
  std::unique_ptr<MediumClient> medium_;
  std::unique_ptr<EmulatedNetwork> network_;
  std::string lines_;
};

absl::Status RunArbiter() {
  ActiveRun active_run;
  active_run.Begin(kJob);
  MetricSet metric_set;
  ServerMetrics metrics(&metric_set);
  ASSIGN_OR_RETURN(const Security security, Security::Load({.insecure = true}, Role::kServer));
  // Nobody joins: the loop and the dispatcher are not needed.
  ClusterService service({nullptr, nullptr, &active_run, &metrics, &security});
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("the arbiter cannot listen");
  std::cout << "address 127.0.0.1:" << port << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  server->Shutdown(std::chrono::system_clock::now());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Flow>> ParseFlows(const std::vector<std::string>& texts) {
  std::vector<Flow> flows;
  for (const std::string& text : texts) {
    Flow& flow = flows.emplace_back();
    if (sscanf(text.c_str(), "%d:%d", &flow.source, &flow.destination) != 2)
      return absl::InvalidArgumentError(absl::StrCat("--flow: not SOURCE:DESTINATION: ", text));
  }
  if (flows.empty()) return absl::InvalidArgumentError("--flow: at least one is needed");
  return flows;
}

absl::Status Main(const Flags& flags) {
  if (flags.arbiter) return RunArbiter();
  SharpenTimers();
  ASSIGN_OR_RETURN(std::vector<Flow> flows, ParseFlows(flags.flows));
  return Rank(flags, std::move(flows)).Run();
}

}  // namespace
}  // namespace edgetp

int main(int argc, char** argv) {
  edgetp::TuneAllocator();
  edgetp::PollOwnSocketsOnly();
  CLI::App app("Sends messages over an emulated network, and says when.");
  edgetp::Flags flags;
  app.add_flag("--arbiter", flags.arbiter, "be the arbiter of a shared medium");
  app.add_option("--rank", flags.rank);
  app.add_option("--listen", flags.listen, "HOST:PORT for the other ranks");
  app.add_option("--network", flags.network, "FILE of a network profile");
  app.add_option("--medium", flags.medium, "HOST:PORT of the arbiter");
  app.add_option("--seed", flags.seed);
  app.add_option("--flow", flags.flows, "SOURCE:DESTINATION");
  app.add_option("--bytes", flags.bytes)->check(CLI::Range(4, 1 << 30));
  app.add_option("--burst", flags.burst)->check(CLI::Range(1, 100'000));
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 1'000'000));
  app.add_option("--period_us", flags.period_us)->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = edgetp::Main(flags);
  if (!status.ok()) std::cerr << "error: " << status << std::endl;
  return status.ok() ? 0 : 1;
}
