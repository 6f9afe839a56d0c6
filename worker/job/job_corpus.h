// The corpus of a job on a worker: fetched as a whole, or described alone while windows of its
// tokens travel. Immutable; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/corpus.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "worker/job/remote_tokens.h"

namespace edgetp {

class JobCorpus {
 public:
  // Nothing for a job that needs none. `blobs` must outlive the corpus.
  // Errors: those of GetBlob, Corpus::Parse and Corpus::CheckFits.
  static absl::StatusOr<std::optional<JobCorpus>> Fetch(v1::Blobs::StubInterface* blobs,
                                                        const v1::Assign& assign);

  // Vocabulary, symbols and tokenizer; not always with the tokens.
  const Corpus& description() const { return description_; }
  const TokenSource& tokens() const {
    if (remote_ != nullptr) return *remote_;
    return description_;
  }

  // Whether its tokens mean what they meant when weights were trained.
  // Errors: InvalidArgument if both are known and differ.
  absl::Status CheckWeights(const std::vector<std::string>& symbols,
                            const TokenizerId& tokenizer) const;

 private:
  explicit JobCorpus(Corpus description) : description_(std::move(description)) {}

  Corpus description_;
  std::unique_ptr<RemoteTokens> remote_;
};

}  // namespace edgetp
