#include "common/network/link_model.h"

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace edgetp {
namespace {

constexpr double kMegabit = 1e6;

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Nanoseconds(1e6 * ms); }
absl::Duration Ms(double ms) { return absl::Nanoseconds(1e6 * ms); }

// 5 ms and 8 Mb/s: 1000 bytes take 1 ms on the wire.
NetworkOptions Uniform() {
  NetworkOptions network;
  network.link.delay = Ms(5);
  network.link.rate_bits_per_second = 8 * kMegabit;
  return network;
}

class LinkModelTest : public ::testing::Test {
 protected:
  LinkModel Make(const NetworkOptions& network, uint64_t seed = 1) {
    return LinkModel(4, network, seed);
  }

  // Hands over a segment without impairment and lets it arrive.
  static absl::Time Deliver(LinkModel* model, absl::Time at, int source, int destination,
                            int64_t bytes, const Impairment& impairment = {}) {
    return model->Arrive(source, destination,
                         model->Depart(at, source, destination, bytes, impairment));
  }
};

TEST_F(LinkModelTest, ALoneMessageTakesDelayPlusSerialization) {
  LinkModel model = Make(Uniform());
  const Departure departure = model.Depart(At(10), 0, 1, 1000, {});
  EXPECT_EQ(departure.handover, At(10));
  EXPECT_EQ(departure.egress_start, At(10));
  EXPECT_EQ(departure.first_bit, At(15));
  EXPECT_EQ(departure.last_bit, At(16));
  EXPECT_EQ(departure.jitter, Ms(0));
  EXPECT_EQ(departure.ingress, Ms(1));
  EXPECT_EQ(model.Arrive(0, 1, departure), At(16));
}

TEST_F(LinkModelTest, AnUnlimitedNetworkTakesNoTime) {
  LinkModel model = Make({});
  EXPECT_EQ(Deliver(&model, At(3), 0, 1, 1 << 20), At(3));
  EXPECT_TRUE(NetworkOptions{}.Unlimited());
  EXPECT_FALSE(Uniform().Unlimited());
}

TEST_F(LinkModelTest, MessagesOfALinkQueueBehindOneAnother) {
  LinkModel model = Make(Uniform());
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  const Departure second = model.Depart(At(0.5), 0, 1, 1000, {});
  EXPECT_EQ(second.egress_start, At(1));
  EXPECT_EQ(model.Arrive(0, 1, second), At(7));
}

TEST_F(LinkModelTest, AnIdleLinkDoesNotQueue) {
  LinkModel model = Make(Uniform());
  Deliver(&model, At(0), 0, 1, 1000);
  EXPECT_EQ(Deliver(&model, At(1), 0, 1, 1000), At(7));
}

TEST_F(LinkModelTest, ASenderSharesOneInterfaceAmongItsLinks) {
  LinkModel model = Make(Uniform());
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(7));
  EXPECT_EQ(Deliver(&model, At(0), 0, 3, 1000), At(8));
}

TEST_F(LinkModelTest, AReceiverSharesOneInterfaceAmongItsLinks) {
  LinkModel model = Make(Uniform());
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 2, 0, 1000), At(7));
  EXPECT_EQ(Deliver(&model, At(0), 3, 0, 1000), At(8));
}

TEST_F(LinkModelTest, WithoutInterfaceSharingLinksAreIndependent) {
  NetworkOptions network = Uniform();
  network.interface_sharing = false;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 3, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(7));
}

TEST_F(LinkModelTest, SendingAndReceivingDoNotDisturbOneAnother) {
  LinkModel model = Make(Uniform());
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(6));
}

TEST_F(LinkModelTest, AFastIngressTakesSlowLinksAtOnce) {
  NetworkOptions network = Uniform();
  network.link.ingress_rate_bits_per_second = 80 * kMegabit;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 2, 0, 1000), At(6));
}

TEST_F(LinkModelTest, ASlowIngressDecides) {
  NetworkOptions network = Uniform();
  network.link.ingress_rate_bits_per_second = 4 * kMegabit;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(7));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(9));
}

TEST_F(LinkModelTest, ASharedMediumIsOneHalfDuplexQueue) {
  NetworkOptions network = Uniform();
  network.shared_medium = true;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(7));
  EXPECT_EQ(Deliver(&model, At(0), 2, 3, 1000), At(8));
}

