#include "common/simulate/chakra.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// As the feeders of Chakra and ASTRA-sim read them: the older of them by exactly this type.
void Set(const char* name, int64_t value, chakra::Node* node) {
  chakra::AttributeProto* const attribute = node->add_attr();
  attribute->set_name(name);
  attribute->set_int64_val(value);
}
void SetUnsigned(const char* name, uint64_t value, chakra::Node* node) {
  chakra::AttributeProto* const attribute = node->add_attr();
  attribute->set_name(name);
  attribute->set_uint64_val(value);
}
void SetRank(const char* name, int value, chakra::Node* node) {
  chakra::AttributeProto* const attribute = node->add_attr();
  attribute->set_name(name);
  attribute->set_int32_val(value);
}
void SetText(const char* name, const std::string& value, chakra::Node* node) {
  chakra::AttributeProto* const attribute = node->add_attr();
  attribute->set_name(name);
  attribute->set_string_val(value);
}

std::string NameWithLayer(const char* what, int layer) {
  return layer < 0 ? what : absl::StrCat(what, " ", layer);
}

bool IsGroup(const StepPlan& plan, const CollectiveStep& step) {
  return step.kind != CollectiveKind::kSend && !step.group.empty() &&
         static_cast<int>(step.group.size()) < plan.world_size;
}

chakra::CollectiveCommType CommTypeOf(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kGather:
      return chakra::GATHER;
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kBroadcastMissing:
      return chakra::BROADCAST;
    case CollectiveKind::kAllReduce:
    case CollectiveKind::kSend:  // has nodes of its own
      break;
  }
  return chakra::ALL_REDUCE;
}

// Goes through one rank's list.
class RankTrace {
 public:
  RankTrace(const StepPlan& plan, int rank, const CommGroups& groups, const DeviceOptions& device)
      : plan_(plan),
        rank_(rank),
        groups_(groups),
        segments_(SegmentDurations(plan.steps[rank], device)),
        durations_(StepDurations(plan.steps[rank], device)) {}

  std::vector<chakra::Node> Nodes() {
    for (const PlanStep& step : plan_.steps[rank_]) {
      if (const auto* compute = std::get_if<ComputeStep>(&step)) {
        pending_.push_back(compute);
        continue;
      }
      EndSegment();
      const auto& entry = std::get<CollectiveStep>(step);
      if (entry.part == CollectivePart::kWait) {
        after_.push_back(started_[entry.handle]);
      } else {
        Exchange(entry);
      }
    }
    EndSegment();
    return std::move(nodes_);
  }

 private:
  chakra::Node& Add(chakra::NodeType type, const std::string& name) {
    chakra::Node& node = nodes_.emplace_back();
    node.set_id(nodes_.size() - 1);
    node.set_name(name);
    node.set_type(type);
    for (const uint64_t id : after_) node.add_data_deps(id);
    chakra::AttributeProto* const on_cpu = node.add_attr();
    on_cpu->set_name("is_cpu_op");  // ASTRA-sim's word for the host beside an accelerator
    on_cpu->set_bool_val(false);
    return node;
  }

  // The rank goes on after the node.
  void Compute(const std::string& name, absl::Duration duration, double flops, double bytes) {
    chakra::Node& node = Add(chakra::COMP_NODE, name);
    const absl::Duration end = now_ + duration;
    node.set_duration_micros(Microseconds(end) - Microseconds(now_));
    now_ = end;
    Set("num_ops", static_cast<int64_t>(flops), &node);
    SetUnsigned("tensor_size", static_cast<uint64_t>(bytes), &node);
    after_ = {node.id()};
  }

  // What the rank has computed since the entry before. Its overhead is part of the first step, or a
  // node of its own where there is none.
  void EndSegment() {
    absl::Duration rest = segments_[segment_++];
    const size_t first = computed_;
    for (size_t i = 0; i < pending_.size(); ++i) rest -= durations_[first + i];
    if (pending_.empty() && rest > absl::ZeroDuration()) Compute("overhead", rest, 0, 0);
    for (const ComputeStep* step : pending_) {
      Compute(NameWithLayer(NameOf(step->phase), step->layer), durations_[computed_++] + rest,
              step->flops, step->bytes_touched);
      rest = absl::ZeroDuration();
    }
    pending_.clear();
  }

