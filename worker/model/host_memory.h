// Where tensors in host memory lie. Free of LibTorch.
#pragma once

namespace edgetp {

// Lets LibTorch take memory such that a tensor fits where one of its size was. By default it asks for
// aligned memory, and for that glibc looks for a hole that is larger by the alignment: between
// tensors that stay, none of the same size ever fits again, and the heap grows by a quarter and more
// of what is in use (measured with t~8). Call before other threads exist.
void ReuseHostMemory();

}  // namespace edgetp
