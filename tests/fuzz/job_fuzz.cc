// A job as any client may submit it: what the server takes is something that its workers can do.
#include <filesystem>

#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/network/network_profile.h"
#include "server/blob_store.h"
#include "server/job_check.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// Far above what any test or person asks for, far below what harms a worker.
constexpr int64_t kMaxBenchBytes = int64_t{4} << 30;

void ExpectUsable(const v1::JobSpec& job) {
  const v1::RunConfig& config = job.config();
  FUZZ_EXPECT(config.workers() >= 1);
  FUZZ_EXPECT(ResolveNetwork(config.network(), config.workers()).ok());
  FUZZ_EXPECT(config.collective().segment_bytes() > 0);
  FUZZ_EXPECT(config.collective().deadline_seconds() > 0);
  for (const int64_t bytes : job.bench().bytes())
    FUZZ_EXPECT(bytes >= 1 && bytes <= kMaxBenchBytes);
  for (const int32_t token : job.sample().prompt())
    FUZZ_EXPECT(token >= 0 && token < config.model().vocabulary());
  for (const v1::SamplePrompt& prompt : job.sample().prompts()) {
    FUZZ_EXPECT(!prompt.tokens().empty());
    for (const int32_t token : prompt.tokens())
      FUZZ_EXPECT(token >= 0 && token < config.model().vocabulary());
  }
  if (!job.has_bench()) FUZZ_EXPECT(ToPlanOptions(config).ok());
  v1::JobSpec again;
  FUZZ_EXPECT(again.ParseFromString(job.SerializeAsString()));
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  v1::JobSpec spec;
  if (!ParseTextproto(FuzzInput(data, size).Text(), "fuzz", &spec).ok()) return 0;
  // Blobs are another matter (tests/server/blob_store_test.cc); no folder, so none is known.
  if (spec.has_train() || spec.has_eval()) spec.set_corpus_blob("run:none");
  static BlobStore* const blobs = new BlobStore("/nonexistent", 0);
  const auto job = CheckJob(spec, UnlimitedNetwork(), blobs);
  if (!job.ok()) {
    ExpectGoodError(job.status());
    return 0;
  }
  ExpectUsable(*job);
  return 0;
}
