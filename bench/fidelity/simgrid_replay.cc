// Replays our schedules in SimGrid (S4U) and prints both durations as JSON: a simulator by other
// people, on the same platform. Each host has an interface for sending and one for receiving, with
// rates of their own; a message takes the link's delay, shares the interfaces with the host's other
// messages and the link with those of its pair. SimGrid's factors
// that imitate TCP are switched off, as our links have none. SimGrid shares an interface fluidly
// among messages under way, we serve them one after another: single messages end at other times,
// all-reduces whose ranks wait for everything do not.
//
//   simgrid_replay DELAY_US RATE_BITS_PER_SECOND WORKERS ALGORITHM BYTES [PLATFORM]
//
// PLATFORM: uniform (the default); slow_link: from rank 0 to 1 and back a tenth of the rate;
// slow_device: all links of the last rank have a tenth of the rate; fast_interface: interfaces have
// four times the links' rate.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <simgrid/s4u.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/collective/registry.h"
#include "common/collective/segments.h"
#include "common/simulate/choose_algorithm.h"

namespace edgetp {
namespace {

namespace sg4 = simgrid::s4u;

constexpr int kElementBytes = 4;

// What travels: SimGrid wants a pointer and looks at the size alone.
char payload;

sg4::Mailbox* BoxOf(int source, int destination) {
  return sg4::Mailbox::by_name("from " + std::to_string(source) + " to " +
                               std::to_string(destination));
}

int64_t Segments(const Schedule& schedule, const Action& action) {
  return Segmentation(WireFormat(), schedule.chunks[action.chunk].size(), kDefaultSegmentBytes)
      .count();
}

void Send(const Schedule& schedule, int rank, const Action& action,
          std::vector<sg4::CommPtr>* sent) {
  const Segmentation cut(WireFormat(), schedule.chunks[action.chunk].size(), kDefaultSegmentBytes);
  for (int64_t i = 0; i < cut.count(); ++i) {
    const auto bytes = static_cast<uint64_t>(cut.at(i).size_bytes);
    sent->push_back(BoxOf(rank, action.peer)->put_async(&payload, bytes));
  }
}

// One rank's list. Receives are posted beforehand: a message travels when it is sent, not when
// somebody waits for it.
void Perform(const Schedule& schedule, int rank) {
  const std::vector<Action>& actions = schedule.actions[rank];
  char* ignored = nullptr;
  std::vector<std::vector<sg4::CommPtr>> posted(actions.size());
  for (size_t i = 0; i < actions.size(); ++i) {
    if (actions[i].kind == ActionKind::kSend || actions[i].peer < 0) continue;
    for (int64_t k = Segments(schedule, actions[i]); k > 0; --k) {
      posted[i].push_back(BoxOf(actions[i].peer, rank)->get_async<char>(&ignored));
    }
  }
  std::vector<sg4::CommPtr> sent;
  for (size_t i = 0; i < actions.size(); ++i) {
    if (actions[i].kind == ActionKind::kSend) Send(schedule, rank, actions[i], &sent);
    for (const sg4::CommPtr& comm : posted[i]) comm->wait();
  }
  // Handed over is done; what is still on its way is waited for by its receiver.
  for (const sg4::CommPtr& comm : sent) comm->wait();
}

double SimGridSeconds(sg4::Engine* engine, const AllReduceProblem& problem,
                      const Schedule& schedule) {
  const NetworkOptions& network = problem.network;
  const std::vector<InterfaceOptions> egress = network.EgressInterfaces(problem.world_size);
  const std::vector<InterfaceOptions> ingress = network.IngressInterfaces(problem.world_size);
  sg4::NetZone* zone = sg4::create_full_zone("cluster");
  std::vector<sg4::Host*> hosts;
  std::vector<sg4::Link*> up;
  std::vector<sg4::Link*> down;
  for (int rank = 0; rank < problem.world_size; ++rank) {
    const std::string name = std::to_string(rank);
    hosts.push_back(zone->create_host("host " + name, 1e9));
    up.push_back(zone->create_link("up " + name, egress[rank].rate_bits_per_second / 8));
    // All links have the same delay.
    up.back()->set_latency(absl::ToDoubleSeconds(network.link.delay))->seal();
    down.push_back(zone->create_link("down " + name, ingress[rank].rate_bits_per_second / 8));
    down.back()->set_latency(0)->seal();
  }
  for (int source = 0; source < problem.world_size; ++source) {
    for (int destination = 0; destination < problem.world_size; ++destination) {
      if (source == destination) continue;
      const LinkOptions& link = network.Link(source, destination);
      sg4::Link* wire =
          zone->create_link("from " + std::to_string(source) + " to " + std::to_string(destination),
                            link.rate_bits_per_second / 8);
      wire->set_latency(0)->seal();
      zone->add_route(hosts[source]->get_netpoint(), hosts[destination]->get_netpoint(), nullptr,
                      nullptr,
                      {sg4::LinkInRoute(up[source]), sg4::LinkInRoute(wire),
                       sg4::LinkInRoute(down[destination])},
                      false);
    }
  }
  zone->seal();
  for (int rank = 0; rank < problem.world_size; ++rank) {
    sg4::Actor::create("rank", hosts[rank], [&schedule, rank] { Perform(schedule, rank); });
  }
  engine->run();
  return sg4::Engine::get_clock();
}

void Configure() {
  for (const char* setting :
       {"network/model:CM02", "network/TCP-gamma:0", "network/latency-factor:1",
        "network/bandwidth-factor:1", "network/weight-S:0", "network/crosstraffic:0",
        "surf/precision:1e-12"}) {
    sg4::Engine::set_config(std::string(setting));
  }
}

bool Shape(const std::string& platform, AllReduceProblem* problem) {
  NetworkOptions& network = problem->network;
  LinkOptions slow = network.link;
  slow.rate_bits_per_second /= 10;
  const int last = problem->world_size - 1;
  if (platform == "slow_link") {
    network.overrides[{0, 1}] = network.overrides[{1, 0}] = slow;
    network.interface_rate_bits_per_second = network.link.rate_bits_per_second;
  } else if (platform == "slow_device") {
    for (int rank = 0; rank < last; ++rank)
      network.overrides[{rank, last}] = network.overrides[{last, rank}] = slow;
  } else if (platform == "fast_interface") {
    network.interface_rate_bits_per_second = 4 * network.link.rate_bits_per_second;
  }
  return platform == "uniform" || network.interface_rate_bits_per_second > 0 ||
         !network.overrides.empty();
}

int Main(int argc, char** argv) {
  sg4::Engine engine(&argc, argv);
  if (argc != 6 && argc != 7) {
    std::fprintf(stderr,
                 "usage: simgrid_replay DELAY_US RATE_BITS_PER_SECOND WORKERS ALGORITHM BYTES "
                 "[PLATFORM]\n");
    return 2;
  }
  Configure();
  AllReduceProblem problem;
  problem.network.link.delay = absl::Nanoseconds(1e3 * std::atof(argv[1]));
  problem.network.link.rate_bits_per_second = std::atof(argv[2]);
  problem.world_size = std::atoi(argv[3]);
  problem.elements = std::atoll(argv[5]) / kElementBytes;
  if (!Shape(argc == 7 ? argv[6] : "uniform", &problem)) {
    std::fprintf(stderr, "unknown platform %s\n", argv[6]);
    return 2;
  }
  const auto algorithm = FindAlgorithm(argv[4]);
  const auto ours = PriceAllReduce(problem, argv[4]);
  if (!algorithm.ok() || !ours.ok()) {
    std::fprintf(stderr, "%s\n", std::string(ours.status().message()).c_str());
    return 2;
  }
  const Schedule schedule =
      (*algorithm)->build(problem.world_size, problem.elements, problem.wire.granule());
  std::printf("{\"seconds\": %.9f, \"simgrid_seconds\": %.9f}\n", absl::ToDoubleSeconds(ours->mean),
              SimGridSeconds(&engine, problem, schedule));
  return 0;
}

}  // namespace
}  // namespace edgetp

int main(int argc, char** argv) { return edgetp::Main(argc, argv); }
