// The rules of parallel.strategy: what replicas of the whole model do not have.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/config/convert.h"
#include "common/config/violations.h"
#include "common/plan/pattern.h"

namespace edgetp {
namespace {

// A message of one bucket is no smaller than a segment may be; far more than a model is one bucket.
constexpr double kMinBucketBytes = 1024;
constexpr double kMaxBucketBytes = 0x1p40;
// Ranks meet that seldom at most: what the server keeps of those that are ahead is bounded.
constexpr int kMaxInnerSteps = 10'000;

// Fields that mean something to one strategy alone.
void CheckFields(const v1::ParallelConfig& parallel, Replicas exchange, Violations* violations) {
  const struct {
    const char* name;
    bool present;
    Replicas of;
  } fields[] = {
      {"bucket_bytes", parallel.has_bucket_bytes(), Replicas::kGradients},
      {"inner_steps", parallel.has_inner_steps(), Replicas::kWeights},
      {"outer_learning_rate", parallel.has_outer_learning_rate(), Replicas::kWeights},
      {"outer_momentum", parallel.has_outer_momentum(), Replicas::kWeights},
  };
  for (const auto& field : fields) {
    if (!field.present || field.of == exchange) continue;
    violations->AddGot(absl::StrCat("parallel.", field.name),
                       absl::StrCat("is of strategy ", NameOf(field.of), " alone"),
                       absl::StrCat("strategy ", NameOf(exchange)));
  }
}

void CheckNumbers(const v1::ParallelConfig& parallel, Violations* violations) {
  if (parallel.has_bucket_bytes()) {
    violations->InRange("parallel.bucket_bytes", static_cast<double>(parallel.bucket_bytes()),
                        kMinBucketBytes, kMaxBucketBytes);
  }
  if (parallel.has_inner_steps())
    violations->InRange("parallel.inner_steps", parallel.inner_steps(), 1, kMaxInnerSteps);
  if (parallel.has_outer_learning_rate())
    violations->Positive("parallel.outer_learning_rate", parallel.outer_learning_rate());
  if (parallel.has_outer_momentum())
    violations->Below("parallel.outer_momentum", parallel.outer_momentum(), 0, 1);
}

// A replica by itself has no sums to drop, to hide or to compress, and nothing to share.
void CheckReplica(const v1::RunConfig& config, const std::string& strategy,
                  Violations* violations) {
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(config.pattern(), 0);
  const auto of_t = [](const PatternBlock& block) {
    return block.kind == BlockKind::kTensorParallel;
  };
  if (pattern.ok() && !std::all_of(pattern->blocks().begin(), pattern->blocks().end(), of_t)) {
    violations->AddGot("pattern",
                       absl::StrCat("must be t alone with strategy ", strategy,
                                    ": a replica has no sum over ranks to drop"),
                       absl::StrCat("\"", config.pattern(), "\""));
  }
  if (!config.split().empty()) {
    violations->Add("split", absl::StrCat("must be absent with strategy ", strategy,
                                          ": every rank has the whole model"));
  }
  if (config.parallel().vocabulary()) {
    violations->Add("parallel.vocabulary", absl::StrCat("must be false with strategy ", strategy,
                                                        ": every rank has the whole model"));
  }
  const absl::StatusOr<Overlap> overlap = ToOverlap(config);
  if (overlap.ok() && overlap->kind != OverlapKind::kNone) {
    violations->AddGot("parallel.overlap",
                       absl::StrCat("must be NONE with strategy ", strategy,
                                    ": there are no sums of activations to hide"),
                       ToString(*overlap));
  }
  const v1::CollectiveConfig& wire = config.collective();
  for (const auto& [field, format] : {std::pair("wire_forward", &wire.wire_forward()),
                                      std::pair("wire_backward", &wire.wire_backward())}) {
    if (*format == "fp32") continue;
    violations->AddGot(absl::StrCat("collective.", field),
                       absl::StrCat("must be fp32 with strategy ", strategy,
                                    ", which exchanges no activations: wire_grad_sync is the "
                                    "format of what it exchanges"),
                       *format);
  }
}

}  // namespace

void CheckStrategy(const v1::RunConfig& config, Violations* violations) {
  const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config);
  violations->Demand("parallel.strategy", replicas.status());
  if (!replicas.ok()) return;
  CheckFields(config.parallel(), replicas->exchange, violations);
  CheckNumbers(config.parallel(), violations);
  if (replicas->replicated()) CheckReplica(config, NameOf(replicas->exchange), violations);
}

}  // namespace edgetp
