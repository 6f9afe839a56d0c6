// The strategies that `edgetp advise` tries (docs/strategies.md). Pure.
#pragma once

#include <string>
#include <vector>

#include "common/plan/model_shape.h"

namespace edgetp {

// How ranks share the work: replicas of the model, stages of each replica, shards of each stage.
struct AdviseStrategy {
  std::string name = "one";  // as BuildStrategyPlan reads it
  int replicas = 1;
  int stages = 1;
  int shards = 1;      // ranks that share each tensor
  bool local = false;  // replicas exchange weights now and then, not each step's gradients

  // The kind without its sizes: "data=2,tensor=4" is "data,tensor".
  std::string Kind() const;
};

// What that many ranks of such a model can do, the simplest first: each axis alone, and meshes of two
// of data, pipeline and tensor. Every shard has a head, every stage a layer, every replica as many
// of the `sequences` as the others.
std::vector<AdviseStrategy> StrategiesOf(int workers, const ModelShape& shape, int sequences);

}  // namespace edgetp
