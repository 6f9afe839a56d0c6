// Files of tokens on this host, of which a job's workers read windows (Blobs.GetWindows).
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/stored_tokens.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

class ServedCorpus {
 public:
  // Errors: FailedPrecondition: this host has no such folder, or other files in it.
  static absl::StatusOr<std::shared_ptr<const ServedCorpus>> Open(const v1::CorpusFiles& files);

  // Copies the tokens from `first` of a split on.
  // Errors: OutOfRange, DataLoss (StoredTokens::Read).
  absl::Status Read(bool validation, uint64_t first, absl::Span<uint16_t> out) const;
  // Errors: DataLoss if somebody has written to the files since they were opened.
  absl::Status CheckUnchanged() const;

 private:
  ServedCorpus() = default;

  std::shared_ptr<const StoredTokens> train_;
  std::shared_ptr<const StoredTokens> validation_;
};

}  // namespace edgetp
