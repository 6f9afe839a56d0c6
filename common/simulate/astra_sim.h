// What ASTRA-sim asks for beside the ranks' traces (chakra.h): a network, a system, and groups of
// ranks. Its analytical network has one rate and one delay, and its system one all-reduce for all
// sizes; what is lost so is said in a text beside the files. Pure.
//
// ASTRA-sim's gigabyte is 2^30 bytes in the network's bandwidth, and 10^9 in the system's memory
// bandwidth. Source: github.com/astra-sim/astra-sim, inputs/ and astra-sim/system/Sys.cc;
// astra-network-analytical, common/NetworkParser.
#pragma once

#include <string>
#include <vector>

#include "common/network/link_options.h"
#include "common/simulate/chakra.h"
#include "common/simulate/compute_cost.h"

namespace edgetp {

struct AstraSimCase {
  NetworkOptions network;
  int world_size = 2;                  // at least 2
  std::string algorithm = "ring";      // a row of our registry: of forward activations
  std::vector<DeviceOptions> devices;  // one for all ranks, or one per rank
  CommGroups groups;
};

// A file of the folder, and what ASTRA-sim calls it on its command line.
struct AstraSimFile {
  std::string name;
  std::string flag;  // empty: not for ASTRA-sim
  std::string text;
};

// network.yml, system.json, memory.json; comm_groups.json where there are groups; README.txt with the
// command and with what the files cannot say. `traces`: the beginning of the traces' names.
// Network: links between two devices are FullyConnected, access links a Switch. The rate is the
// slowest path's, the latency the longest one's (of a Switch, half of it for each hop).
std::vector<AstraSimFile> AstraSimFiles(const AstraSimCase& run, const std::string& traces);

}  // namespace edgetp
