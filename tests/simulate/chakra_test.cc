// Traces for other simulators are read back as bytes, and say what the plan says: order, dependencies,
// bytes, arithmetic and time.
#include "common/simulate/chakra.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/simulate/step_list.h"

namespace edgetp {
namespace {

using chakra::Node;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::StepList;

struct Trace {
  chakra::GlobalMetadata metadata;
  std::vector<Node> nodes;
};

Trace ReadBack(const std::string& bytes) {
  google::protobuf::io::ArrayInputStream in(bytes.data(), static_cast<int>(bytes.size()));
  Trace trace;
  bool clean_end = false;
  using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
  EXPECT_TRUE(ParseDelimitedFromZeroCopyStream(&trace.metadata, &in, nullptr));
  for (Node node; ParseDelimitedFromZeroCopyStream(&node, &in, &clean_end); node.Clear())
    trace.nodes.push_back(node);
  EXPECT_TRUE(clean_end);
  return trace;
}

const chakra::AttributeProto* Find(const Node& node, const std::string& name) {
  for (const chakra::AttributeProto& attribute : node.attr()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t Number(const Node& node, const std::string& name) {
  const chakra::AttributeProto* const attribute = Find(node, name);
  if (attribute == nullptr) return -1;
  if (attribute->has_int32_val()) return attribute->int32_val();
  return attribute->has_uint64_val() ? static_cast<int64_t>(attribute->uint64_val())
                                     : attribute->int64_val();
}

std::vector<uint64_t> Data(const Node& node) {
  return {node.data_deps().begin(), node.data_deps().end()};
}
std::vector<uint64_t> Control(const Node& node) {
  return {node.ctrl_deps().begin(), node.ctrl_deps().end()};
}

bool Exchanges(const Node& node) { return node.type() != chakra::COMP_NODE; }

DeviceOptions Roofline() {
  DeviceOptions device;
  device.flops_per_second = 3e9;
  device.memory_bytes_per_second = 7e9;
  return device;
}

// With an overhead in every segment beside a collective.
DeviceOptions Calibrated() {
  DeviceOptions device = Roofline();
  device.elementwise_bytes_per_second = 5e9;
  device.optimizer_bytes_per_second = 4e9;
  device.operation_overhead = absl::Nanoseconds(1234);
  device.segment_overhead = absl::Microseconds(7);
  return device;
}

StepPlan PlanOf(const std::string& pattern, const std::string& overlap, const char* wire = "fp32") {
  PlanOptions options{.shape = {4, 4, 128, 64, 65, true}, .world_size = 3, .split = {2, 1, 1}};
  options.pattern = Pattern::Parse(pattern, 4).value();
  options.overlap = Overlap::Parse(overlap).value();
  options.batch = 4;
  options.micro_batches = 2;
  options.wire_forward = options.wire_backward = WireFormat::Parse(wire).value();
  return BuildStepPlan(options).value();
}

struct Case {
  const char* pattern;
  const char* overlap;
  const char* wire;
};
constexpr Case kCases[] = {{"t*4", "NONE", "fp32"},        {"sppp", "DW", "int8:g32"},
                           {"l*4", "NONE", "bf16"},        {"t*4", "ROWS(2)", "int4"},
                           {"t~2*3 g", "DW", "fp8e4m3"},   {"t@0.5*4", "ROWS(4)", "fp32"},
                           {"(t@0.5 s)*2", "NONE", "fp16"}};

TEST(ChakraTest, AFileIsItsMetadataAndThenTheNodes) {
  const StepPlan plan = PlanOf("sppp", "NONE");
  const auto nodes = ChakraNodes(plan, 1, {}, Roofline());
  const Trace trace = ReadBack(ChakraFile({{"edgetp.model", "minigpt"}}, nodes));
  EXPECT_EQ(trace.metadata.version(), "0.0.4");
  ASSERT_EQ(trace.metadata.attr_size(), 1);
  EXPECT_EQ(trace.metadata.attr(0).name(), "edgetp.model");
  EXPECT_EQ(trace.metadata.attr(0).string_val(), "minigpt");
  ASSERT_EQ(trace.nodes.size(), plan.steps[1].size());
  for (size_t i = 0; i < nodes.size(); ++i)
    EXPECT_EQ(trace.nodes[i].SerializeAsString(), nodes[i].SerializeAsString());
}

// By the schema's numbers, without our own declarations of them.
TEST(ChakraTest, BytesAreThoseOfTheSchema) {
  const auto field = [](const std::string& tag, const std::string& value) {
    return tag + static_cast<char>(value.size()) + value;
  };
  const auto attribute = [&](const std::string& name, const std::string& value) {
    return field("\x52", field("\x0a", name) + value);  // Node.attr: AttributeProto.name
  };
  StepPlan plan = StepList().AllReduce(32).Plan(2);
  for (std::vector<PlanStep>& steps : plan.steps)
    steps.insert(steps.begin(), ComputeStep{Phase::kForward, 3, 5, 6});
  const std::string no_cpu = attribute("is_cpu_op", std::string("\xd8\x01\x00", 3));
  DeviceOptions device;
  device.flops_per_second = 1e6;  // 5 us
  const std::string compute = field("\x12", "forward 3") + "\x18\x04" + "\x38\x05" + no_cpu +
                              attribute("num_ops", "\x48\x05") +
                              attribute("tensor_size", "\x68\x06");
  const std::string reduce =
      "\x08\x01" + field("\x12", "control") + "\x18\x07" + std::string("\x2a\x01\x00", 3) + no_cpu +
      attribute("comm_type", std::string("\x48\x00", 2)) + attribute("comm_size", "\x48\x80\x01") +
      attribute("edgetp.traffic", field("\xea\x01", "control")) +
      attribute("edgetp.wire", field("\xea\x01", "fp32")) +
      attribute("edgetp.elements", "\x48\x20");
  const std::string want = field("", field("\x0a", "0.0.4")) + field("", compute);
  const std::string file = ChakraFile({}, ChakraNodes(plan, 0, {}, device));
  EXPECT_EQ(file.substr(0, want.size()), want);
  EXPECT_EQ(file.substr(file.size() - reduce.size()), reduce);
}

TEST(ChakraTest, NodesStandInTheOrderOfThePlanAndDependOnEarlierOnesAlone) {
  for (const Case& each : kCases) {
    const StepPlan plan = PlanOf(each.pattern, each.overlap, each.wire);
    for (int rank = 0; rank < 3; ++rank) {
      const Trace trace = ReadBack(ChakraFile({}, ChakraNodes(plan, rank, {}, Calibrated())));
      std::vector<std::string> want, got;
      for (const CollectiveStep& step : Collectives(plan.steps[rank]))
        want.push_back(step.tag.layer < 0
                           ? NameOf(step.tag.traffic)
                           : absl::StrCat(NameOf(step.tag.traffic), " ", step.tag.layer));
      for (size_t i = 0; i < trace.nodes.size(); ++i) {
        const Node& node = trace.nodes[i];
        EXPECT_EQ(node.id(), i);
        for (const uint64_t id : Data(node)) EXPECT_LT(id, i);
        for (const uint64_t id : Control(node)) EXPECT_LT(id, i);
        if (Exchanges(node)) got.push_back(node.name());
      }
      EXPECT_EQ(got, want) << each.pattern << " " << each.overlap;
    }
  }
}

TEST(ChakraTest, BytesAndArithmeticAreThePlans) {
  for (const Case& each : kCases) {
    const StepPlan plan = PlanOf(each.pattern, each.overlap, each.wire);
    for (int rank = 0; rank < 3; ++rank) {
      double want_bytes = 0, want_flops = 0, want_touched = 0;
      for (const CollectiveStep& step : Collectives(plan.steps[rank]))
        want_bytes += static_cast<double>(step.wire_bytes());
      size_t computes = 0;
      for (const PlanStep& step : plan.steps[rank]) {
        if (const auto* compute = std::get_if<ComputeStep>(&step)) {
          ++computes;
          want_flops += compute->flops;
          want_touched += compute->bytes_touched;
        }
      }
      double bytes = 0, flops = 0, touched = 0;
      for (const Node& node : ReadBack(ChakraFile({}, ChakraNodes(plan, rank, {}, {}))).nodes) {
        if (Exchanges(node)) {
          EXPECT_EQ(node.type(), chakra::COMM_COLL_NODE);
          EXPECT_EQ(Number(node, "comm_type"), chakra::ALL_REDUCE);
          EXPECT_EQ(Find(node, "pg_name"), nullptr);
          bytes += static_cast<double>(Number(node, "comm_size"));
        } else {
          flops += static_cast<double>(Number(node, "num_ops"));
          touched += static_cast<double>(Number(node, "tensor_size"));
        }
        EXPECT_FALSE(Find(node, "is_cpu_op")->bool_val());
      }
      EXPECT_EQ(bytes, want_bytes) << each.pattern << " " << each.wire;
      // Each node has whole operations and bytes.
      EXPECT_NEAR(flops, want_flops, static_cast<double>(computes));
      EXPECT_NEAR(touched, want_touched, static_cast<double>(computes));
    }
  }
}

TEST(ChakraTest, DurationsAddUpToTheDevicesToAMicrosecond) {
  for (const Case& each : kCases) {
    for (const DeviceOptions& device : {Roofline(), Calibrated()}) {
      const StepPlan plan = PlanOf(each.pattern, each.overlap, each.wire);
      absl::Duration want;
      for (const absl::Duration segment : SegmentDurations(plan.steps[2], device)) want += segment;
      int64_t got = 0;
      for (const Node& node : ChakraNodes(plan, 2, {}, device)) {
        EXPECT_TRUE(!Exchanges(node) || node.duration_micros() == 0);
        got += static_cast<int64_t>(node.duration_micros());
      }
      EXPECT_NEAR(absl::ToDoubleMicroseconds(want), static_cast<double>(got), 1) << each.pattern;
    }
  }
}

TEST(ChakraTest, WhatLiesBetweenAStartAndItsWaitDoesNotWait) {
  StepPlan plan = StepList().Start(10).Start(20).Wait(0).AllReduce(30).Wait(1).Plan(2);
  const ComputeStep compute{Phase::kForward, 0, 1e6, 0};
  for (std::vector<PlanStep>& steps : plan.steps) {
    std::vector<PlanStep> with = {compute};
    for (const PlanStep& step : steps) {
      with.push_back(step);
      with.push_back(compute);
    }
    steps = with;
  }
  const std::vector<Node> nodes = ChakraNodes(plan, 0, {}, Roofline());
  ASSERT_EQ(nodes.size(), 9u);
  EXPECT_THAT(Data(nodes[0]), IsEmpty());
  EXPECT_THAT(Data(nodes[1]), ElementsAre(0));  // the first exchange
  EXPECT_THAT(Data(nodes[2]), ElementsAre(0));  // under which is computed
  EXPECT_THAT(Data(nodes[3]), ElementsAre(2));  // the second one
  EXPECT_THAT(Data(nodes[4]), ElementsAre(2));
  EXPECT_THAT(Data(nodes[5]), ElementsAre(4, 1));  // after the wait for the first one
  EXPECT_THAT(Data(nodes[6]), ElementsAre(5));     // that blocks
  EXPECT_THAT(Data(nodes[7]), ElementsAre(6));
  EXPECT_THAT(Data(nodes[8]), ElementsAre(7, 3));
  EXPECT_THAT(Control(nodes[3]), ElementsAre(1));  // exchanges keep their order
  EXPECT_THAT(Control(nodes[6]), ElementsAre(3));
}

// Whatever comes later in the list needs all that was computed before, and all that was waited for,
// directly or not.
TEST(ChakraTest, DependenciesAreThoseOfTheList) {
  for (const Case& each : kCases) {
    const StepPlan plan = PlanOf(each.pattern, each.overlap, each.wire);
    const std::vector<Node> nodes = ChakraNodes(plan, 0, {}, Roofline());
    std::vector<std::set<uint64_t>> needs(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (const uint64_t id : Data(nodes[i])) {
        needs[i].insert(id);
        needs[i].insert(needs[id].begin(), needs[id].end());
      }
    }
    std::set<uint64_t> done;
    std::vector<uint64_t> started;
    uint64_t next = 0;
    for (const PlanStep& step : plan.steps[0]) {
      const auto* entry = std::get_if<CollectiveStep>(&step);
      if (entry != nullptr && entry->part == CollectivePart::kWait) {
        done.insert(started[entry->handle]);
        continue;
      }
      // What was waited for has brought along what it needed itself, and nothing else is done.
      EXPECT_EQ(needs[next], done) << each.pattern << " " << each.overlap << " " << next;
      if (entry != nullptr && entry->part == CollectivePart::kStart) started.push_back(next);
      if (entry == nullptr || entry->part == CollectivePart::kBoth) done.insert(next);
      ++next;
    }
    EXPECT_EQ(next, nodes.size());
  }
}

CollectiveStep InGroup(CollectiveKind kind, const std::vector<int>& group, int64_t elements) {
  CollectiveStep step{CollectiveTag{}, elements, WireFormat()};
  step.kind = kind;
  step.group = group;
  return step;
}

TEST(ChakraTest, AGroupHasANumberAndAMessageTwoEnds) {
  StepPlan plan;
  plan.world_size = 4;
  const auto sum = [](std::vector<int> group) {
    return InGroup(CollectiveKind::kAllReduce, group, 8);
  };
  const CollectiveStep first = InGroup(CollectiveKind::kSend, {0, 2}, 5);
  const CollectiveStep back = InGroup(CollectiveKind::kSend, {2, 0}, 6);
  plan.steps = {{sum({0, 1}), first, first, back, sum({0, 1, 2, 3})},
                {sum({0, 1}), sum({0, 1, 2, 3})},
                {sum({2, 3}), first, first, back, sum({0, 1, 2, 3})},
                {sum({2, 3}), sum({0, 1, 2, 3})}};
  ASSERT_EQ(CheckChakra(plan), absl::OkStatus());
  const CommGroups groups = CommGroupsOf(plan);
  EXPECT_EQ(groups, (CommGroups{{{0, 1}, 1}, {{2, 3}, 2}}));
  const std::vector<Node> sender = ChakraNodes(plan, 0, groups, {});
  const std::vector<Node> receiver = ChakraNodes(plan, 2, groups, {});
  EXPECT_EQ(Find(sender[0], "pg_name")->string_val(), "1");
  EXPECT_EQ(Find(receiver[0], "pg_name")->string_val(), "2");
  EXPECT_EQ(Find(sender[4], "pg_name"), nullptr);  // all ranks
  for (int i = 1; i <= 3; ++i) {
    const bool there = i < 3;
    EXPECT_EQ(sender[i].type(), there ? chakra::COMM_SEND_NODE : chakra::COMM_RECV_NODE);
    EXPECT_EQ(receiver[i].type(), there ? chakra::COMM_RECV_NODE : chakra::COMM_SEND_NODE);
    for (const Node& end : {sender[i], receiver[i]}) {
      EXPECT_EQ(Number(end, "comm_src"), there ? 0 : 2);
      EXPECT_EQ(Number(end, "comm_dst"), there ? 2 : 0);
      EXPECT_EQ(Number(end, "comm_tag"), i == 2 ? 1 : 0);
      EXPECT_EQ(Number(end, "comm_size"), there ? 20 : 24);
    }
  }
}

TEST(ChakraTest, TooManyNodesAndListsThatDoNotBelongTogetherAreRefused) {
  StepPlan plan = PlanOf("t*4", "NONE");
  EXPECT_EQ(CheckChakra(plan), absl::OkStatus());
  const absl::Status many = CheckChakra(plan, 10);
  EXPECT_EQ(many.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(many.message()), HasSubstr("at most 10"));
  plan.steps[1].push_back(CollectiveStep{CollectiveTag{}, 8, WireFormat()});
  EXPECT_FALSE(CheckChakra(plan).ok());
}

}  // namespace
}  // namespace edgetp
