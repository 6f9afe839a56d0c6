// M_i of the design: this rank's columns of the MLP, its output bias not included.
#pragma once

#include "worker/model/cpu_ops.h"
#include "worker/model/parallel_linear.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp {

struct Mlp {
  GeluKind gelu = GeluKind::kTanh;
  ColumnParallelLinear expand;   // (C, 4C/P)
  RowParallelLinear projection;  // (4C/P, C)

  // Shapes: (B*T, C) -> (B*T, C), partial: the sum over ranks is the MLP's output.
  torch::Tensor operator()(const torch::Tensor& v) const {
    torch::Tensor expanded = expand(v);  // (B*T, 4C/P)
    if (cpu::Takes(expanded)) return projection(cpu::Gelu(std::move(expanded), gelu));
    return projection(torch::gelu(expanded, gelu == GeluKind::kTanh ? "tanh" : "none"));
  }
};

}  // namespace edgetp
