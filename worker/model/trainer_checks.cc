#include "worker/model/trainer_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "worker/model/device.h"

namespace edgetp {
namespace {

absl::Status Refused(const std::string& message) {
  return absl::InvalidArgumentError("trainer: " + message);
}

absl::Status CheckReplica(const TrainerOptions& options) {
  const std::vector<PatternBlock>& blocks = options.pattern.blocks();
  const bool plain = std::all_of(blocks.begin(), blocks.end(), [](const PatternBlock& block) {
    return block.kind == BlockKind::kTensorParallel;
  });
  if (plain && options.split.empty() && !options.vocabulary_parallel &&
      options.overlap.kind == OverlapKind::kNone)
    return absl::OkStatus();
  return Refused("a replica has blocks of t alone, no split, no overlap and all of the vocabulary");
}

absl::Status CheckTokens(const ModelShape& shape, absl::Span<const int64_t> tokens,
                         const char* what) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= shape.vocabulary) {
      return Refused(absl::StrCat(what, " ", i, " is token ", tokens[i],
                                  ": outside the vocabulary of ", shape.vocabulary));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const TrainerOptions& options) {
  const ModelShape& shape = options.shape;
  const std::pair<const char*, int> sizes[] = {{"layers", shape.layers},
                                               {"heads", shape.heads},
                                               {"channels", shape.channels},
                                               {"sequence", shape.sequence},
                                               {"vocabulary", shape.vocabulary}};
  for (const auto& [name, value] : sizes) {
    if (value < 1) return Refused(absl::StrCat(name, "=", value, ": must be at least 1"));
  }
  if (shape.channels % shape.heads != 0) {
    return Refused(
        absl::StrCat("channels=", shape.channels, " must be a multiple of heads=", shape.heads));
  }
  if (options.pattern.layers() != shape.layers) {
    return Refused(absl::StrCat("the pattern has ", options.pattern.layers(),
                                " blocks, but layers=", shape.layers));
  }
  RETURN_IF_ERROR(Annotate(options.pattern.CheckChannels(shape.channels), "trainer"));
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    return Refused(absl::StrCat("dropout=", options.dropout, ": must be in [0, 1)"));
  }
  if (options.precision != Precision::kFp32) {
    const std::string fault = PrecisionFault(options.precision, ProductUnitsOf(options.device));
    if (!fault.empty()) return Refused(fault);
  }
  if (options.recompute && options.overlap.kind == OverlapKind::kRows)
    return Refused("groups of rows (overlap ROWS) share what recomputation would let go");
  return options.replicas.replicated() ? CheckReplica(options) : absl::OkStatus();
}

absl::Status CheckBatch(const ModelShape& shape, const TokenBatch& batch) {
  if (batch.batch < 1 || batch.sequence < 1 || batch.sequence > shape.sequence) {
    return Refused(absl::StrCat("batch of ", batch.batch, " x ", batch.sequence,
                                " tokens: need at least 1, and a sequence of ", "at most ",
                                shape.sequence));
  }
  const size_t count = size_t(batch.batch) * size_t(batch.sequence);
  if (batch.inputs.size() != count || batch.targets.size() != count) {
    return Refused(absl::StrCat("batch of ", batch.batch, " x ", batch.sequence, " tokens has ",
                                batch.inputs.size(), " inputs and ", batch.targets.size(),
                                " targets"));
  }
  RETURN_IF_ERROR(CheckTokens(shape, batch.inputs, "input"));
  return CheckTokens(shape, batch.targets, "target");
}

}  // namespace edgetp
