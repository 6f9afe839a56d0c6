// distributed-llama counts the bytes that its root sends and receives for a token: ours are the
// same to the last one.
#include <gtest/gtest.h>

#include "common/plan/llama_plan.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// All that is sent, one way or the other, the root sends or receives.
double RootBytes(const LlamaOptions& options) {
  TimelineOptions timeline;
  timeline.world_size = options.world_size;
  timeline.algorithm = "star";
  auto simulator = TimelineSimulator::Create(timeline).value();
  return simulator.BytesOnTheWirePerRank(BuildLlamaPlan(options).value()) * options.world_size;
}

LlamaOptions Llama3(int world_size, const std::string& wire) {
  LlamaOptions options;
  options.shape = {.layers = 32,
                   .heads = 32,
                   .kv_heads = 8,
                   .channels = 4096,
                   .hidden = 14336,
                   .vocabulary = 128256};
  options.world_size = world_size;
  options.wire = WireFormat::Parse(wire).value();
  return options;
}

// Its README of v0.7.1, Llama-3-8B on 2, 4 and 8 nodes: F32 2048, 6144, 14336 kB; Q80 544, 1632,
// 3808 kB.
TEST(LlamaBytesTest, AreThoseThatDistributedLlamaPublished) {
  constexpr double kKibibyte = 1024;
  for (const int nodes : {2, 4, 8}) {
    EXPECT_EQ(RootBytes(Llama3(nodes, "fp32")), 2048 * kKibibyte * (nodes - 1));
    EXPECT_EQ(RootBytes(Llama3(nodes, "int8:g32")), 544 * kKibibyte * (nodes - 1));
  }
}

}  // namespace
}  // namespace edgetp
