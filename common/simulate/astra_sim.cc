#include "common/simulate/astra_sim.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

constexpr double kNetworkGigabyte = 1 << 30;
constexpr double kMemoryGigabyte = 1e9;
// In place of no limit: ASTRA-sim takes none.
constexpr double kUnlimitedGigabytesPerSecond = 1e6;

// What stands for one of our all-reduces there.
struct Counterpart {
  const char* ours;
  const char* theirs;
  const char* difference;  // null: none
};
constexpr Counterpart kCounterparts[] = {
    {"none", "ring", nullptr},  // the step has no all-reduce
    {"ring", "ring", nullptr},
    {"ring_sliced", "ring", nullptr},
    {"halving_doubling", "halvingDoubling", nullptr},
    {"two_phase", "direct", nullptr},
    {"direct", "direct",
     "all-reduce direct: ASTRA-sim's direct is our two_phase, two exchanges of a P-th each, not "
     "one "
     "of everything"},
    {"star", "direct", "all-reduce star: ASTRA-sim has none through a root, so it is direct here"},
};

Counterpart CounterpartOf(const std::string& algorithm) {
  for (const Counterpart& row : kCounterparts) {
    if (algorithm == row.ours) return row;
  }
  return {"", "ring", "the all-reduce: ASTRA-sim has no counterpart, so it is a ring here"};
}

// The slowest and the longest of all paths.
struct Path {
  double bits_per_second = 0;  // of payload; 0: no limit
  absl::Duration delay;
  bool alike = true;  // all of them
};

double RateOf(const InterfaceOptions& side) {
  return side.trace == nullptr ? side.rate_bits_per_second : side.trace->MeanBitsPerSecond();
}

// Of payload, of one message alone.
double RateOf(const NetworkOptions& network, const InterfaceOptions& out,
              const InterfaceOptions& in, int source, int destination) {
  const LinkOptions& link = network.Link(source, destination);
  double rate =
      LowerRate(RateOf({link.rate_bits_per_second, link.trace}), link.ingress_rate_bits_per_second);
  if (network.interface_sharing) rate = LowerRate(rate, LowerRate(RateOf(out), RateOf(in)));
  return LowerRate(rate / link.header_share, network.WindowRate(source, destination));
}

Path WorstPath(const NetworkOptions& network, int world_size) {
  const auto out = network.EgressInterfaces(world_size), in = network.IngressInterfaces(world_size);
  Path worst;
  bool first = true;
  for (int source = 0; source < world_size; ++source) {
    for (int destination = 0; destination < world_size; ++destination) {
      if (source == destination) continue;
      const double rate = RateOf(network, out[source], in[destination], source, destination);
      const absl::Duration delay = network.Link(source, destination).PathDelay();
      worst.alike =
          worst.alike && (first || (rate == worst.bits_per_second && delay == worst.delay));
      worst.bits_per_second = first ? rate : LowerRate(rate, worst.bits_per_second);
      worst.delay = std::max(worst.delay, delay);
      first = false;
    }
  }
  return worst;
}

bool HasAccessLinks(const NetworkOptions& network) { return network.link.second_hop != nullptr; }

std::string NetworkYaml(const AstraSimCase& run, const Path& path) {
  const bool access = HasAccessLinks(run.network);
  const double bandwidth = path.bits_per_second == 0 ? kUnlimitedGigabytesPerSecond
                                                     : path.bits_per_second / 8 / kNetworkGigabyte;
  return absl::StrFormat(
      "topology: [ %s ]\nnpus_count: [ %d ]\nbandwidth: [ %.12g ]  # GB/s; 1 GB is 2^30 bytes\n"
      "latency: [ %.12g ]  # ns\n",
      access ? "Switch" : "FullyConnected", run.world_size, bandwidth,
      absl::ToDoubleNanoseconds(path.delay) / (access ? 2 : 1));
}

// The slowest of the devices, where they are mixed: the file has room for one.
template <typename Value>
Value Slowest(const std::vector<DeviceOptions>& devices, Value DeviceOptions::*field, bool larger) {
  Value slowest{};
  bool first = true;
  for (const DeviceOptions& device : devices) {
    const Value value = device.*field;
    slowest = first ? value : larger ? std::max(slowest, value) : std::min(slowest, value);
    first = false;
  }
  return slowest;
}

