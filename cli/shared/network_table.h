// A network profile as a table of at most 100 columns. Pure: messages in, text out.
#pragma once

#include <string>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Links, partition and source; then what a topology collapses to, and the timeline, if the profile
// has one.
std::string NetworkTable(const v1::NetworkProfile& profile);

// One link in the words of the command line, RTT beside the delay: "delay 3 ms (RTT 6 ms), rate 300
// Mbit/s".
std::string DescribeLink(const v1::LinkConfig& link);

// What the figures of a profile describe: "access link", "direct link" or "topology".
std::string HopName(const v1::NetworkProfile& profile);

// What two devices get between them, whatever the figures describe: "delay 70 ms (RTT 140 ms), rate
// 12 Mbit/s". Links with figures of their own are left out.
std::string DescribePath(const v1::NetworkProfile& profile);

}  // namespace edgetp
