// Hosts, switches and links (v1::Topology), collapsed to what two hosts get between them: the path
// of the shortest delay, of equal ones that of the fewest links. Hosts do not forward. A directed
// link that several paths use is a trunk (trunks.h), unless all of them begin, or end, at one host
// whose interface is no faster: there everything queues already. Used by ResolveNetwork and by who
// prints a network. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// What is looked at is bounded: paths between 256 hosts take 65,000 links.
inline constexpr int kMaxHosts = 256;
inline constexpr int kMaxSwitches = 256;
inline constexpr int kMaxTopologyLinks = 1024;

class TopologyPaths {
 public:
  // One direction of a link. Nodes are numbered: hosts by rank, then switches as listed.
  struct Link {
    int from = 0;
    int to = 0;
    absl::Duration delay;
    double rate_bits_per_second = 0;  // 0: unlimited
  };

  struct Path {
    std::vector<int> links;           // in order; numbers of links()
    absl::Duration delay;             // the sum of its links'
    double rate_bits_per_second = 0;  // the lowest of its links'; 0: unlimited
  };

  // Errors: InvalidArgument with the first fault, its field and the rule: names that are missing,
  //   twice, or unknown; ranks that are not one for each host; a number out of range; hosts without
  //   a path between them.
  static absl::StatusOr<TopologyPaths> Find(const v1::Topology& topology);

  int hosts() const { return static_cast<int>(paths_.size()); }
  const std::vector<Link>& links() const { return links_; }
  // "pi-0>switch".
  std::string LinkName(int link) const;
  const std::string& NodeName(int node) const { return names_[node]; }

  // From one rank's host to another's.
  const Path& Between(int source, int destination) const { return paths_[source][destination]; }

  // Of a rank's host: its fastest link; 0: unlimited.
  double InterfaceRate(int rank) const;

  // The trunks between that many ranks, rising.
  std::vector<int> Trunks(int world_size) const;

 private:
  // The pairs of ranks whose paths lead over a link.
  struct Users {
    int pairs = 0;
    std::optional<int> only_source;  // of all of them
    std::optional<int> only_destination;

    void Add(int source, int destination) {
      if (pairs == 0) only_source = source;
      if (pairs == 0) only_destination = destination;
      if (only_source != source) only_source.reset();
      if (only_destination != destination) only_destination.reset();
      ++pairs;
    }
  };

  absl::Status ReadHosts(const v1::Topology& topology);
  absl::Status ReadSwitches(const v1::Topology& topology);
  absl::Status ReadLinks(const v1::Topology& topology);
  absl::Status TakeName(const std::string& field, const std::string& name, int node);
  absl::Status ReadLink(const std::string& field, const v1::Topology::Link& link);
  absl::StatusOr<int> NodeOf(const std::string& field, const std::string& name) const;
  bool IsHost(int node) const { return node < static_cast<int>(paths_.size()); }
  bool QueuesElsewhere(const Link& link, const Users& users) const;
  // Dijkstra's algorithm from a host on.
  absl::Status FindFrom(int source);

  std::vector<std::string> names_;  // by node
  std::vector<Link> links_;
  std::vector<std::vector<int>> leaving_;  // by node: its links
  std::vector<std::vector<Path>> paths_;   // by source and destination rank
};

}  // namespace edgetp
