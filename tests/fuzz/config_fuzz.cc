// A run's config as people write it: text -> message -> defaults -> rules -> what the programs make
// of it.
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/network/network_profile.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// Text that names one message is tried as the others, too: presets are files that people mix up.
void TryAsPreset(const std::string& text) {
  v1::ModelConfig model;
  if (ParseTextproto(text, "fuzz", &model).ok()) {
    FillDefaults(&model);
    if (const absl::Status status = ValidateModel(model, "fuzz"); !status.ok())
      ExpectGoodError(status);
  }
  v1::DeviceProfile device;
  if (ParseTextproto(text, "fuzz", &device).ok()) {
    if (const absl::Status status = ValidateDevice(device, "fuzz"); !status.ok())
      ExpectGoodError(status);
  }
  v1::Published published;
  if (ParseTextproto(text, "fuzz", &published).ok()) {
    if (const absl::Status status = ValidatePublished(published, "fuzz"); !status.ok())
      ExpectGoodError(status);
  }
}

// A config that the rules let pass means something to everybody who reads it.
void ExpectUsable(const v1::RunConfig& config) {
  FUZZ_EXPECT(ToPlanOptions(config).ok());
  FUZZ_EXPECT(ToReplicaOptions(config).ok());
  FUZZ_EXPECT(ResolveNetwork(config.network(), config.workers()).ok());
  v1::RunConfig again;
  FUZZ_EXPECT(ParseTextproto(ToTextproto(config), "again", &again).ok());
  FUZZ_EXPECT(again.SerializeAsString() == config.SerializeAsString());
  FUZZ_EXPECT(again.ParseFromString(config.SerializeAsString()));
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const std::string text = FuzzInput(data, size).Text();
  TryAsPreset(text);
  v1::RunConfig config;
  if (const absl::Status status = ParseTextproto(text, "fuzz", &config); !status.ok()) {
    ExpectGoodError(status);
    return 0;
  }
  FillDefaults(&config);
  const absl::Status status = ValidateRun(config, "fuzz");
  if (status.ok()) {
    ExpectUsable(config);
  } else {
    ExpectGoodError(status);
  }
  return 0;
}
