// A network's topology as text: what it is made of, and what its hosts get between them. Pure.
#pragma once

#include <string>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// "4 hosts, 2 switches, 5 links".
std::string DescribeTopology(const v1::Topology& topology);

// What two hosts get between them, from the nearest to the farthest: "delay 200 us to 10.2 ms, rate
// 100 Mbit/s". The rule, if the topology breaks one.
std::string DescribeHostPaths(const v1::NetworkProfile& profile);

// A row for each pair of hosts: its collapsed link, and which links inside it shares with others. Of
// many hosts, the first pairs, and how many were left out. Empty without a topology.
std::string TopologyTable(const v1::NetworkProfile& profile);

}  // namespace edgetp
