// A network profile as a table of at most 100 columns. Pure: messages in, text out.
#pragma once

#include <string>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Links, partition and source; then the timeline, if the profile has one.
std::string NetworkTable(const v1::NetworkProfile& profile);

// One link in the words of the command line, RTT beside the delay: "delay 3 ms (RTT 6 ms), rate 300
// Mbit/s".
std::string DescribeLink(const v1::LinkConfig& link);

}  // namespace edgetp