TEST_F(LinkModelTest, AirtimeOnAMediumUsesTheLinksRate) {
  NetworkOptions network = Uniform();
  network.shared_medium = true;
  network.overrides[{2, 3}] = network.link;
  network.overrides[{2, 3}].rate_bits_per_second = 4 * kMegabit;
  LinkModel model = Make(network);
  EXPECT_EQ(model.Airtime(0, 1, 1000), Ms(1));
  EXPECT_EQ(model.Airtime(2, 3, 1000), Ms(2));
  EXPECT_EQ(Deliver(&model, At(0), 2, 3, 1000), At(7));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(8));
}

TEST_F(LinkModelTest, AGrantedStartReplacesItsOwnArbiter) {
  NetworkOptions network = Uniform();
  network.shared_medium = true;
  LinkModel model = Make(network);
  EXPECT_EQ(model.Depart(At(0), 0, 1, 1000, {}, At(4)).egress_start, At(4));
  EXPECT_EQ(model.Depart(At(0), 2, 3, 5000, {}).egress_start, At(5));
}

// Rank 0's links: 8 Mb/s to 1 and 2, a hundredth of that to 3.
NetworkOptions OneSlowLink() {
  NetworkOptions network = Uniform();
  network.overrides[{0, 3}] = network.overrides[{3, 0}] = network.link;
  network.overrides[{0, 3}].rate_bits_per_second = 0.08 * kMegabit;
  network.overrides[{3, 0}].rate_bits_per_second = 0.08 * kMegabit;
  return network;
}

TEST_F(LinkModelTest, ASlowLinkFromAHubDoesNotSlowTheHubsFastLinks) {
  LinkModel model = Make(OneSlowLink());
  EXPECT_EQ(Deliver(&model, At(0), 0, 3, 1000), At(105));
  // The interface was busy for the time of its own rate.
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(7));
  // What waits for the slow link does not block the interface either.
  EXPECT_EQ(Deliver(&model, At(2), 0, 3, 1000), At(205));
  EXPECT_EQ(Deliver(&model, At(2), 0, 2, 1000), At(9));
}

TEST_F(LinkModelTest, ASlowLinkToAHubDoesNotSlowWhatOthersSendIt) {
  LinkModel model = Make(OneSlowLink());
  const Departure slow = model.Depart(At(0), 3, 0, 1000, {});
  const Departure fast = model.Depart(At(0), 1, 0, 1000, {});
  EXPECT_EQ(model.Arrive(3, 0, slow), At(105));
  EXPECT_EQ(model.Arrive(1, 0, fast), At(7));
}

TEST_F(LinkModelTest, AnInterfaceIsAsFastAsTheFastestOfItsLinks) {
  NetworkOptions network = Uniform();
  network.overrides[{0, 1}] = network.link;
  network.overrides[{0, 1}].rate_bits_per_second = 80 * kMegabit;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(5.1));
  // 0.1 ms of the interface each; the links' own millisecond runs side by side.
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(6.1));
  EXPECT_EQ(Deliver(&model, At(0), 0, 3, 1000), At(6.2));
  // Rank 2 has no fast link.
  EXPECT_EQ(Deliver(&model, At(100), 2, 0, 1000), At(106));
  EXPECT_EQ(Deliver(&model, At(100), 2, 3, 1000), At(107));
}

TEST_F(LinkModelTest, AnInterfacesOwnRateHoldsForEveryDeviceAndDirection) {
  NetworkOptions network = Uniform();
  network.interface_rate_bits_per_second = 16 * kMegabit;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(6.5));
  network.interface_rate_bits_per_second = 4 * kMegabit;
  LinkModel slow = Make(network);
  EXPECT_EQ(Deliver(&slow, At(0), 0, 1, 1000), At(7));
  EXPECT_EQ(Deliver(&slow, At(0), 2, 1, 1000), At(9));
  EXPECT_FALSE(NetworkOptions{.interface_rate_bits_per_second = 1}.Unlimited());
}

TEST_F(LinkModelTest, ALinkIsNoFasterThanItsOwnIngressRate) {
  NetworkOptions network = Uniform();
  network.overrides[{1, 0}] = network.link;
  network.overrides[{1, 0}].ingress_rate_bits_per_second = 0.8 * kMegabit;
  LinkModel model = Make(network);
  const Departure slow = model.Depart(At(0), 1, 0, 1000, {});
  const Departure fast = model.Depart(At(0), 2, 0, 1000, {});
  EXPECT_EQ(model.Arrive(1, 0, slow), At(15));
  EXPECT_EQ(model.Arrive(2, 0, fast), At(7));
}

