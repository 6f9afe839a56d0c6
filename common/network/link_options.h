// The network as plain numbers: links, and a NetworkProfile resolved for the ranks of a run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/network/mahimahi_trace.h"

namespace edgetp {

enum class JitterDistribution { kUniform, kNormal, kPareto, kQuantiles };

struct JitterQuantile {
  double probability = 0;
  absl::Duration jitter;
};

// A directed link. Absent rates are 0 here: unlimited.
struct LinkOptions {
  absl::Duration delay;
  absl::Duration jitter;
  JitterDistribution distribution = JitterDistribution::kNormal;
  std::vector<JitterQuantile> quantiles;
  double correlation = 0;
  double loss = 0;  // per packet
  double rate_bits_per_second = 0;
  std::shared_ptr<const MahimahiTrace> trace;  // in place of the rate
  double ingress_rate_bits_per_second = 0;     // 0: as rate

  // True if messages meet random delays.
  bool Random() const;
  // True if a message takes no time.
  bool Unlimited() const;
};

// A NetworkProfile, resolved for the ranks of a run.
struct NetworkOptions {
  std::string name = "none";
  LinkOptions link;                                      // of every pair that has no override
  std::map<std::pair<int, int>, LinkOptions> overrides;  // by (source, destination)
  bool interface_sharing = true;
  bool shared_medium = false;
  std::vector<int> partition_group;  // by rank; ranks of different groups cannot reach one another;
                                     // empty: no partition

  const LinkOptions& Link(int source, int destination) const;
  bool Connected(int source, int destination) const;
  // True if messages of any link meet random delays.
  bool Random() const;
  // True if what a message takes depends on when it is sent.
  bool FollowsTrace() const;
  // True if no message is ever delayed: nothing needs to be stamped or held.
  bool Unlimited() const;
};

}  // namespace edgetp
