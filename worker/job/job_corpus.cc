#include "worker/job/job_corpus.h"

#include "common/base/status_macros.h"
#include "common/rpc/blobs.h"
#include "worker/job/checkpoint.h"

namespace edgetp {

absl::StatusOr<std::optional<JobCorpus>> JobCorpus::Fetch(v1::Blobs::StubInterface* blobs,
                                                          const v1::Assign& assign) {
  const v1::JobSpec& spec = assign.spec();
  if (spec.corpus_blob().empty()) return std::optional<JobCorpus>();
  ASSIGN_OR_RETURN(const std::string bytes, GetBlob(blobs, spec.corpus_blob()));
  ASSIGN_OR_RETURN(Corpus description, Corpus::Parse(bytes));
  JobCorpus corpus(std::move(description));
  const v1::ModelConfig& model = spec.config().model();
  if (spec.has_corpus_files()) {
    corpus.remote_ = std::make_unique<RemoteTokens>(blobs, assign.job(), spec.corpus_files(),
                                                    model.vocabulary());
    RETURN_IF_ERROR(CheckSplits(corpus.tokens(), model.sequence()));
  } else {
    RETURN_IF_ERROR(corpus.description_.CheckFits(model.sequence(), model.vocabulary()));
  }
  return std::optional<JobCorpus>(std::move(corpus));
}

absl::Status JobCorpus::CheckWeights(const std::vector<std::string>& symbols,
                                     const TokenizerId& tokenizer) const {
  RETURN_IF_ERROR(CheckSameSymbols(description_.symbols(), symbols));
  return CheckSameTokenizer(description_.tokenizer(), "the corpus", tokenizer, "the model");
}

}  // namespace edgetp
