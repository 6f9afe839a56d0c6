// The part of LibTorch that the model and its tests use: tensors and autograd. <torch/torch.h>, with
// its layers, optimizers and data loaders, takes twice as long to compile. Everybody includes this.
#pragma once

#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/types.h>