TEST_F(LinkModelTest, OnAMediumASlowMembersAirtimeIsEverybodys) {
  NetworkOptions network = OneSlowLink();
  network.shared_medium = true;
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 3, 1000), At(105));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(106));
}

TEST_F(LinkModelTest, ATraceOfAllLinksIsTheInterfaces) {
  NetworkOptions network;
  // 1500 bytes in each of three milliseconds, then none for seven.
  network.link.trace = std::make_shared<MahimahiTrace>(std::vector<uint32_t>{1, 2, 3, 10});
  LinkModel model = Make(network);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1500), At(1));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1500), At(2));
  EXPECT_EQ(Deliver(&model, At(0), 3, 2, 1500), At(1));
}

TEST_F(LinkModelTest, JitterMovesAMessageAsAWhole) {
  LinkModel model = Make(Uniform());
  const Departure departure = model.Depart(At(0), 0, 1, 1000, {Ms(2), Ms(10)});
  EXPECT_EQ(departure.first_bit, At(17));
  EXPECT_EQ(departure.last_bit, At(18));
  EXPECT_EQ(departure.jitter, Ms(12));
}

TEST_F(LinkModelTest, MessagesStayInOrderUnderJitter) {
  LinkModel model = Make(Uniform());
  const Departure first = model.Depart(At(0), 0, 1, 1000, {Ms(30), Ms(0)});
  const Departure second = model.Depart(At(1), 0, 1, 1000, {Ms(-5), Ms(0)});
  EXPECT_EQ(first.last_bit, At(36));
  EXPECT_GE(second.first_bit, first.last_bit);
  EXPECT_EQ(second.jitter, second.first_bit - second.egress_start - Ms(5));
  const absl::Time first_arrival = model.Arrive(0, 1, first);
  EXPECT_LT(first_arrival, model.Arrive(0, 1, second));
}

TEST_F(LinkModelTest, ArrivalsOfALinkNeverGoBackForRandomTraffic) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(4);
  network.link.distribution = JitterDistribution::kPareto;
  network.link.loss = 0.01;
  LinkModel model = Make(network);
  absl::Time before = absl::InfinitePast();
  for (uint64_t i = 0; i < 1000; ++i) {
    const int64_t bytes = 1 + static_cast<int64_t>(RandomBits(5, i) % 3000);
    const absl::Time handover = At(0.7 * static_cast<double>(i));
    const Departure departure = model.Depart(handover, 0, 1, bytes, model.Draw(0, 1, i, bytes));
    const absl::Time arrival = model.Arrive(0, 1, departure);
    EXPECT_GE(arrival, before);
    EXPECT_GE(departure.egress_start, handover);
    EXPECT_GE(departure.first_bit, departure.egress_start);
    EXPECT_GE(departure.last_bit, departure.first_bit);
    EXPECT_GE(arrival, departure.last_bit);
    before = arrival;
  }
}

TEST_F(LinkModelTest, TheSameSeedMeetsTheSameJitterInAnyOrderOfLinks) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(1);
  LinkModel a = Make(network, 9);
  LinkModel b = Make(network, 9);
  const Impairment a01 = a.Draw(0, 1, 5, 1000);
  const Impairment a10 = a.Draw(1, 0, 5, 1000);
  EXPECT_EQ(b.Draw(1, 0, 5, 1000).jitter, a10.jitter);
  EXPECT_EQ(b.Draw(0, 1, 5, 1000).jitter, a01.jitter);
  EXPECT_NE(a01.jitter, a10.jitter);
}

TEST_F(LinkModelTest, AnotherSeedOrMessageMeetsAnotherJitter) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(1);
  const absl::Duration jitter = Make(network, 9).Draw(0, 1, 5, 1000).jitter;
  EXPECT_NE(Make(network, 10).Draw(0, 1, 5, 1000).jitter, jitter);
  EXPECT_NE(Make(network, 9).Draw(0, 1, 6, 1000).jitter, jitter);
}

TEST_F(LinkModelTest, APartitionedLinkNeverDeliversAndLeavesTheQueuesAlone) {
  NetworkOptions network = Uniform();
  network.partition_group = {0, 0, 1, 1};
  LinkModel model = Make(network);
  EXPECT_FALSE(network.Connected(0, 2));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), absl::InfiniteFuture());
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
  EXPECT_EQ(Deliver(&model, At(0), 3, 2, 1000), At(6));
}

