// A network profile with its timeline, as people write it: text -> rules -> states -> the link
// model, whose times must always make sense.
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/network/link_model.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

constexpr int kWorldSize = 4;

// Messages that nothing precedes and that follow one another, small and large.
void ExpectOrder(LinkModel* model, absl::Time handover) {
  absl::Time last = absl::InfinitePast();
  for (uint64_t message = 0; message < 4; ++message) {
    const int64_t bytes = message % 2 == 0 ? 4 : 4 << 20;
    const Impairment impairment = model->Draw(0, 1, message, bytes);
    FUZZ_EXPECT(impairment.jitter >= -model->network().Link(0, 1).PathDelay());
    FUZZ_EXPECT(impairment.retransmission >= absl::ZeroDuration());
    const Departure departure = model->Depart(handover, 0, 1, bytes, impairment);
    const absl::Time arrival = model->Arrive(0, 1, departure);
    FUZZ_EXPECT(departure.egress_start >= handover);
    FUZZ_EXPECT(arrival >= handover);
    FUZZ_EXPECT(arrival >= last);
    last = arrival;
  }
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  v1::NetworkProfile profile;
  if (!ParseTextproto(FuzzInput(data, size).Text(), "fuzz", &profile).ok()) return 0;
  FillDefaults(&profile);
  if (const absl::Status status = ValidateNetwork(profile, kWorldSize, "fuzz"); !status.ok()) {
    ExpectGoodError(status);
    return 0;
  }
  const std::vector<NetworkState> states = UnrollNetwork(profile);
  FUZZ_EXPECT(states.size() == static_cast<size_t>(profile.events_size()) + 1);
  const auto first = ResolveNetwork(states[0].network, kWorldSize);
  FUZZ_EXPECT(first.ok());
  LinkModel model(kWorldSize, *first, 1);
  for (const NetworkState& state : states) {
    const auto network = ResolveNetwork(state.network, kWorldSize);
    FUZZ_EXPECT(network.ok());
    model.SetNetwork(*network);
    ExpectOrder(&model, absl::UnixEpoch() + state.at);
  }
  return 0;
}
