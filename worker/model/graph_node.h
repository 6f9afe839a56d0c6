// Makes nodes of autograd's graph. LibTorch holds them by std::shared_ptr up to 2.11 and by
// c10::intrusive_ptr after it (PyTorch PR 181782): the type of Edge::function says which, and
// nothing else here may name either.
#pragma once

#include <c10/core/AutogradState.h>
#include <torch/version.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "worker/model/torch.h"

namespace edgetp {

// A new Node, held as `Pointer` holds its own kind of nodes.
template <typename Node, typename Pointer, typename... Args>
auto MakeHeldLike(Args&&... args) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<typename Pointer::element_type>>) {
    return std::make_shared<Node>(std::forward<Args>(args)...);
  } else {
    return c10::make_intrusive<Node>(std::forward<Args>(args)...);
  }
}

// A new Node for the graph of this LibTorch.
template <typename Node, typename... Args>
auto MakeGraphNode(Args&&... args) {
  return MakeHeldLike<Node, decltype(torch::autograd::Edge::function)>(std::forward<Args>(args)...);
}

// Lets backward() run on the calling thread, whatever device computes. Collectives belong to that
// thread; and ranks that are threads of one process would wait for one another on the one thread
// that LibTorch has for their device. LibTorch before 2 has no such switch, and runs a CPU's backward
// pass on the calling thread.
inline void RunBackwardOnThisThread() {
#if TORCH_VERSION_MAJOR >= 2
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
#endif
}

}  // namespace edgetp