TEST_F(LinkModelTest, ANewProfileKeepsWhatIsQueued) {
  LinkModel model = Make(Uniform());
  Deliver(&model, At(0), 0, 1, 10000);  // on the wire until 10 ms
  NetworkOptions faster = Uniform();
  faster.link.rate_bits_per_second = 80 * kMegabit;
  model.SetNetwork(faster);
  const Departure departure = model.Depart(At(1), 0, 1, 1000, {});
  EXPECT_EQ(departure.egress_start, At(10));
  EXPECT_EQ(departure.last_bit, At(15.1));
}

TEST_F(LinkModelTest, AShorterDelayDoesNotOvertakeWhatIsUnderWay) {
  LinkModel model = Make(Uniform());
  const absl::Time first = Deliver(&model, At(0), 0, 1, 1000);
  NetworkOptions nearer = Uniform();
  nearer.link.delay = Ms(0);
  model.SetNetwork(nearer);
  EXPECT_GE(Deliver(&model, At(1), 0, 1, 1000), first);
}

TEST_F(LinkModelTest, CorrelationMixesWithTheDrawBefore) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(1);
  network.link.distribution = JitterDistribution::kUniform;
  network.link.correlation = 0.25;
  NetworkOptions plain = network;
  plain.link.correlation = 0;
  LinkModel model = Make(network);
  LinkModel reference = Make(plain);
  const double first = absl::FDivDuration(reference.Draw(0, 1, 0, 1).jitter, Ms(1));
  const double second = absl::FDivDuration(reference.Draw(0, 1, 1, 1).jitter, Ms(1));
  EXPECT_NEAR(absl::FDivDuration(model.Draw(0, 1, 0, 1).jitter, Ms(1)), first, 1e-6);
  EXPECT_NEAR(absl::FDivDuration(model.Draw(0, 1, 1, 1).jitter, Ms(1)),
              0.75 * second + 0.25 * first, 1e-6);
}

TEST_F(LinkModelTest, FullCorrelationRepeatsTheFirstDraw) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(1);
  network.link.correlation = 1;
  LinkModel model = Make(network);
  const absl::Duration first = model.Draw(0, 1, 0, 1).jitter;
  EXPECT_EQ(model.Draw(0, 1, 1, 1).jitter, first);
}

TEST_F(LinkModelTest, ATraceTakesThePlaceOfTheRateAndBeginsWithTheFirstMessage) {
  NetworkOptions network;
  network.link.delay = Ms(5);
  // 1500 bytes in the first millisecond, as many in the nine after it.
  network.link.trace = std::make_shared<MahimahiTrace>(std::vector<uint32_t>{1, 10});
  LinkModel model = Make(network);
  const Departure first = model.Depart(At(100), 0, 1, 3000, {});
  EXPECT_EQ(first.egress_end, At(110));
  EXPECT_EQ(first.first_bit, At(105));
  EXPECT_EQ(model.Arrive(0, 1, first), At(115));
  EXPECT_EQ(Deliver(&model, At(100), 0, 1, 1500), At(116));
  EXPECT_EQ(Deliver(&model, At(200), 2, 3, 1500), At(206));
  model.SetNetwork(network);
  EXPECT_EQ(Deliver(&model, At(303), 0, 1, 1500), At(309));
}

TEST_F(LinkModelTest, TwoHopsEachHaveAJitterOfTheirOwn) {
  NetworkOptions network = Uniform();
  network.link.jitter = Ms(1);
  const NetworkOptions one = network;
  HopOptions second;
  second.delay = Ms(7);
  second.jitter = Ms(2);
  network.link.second_hop = std::make_shared<HopOptions>(second);
  LinkModel model = Make(network);
  LinkModel first_alone = Make(one);
  NetworkOptions silent = network;
  silent.link.jitter = Ms(0);
  LinkModel second_alone = Make(silent);
  for (uint64_t message = 0; message < 20; ++message) {
    const absl::Duration sum = model.Draw(0, 1, message, 100).jitter;
    const absl::Duration first = first_alone.Draw(0, 1, message, 100).jitter;
    const absl::Duration other = second_alone.Draw(0, 1, message, 100).jitter;
    EXPECT_EQ(sum, first + other);
    EXPECT_NE(other, 2 * first);
  }
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(13));
}

}  // namespace
}  // namespace edgetp
