// Where messages for somebody outside go: a worker's stream, or somebody who watches a run.
#pragma once

#include <memory>

#include "absl/status/status.h"

namespace edgetp {

// Thread-safe; never blocks. After Close, messages are dropped, and so they are if too many wait.
template <typename Message>
class Sink {
 public:
  virtual ~Sink() = default;
  // Shared: many may wait for the same one.
  virtual void Send(std::shared_ptr<const Message> message) = 0;
  // Ends the stream after what was sent before.
  virtual void Close(const absl::Status& status) = 0;
  // Nothing will arrive any more.
  virtual bool closed() const = 0;
};

}  // namespace edgetp
