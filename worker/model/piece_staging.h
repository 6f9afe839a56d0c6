// A tensor of an accelerator on its way through a buffer in host memory: all pieces are on their way to
// the host from the start, in order, and each goes back when the exchange has finished it. Used by
// ParallelContext, for one exchange each. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "worker/model/communicator.h"
#include "worker/model/copy_engine.h"

namespace edgetp {

class PieceStaging final : public Staging {
 public:
  // Memory of an accelerator and of its host, of so many bytes an element: 4 for floats, else those of
  // the format of Communicator::RoundsTo. All must outlive this. Starts the copies.
  struct Pieces {
    std::byte* device;
    std::byte* host;
    int64_t elements;
    int64_t element_bytes;
  };
  PieceStaging(CopyEngine* engine, const Pieces& pieces);
  // Blocks until: no copy touches either memory.
  ~PieceStaging() override;

  std::byte* encoded() override;
  absl::Status Fetch(int64_t end) override;
  absl::Status GiveBack(int64_t begin, int64_t end) override;

  // Blocks until: all that was given back is there.
  absl::Status Finish();

 private:
  CopyEngine* const engine_;
  const Pieces pieces_;
  std::vector<uint64_t> fetches_;  // by piece, the copy's number
  std::vector<int64_t> ends_;      // by piece, the element behind it
  size_t fetched_ = 0;             // pieces, from the first
  std::optional<uint64_t> last_;   // copy that was started
};

}  // namespace edgetp