  void Exchange(const CollectiveStep& step) {
    chakra::Node& node = AddExchange(step);
    if (last_exchange_.has_value()) node.add_ctrl_deps(*last_exchange_);
    last_exchange_ = node.id();
    Set("comm_size", step.wire_bytes(), &node);
    SetText("edgetp.traffic", NameOf(step.tag.traffic), &node);
    SetText("edgetp.wire", step.wire.name(), &node);
    Set("edgetp.elements", step.elements, &node);
    if (step.part == CollectivePart::kStart) {
      started_.push_back(node.id());
    } else {
      after_ = {node.id()};
    }
  }

  chakra::Node& AddExchange(const CollectiveStep& step) {
    const std::string name = NameWithLayer(NameOf(step.tag.traffic), step.tag.layer);
    if (step.kind != CollectiveKind::kSend) {
      chakra::Node& node = Add(chakra::COMM_COLL_NODE, name);
      Set("comm_type", CommTypeOf(step.kind), &node);
      if (IsGroup(plan_, step)) SetText("pg_name", absl::StrCat(groups_.at(step.group)), &node);
      return node;
    }
    const bool sends = step.group.front() == rank_;
    chakra::Node& node = Add(sends ? chakra::COMM_SEND_NODE : chakra::COMM_RECV_NODE, name);
    SetRank("comm_src", step.group.front(), &node);
    SetRank("comm_dst", step.group.back(), &node);
    SetRank("comm_tag", messages_[step.group]++, &node);
    return node;
  }

  static uint64_t Microseconds(absl::Duration since_begin) {
    return absl::ToInt64Microseconds(since_begin + absl::Nanoseconds(500));
  }

  const StepPlan& plan_;
  const int rank_;
  const CommGroups& groups_;
  const std::vector<absl::Duration> segments_;
  const std::vector<absl::Duration> durations_;  // of compute steps
  std::vector<chakra::Node> nodes_;
  std::vector<const ComputeStep*> pending_;  // of the segment under way
  size_t segment_ = 0;
  size_t computed_ = 0;            // compute steps that have their node
  absl::Duration now_;             // of compute alone
  std::vector<uint64_t> after_;    // what the rank has done last, and waited for since
  std::vector<uint64_t> started_;  // by handle
  std::optional<uint64_t> last_exchange_;
  std::map<std::vector<int>, int> messages_;  // so far, by source and destination
};

}  // namespace

CommGroups CommGroupsOf(const StepPlan& plan) {
  CommGroups groups;
  ForEachCollective(plan, [&](const CollectiveStep& step) {
    if (IsGroup(plan, step)) groups.try_emplace(step.group, static_cast<int>(groups.size()) + 1);
  });
  return groups;
}

absl::Status CheckChakra(const StepPlan& plan, int64_t max_nodes) {
  int64_t nodes = 0;
  for (const std::vector<PlanStep>& steps : plan.steps) {
    nodes += static_cast<int64_t>(steps.size());
    RETURN_IF_ERROR(CheckHandles(steps));
  }
  if (nodes > max_nodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a step of ", nodes, " nodes on all ranks cannot be exported: at most ",
                     max_nodes, "; take fewer layers, workers or micro-batches"));
  }
  return CheckGroups(plan);
}

std::vector<chakra::Node> ChakraNodes(const StepPlan& plan, int rank, const CommGroups& groups,
                                      const DeviceOptions& device) {
  return RankTrace(plan, rank, groups, device).Nodes();
}

std::string ChakraFile(const std::vector<std::pair<std::string, std::string>>& facts,
                       const std::vector<chakra::Node>& nodes) {
  chakra::GlobalMetadata metadata;
  metadata.set_version(kChakraVersion);
  for (const auto& [name, value] : facts) {
    chakra::AttributeProto* const attribute = metadata.add_attr();
    attribute->set_name(name);
    attribute->set_string_val(value);
  }
  std::string bytes;
  google::protobuf::io::StringOutputStream out(&bytes);
  google::protobuf::util::SerializeDelimitedToZeroCopyStream(metadata, &out);
  for (const chakra::Node& node : nodes)
    google::protobuf::util::SerializeDelimitedToZeroCopyStream(node, &out);
  return bytes;
}

}  // namespace edgetp
