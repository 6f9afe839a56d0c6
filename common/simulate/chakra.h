// A step plan as execution traces of MLCommons' Chakra, one per rank, for other simulators
// (ASTRA-sim). Times of compute are those of our device profiles; exchanges have bytes alone, because
// what they take is what the other simulator is asked. Pure.
//
//   ComputeStep            COMP_NODE: num_ops (FLOPs), tensor_size (bytes touched), duration_micros
//   kAllReduce             COMM_COLL_NODE, ALL_REDUCE: comm_size (bytes of one rank's message), and
//                          pg_name where it is of a group
//   kSend                  COMM_SEND_NODE at its source, COMM_RECV_NODE at its destination:
//                          comm_size, comm_src, comm_dst, comm_tag
//   Start and Wait         what follows a wait depends on the exchange; what lies between does not
//
// data_deps say what a node needs, ctrl_deps that the exchanges of a rank keep their order. Durations
// are whole microseconds, which is what the schema has: the ends of nodes are rounded, not their
// lengths, so that a rank's sum is right to one. Attributes "edgetp.*" are ours; readers skip them.
// Source: github.com/mlcommons/chakra, schema/protobuf/et_def.proto, version 0.0.4; the names of
// attributes as in its converters and in ASTRA-sim's feeder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"
#include "edgetp/v1/chakra.pb.h"

namespace edgetp {

inline constexpr char kChakraVersion[] = "0.0.4";

// Of all ranks: some 100 bytes each.
inline constexpr int64_t kMaxChakraNodes = 4'000'000;

// Groups of collectives that are not of all ranks, with their numbers from 1 on: pg_name, as
// text. 0 is all ranks.
using CommGroups = std::map<std::vector<int>, int>;
CommGroups CommGroupsOf(const StepPlan& plan);

// Errors: InvalidArgument for more than `max_nodes`; those of CheckHandles and CheckGroups.
absl::Status CheckChakra(const StepPlan& plan, int64_t max_nodes = kMaxChakraNodes);

// One rank's step, in the order of its list: a node depends on earlier ones alone. `plan` has passed
// CheckChakra.
std::vector<chakra::Node> ChakraNodes(const StepPlan& plan, int rank, const CommGroups& groups,
                                      const DeviceOptions& device);

// The bytes of a file: the metadata with `facts` as string attributes, then the nodes.
std::string ChakraFile(const std::vector<std::pair<std::string, std::string>>& facts,
                       const std::vector<chakra::Node>& nodes);

}  // namespace edgetp
