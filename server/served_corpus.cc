#include "server/served_corpus.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/corpus_manifest.h"

namespace edgetp {
namespace {

// Whoever submits can then send the tokens instead.
absl::Status NotHere(const v1::CorpusFiles& files, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("this server cannot read the corpus at ", files.folder(), ": ", why));
}

absl::Status CheckSame(const v1::CorpusFiles& files, const StoredTokens& train,
                       const StoredTokens& validation) {
  const auto has = [](const StoredTokens& stored, uint64_t tokens) {
    return stored.tokens().size() == tokens;
  };
  ASSIGN_OR_RETURN(const std::string digest, DigestOfTokens(train, validation));
  if (has(train, files.train_tokens()) && has(validation, files.validation_tokens()) &&
      digest == files.digest()) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      "it has other files there (", train.tokens().size(), " + ", validation.tokens().size(),
      " tokens, wanted ", files.train_tokens(), " + ", files.validation_tokens(), ")"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServedCorpus>> ServedCorpus::Open(
    const v1::CorpusFiles& files) {
  std::shared_ptr<ServedCorpus> corpus(new ServedCorpus());
  const std::pair<const char*, std::shared_ptr<const StoredTokens>*> splits[] = {
      {kTrainFile, &corpus->train_}, {kValidationFile, &corpus->validation_}};
  for (const auto& [name, stored] : splits) {
    auto opened = StoredTokens::Open(absl::StrCat(files.folder(), "/", name));
    if (!opened.ok()) return NotHere(files, std::string(opened.status().message()));
    *stored = *std::move(opened);
  }
  const absl::Status same = CheckSame(files, *corpus->train_, *corpus->validation_);
  if (!same.ok()) return NotHere(files, std::string(same.message()));
  return corpus;
}

absl::Status ServedCorpus::Read(bool validation, uint64_t first, absl::Span<uint16_t> out) const {
  const StoredTokens& stored = validation ? *validation_ : *train_;
  // What no file can have is beyond the end of this one, too.
  return stored.Read(static_cast<int64_t>(std::min<uint64_t>(first, INT64_MAX)), out);
}

absl::Status ServedCorpus::CheckUnchanged() const {
  RETURN_IF_ERROR(train_->CheckUnchanged());
  return validation_->CheckUnchanged();
}

}  // namespace edgetp