std::string SystemJson(const AstraSimCase& run) {
  const std::string algorithm = CounterpartOf(run.algorithm).theirs;
  // Those of other collectives, of which the traces have none: a ring has every kind.
  const std::string other = algorithm == "halvingDoubling" ? "ring" : algorithm;
  // At both ends of a message; there, it is the receiver's alone.
  const absl::Duration software =
      2 * Slowest(run.devices, &DeviceOptions::message_overhead, /*larger=*/true);
  return absl::StrFormat(
      "{\n"
      "  \"scheduling-policy\": \"FIFO\",\n"
      "  \"endpoint-delay\": %d,\n"
      "  \"active-chunks-per-dimension\": 1,\n"
      "  \"preferred-dataset-splits\": 1,\n"
      "  \"all-reduce-implementation\": [\"%s\"],\n"
      "  \"all-gather-implementation\": [\"%s\"],\n"
      "  \"reduce-scatter-implementation\": [\"%s\"],\n"
      "  \"all-to-all-implementation\": [\"%s\"],\n"
      "  \"collective-optimization\": \"baseline\",\n"
      "  \"local-mem-bw\": %.12g,\n"
      "  \"peak-perf\": %.12g,\n"
      "  \"roofline-enabled\": 0\n"
      "}\n",
      absl::ToInt64Nanoseconds(software), algorithm, other, other, other,
      Slowest(run.devices, &DeviceOptions::memory_bytes_per_second, false) / kMemoryGigabyte,
      Slowest(run.devices, &DeviceOptions::flops_per_second, false) / 1e12);
}

std::string GroupsJson(const CommGroups& groups) {
  std::vector<std::string> lines(groups.size());
  for (const auto& [ranks, number] : groups)
    lines[number - 1] = absl::StrCat("  \"", number, "\": [", absl::StrJoin(ranks, ", "), "]");
  return absl::StrCat("{\n", absl::StrJoin(lines, ",\n"), "\n}\n");
}

// What the files cannot say of this run.
std::vector<std::string> LeftOut(const AstraSimCase& run, const Path& path) {
  const NetworkOptions& network = run.network;
  std::vector<std::string> lines;
  const auto add = [&lines](bool holds, const char* text) {
    if (holds) lines.push_back(text);
  };
  if (const char* difference = CounterpartOf(run.algorithm).difference; difference != nullptr)
    lines.push_back(difference);
  add(!path.alike, "links that differ: every link has the lowest rate and the longest delay");
  add(network.Random(), "jitter and loss");
  add(network.FollowsTrace(), "a rate that changes: it is the trace's mean");
  add(network.shared_medium, "a shared medium: links do not wait for one another");
  add(!network.trunks.empty(), "links that several paths share: each path has one of its own");
  add(HasAccessLinks(network),
      "access links: with congestion, a Switch sends a whole message on before the next hop "
      "begins");
  add(!HasAccessLinks(network) && network.interface_sharing && run.world_size > 2,
      "interfaces: a device sends over all its links at once");
  add(!network.partition_group.empty(), "a partition");
  add(run.devices.size() > 1,
      "devices that differ: system.json has the slowest; the traces' durations are each rank's "
      "own");
  lines.push_back("what encoding, staging and the bytes of a message cost in software");
  return lines;
}

std::string Readme(const std::vector<AstraSimFile>& files, const std::vector<std::string>& left_out,
                   const std::string& traces) {
  std::string command = absl::StrCat("AstraSim_Analytical_Congestion_Aware \\\n",
                                     "    --workload-configuration=", traces);
  bool groups = false;
  for (const AstraSimFile& file : files) {
    absl::StrAppend(&command, " \\\n    --", file.flag, "=", file.name);
    groups = groups || file.flag == "comm-group-configuration";
  }
  if (!groups) absl::StrAppend(&command, " \\\n    --comm-group-configuration=empty");
  std::string text = absl::StrCat(
      "One training step as execution traces of MLCommons' Chakra (schema ", kChakraVersion,
      "), one per rank,\nwith ASTRA-sim's files beside them. In this folder:\n\n", command,
      "\n\nCompute takes the durations that the traces have (roofline-enabled: 0).\n"
      "What these files cannot say, and leave out:\n");
  for (const std::string& line : left_out) absl::StrAppend(&text, "- ", line, "\n");
  return text;
}

}  // namespace

std::vector<AstraSimFile> AstraSimFiles(const AstraSimCase& run, const std::string& traces) {
  const Path path = WorstPath(run.network, run.world_size);
  std::vector<AstraSimFile> files = {
      {"system.json", "system-configuration", SystemJson(run)},
      {"network.yml", "network-configuration", NetworkYaml(run, path)},
      {"memory.json", "remote-memory-configuration",
       "{\n  \"memory-type\": \"NO_MEMORY_EXPANSION\"\n}\n"}};
  if (!run.groups.empty())
    files.push_back({"comm_groups.json", "comm-group-configuration", GroupsJson(run.groups)});
  files.push_back({"README.txt", "", Readme(files, LeftOut(run, path), traces)});
  return files;
}

}  // namespace edgetp
