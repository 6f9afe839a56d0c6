#include "worker/model/graph_node.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

// A node of a graph that holds its nodes by intrusive_ptr, as LibTorch after 2.11 does.
struct CountedNode : c10::intrusive_ptr_target {};
struct CountedSum : CountedNode {
  explicit CountedSum(int layer) : layer(layer) {}
  int layer;
};

struct SharedNode {};
struct SharedSum : SharedNode {
  explicit SharedSum(int layer) : layer(layer) {}
  int layer;
};

TEST(GraphNodeTest, ANodeIsHeldAsItsGraphHoldsNodes) {
  auto counted = MakeHeldLike<CountedSum, c10::intrusive_ptr<CountedNode>>(3);
  static_assert(std::is_same_v<decltype(counted), c10::intrusive_ptr<CountedSum>>);
  EXPECT_EQ(counted->layer, 3);
  const c10::intrusive_ptr<CountedNode> in_graph = std::move(counted);
  EXPECT_EQ(in_graph.use_count(), 1);

  auto shared = MakeHeldLike<SharedSum, std::shared_ptr<SharedNode>>(4);
  static_assert(std::is_same_v<decltype(shared), std::shared_ptr<SharedSum>>);
  EXPECT_EQ(shared->layer, 4);
}

TEST(GraphNodeTest, AnEdgeOfThisLibTorchTakesIt) {
  struct Node : torch::autograd::Node {
    torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
      return std::move(gradients);
    }
  };
  const torch::autograd::Edge edge(MakeGraphNode<Node>(), 0);
  EXPECT_TRUE(edge.is_valid());
}

}  // namespace
}  // namespace edgetp
