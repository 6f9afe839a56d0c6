// Makes nodes of autograd's graph. LibTorch holds them by std::shared_ptr up to 2.11 and by
// c10::intrusive_ptr after it (PyTorch PR 181782): the type of Edge::function says which, and
// nothing else here may name either.
#pragma once

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

}  // namespace edgetp
