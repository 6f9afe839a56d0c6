// Where messages for somebody outside go: a worker's stream, or somebody who watches a run.
#pragma once

#include "absl/status/status.h"

namespace edgetp {

// Thread-safe; never blocks. After Close, messages are dropped.
template <typename Message>
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Send(const Message& message) = 0;
  // Ends the stream after what was sent before.
  virtual void Close(const absl::Status& status) = 0;
};

}  // namespace edgetp
