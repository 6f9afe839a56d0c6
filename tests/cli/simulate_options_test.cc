#include "cli/shared/simulate_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cli/shared/command.h"
#include "cli/shared/output.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

SimulateFlags Flags() {
  SimulateFlags flags;
  flags.run.config_path = std::string(EDGETP_SOURCE_DIR) + "/configs";
  flags.devices = {"raspberry-pi-5"};
  return flags;
}

std::vector<SimulateCell> Resolved(const SimulateFlags& flags) {
  Faults faults;
  const std::vector<SimulateCell> cells = ResolveSimulation(flags, &faults);
  EXPECT_TRUE(faults.status().ok()) << faults.status();
  return cells;
}

// What is refused, as bad input.
std::string Refused(const SimulateFlags& flags) {
  Faults faults;
  if (flags.bytes.empty()) {
    ResolveSimulation(flags, &faults);
  } else {
    ResolveAllReduces(flags, &faults);
  }
  EXPECT_EQ(ExitCodeOf(faults.status()), kExitBadInput);
  return std::string(faults.status().message());
}

TEST(SimulateOptionsTest, EveryCombinationIsACellAndPatternsChangeBeforeNetworks) {
  SimulateFlags flags = Flags();
  flags.patterns = {"tttt", "sppp"};
  flags.workers = {2, 4};
  flags.networks = {"none", "lte"};
  const std::vector<SimulateCell> cells = Resolved(flags);
  ASSERT_EQ(cells.size(), 8u);
  EXPECT_EQ(cells[1].pattern, "sppp");
  EXPECT_EQ(cells[1].run.forecast.plan.world_size, 2);
  EXPECT_EQ(cells[2].run.forecast.plan.world_size, 4);
  EXPECT_EQ(cells[4].run.forecast.network.name(), "lte");
}

TEST(SimulateOptionsTest, OverlapsAreRowsOfTheirOwnAndNamedBehindThePattern) {
  SimulateFlags flags = Flags();
  flags.patterns = {"tttt", "sppp"};
  flags.overlaps = {"none", "dw", "rows(2)"};
  const std::vector<SimulateCell> cells = Resolved(flags);
  ASSERT_EQ(cells.size(), 6u);
  EXPECT_EQ(cells[0].pattern, "tttt");
  EXPECT_EQ(cells[1].pattern, "tttt DW");
  EXPECT_EQ(cells[5].pattern, "sppp ROWS(2)");
  EXPECT_EQ(cells[5].run.forecast.plan.overlap.rows, 2);
}

TEST(SimulateOptionsTest, AnOverlapThatTheBatchOrTheDeviceForbidsIsBadInput) {
  SimulateFlags flags = Flags();
  flags.overlaps = {"rows(13)"};
  EXPECT_THAT(Refused(flags), HasSubstr("command line: parallel.overlap: ROWS(m): m must be at "
                                        "most the batch of 12 sequences"));
  flags.overlaps = {"half"};
  EXPECT_THAT(Refused(flags), HasSubstr("command line: parallel.overlap: \"half\" is not NONE, "));
  flags.overlaps = {"dw"};
  flags.run.set = {"device.cores=1"};
  EXPECT_EQ(Refused(flags),
            "command line: parallel.overlap: a device of one core cannot overlap: the "
            "communication thread needs one (device raspberry-pi-5)");
}

TEST(SimulateOptionsTest, ATimelineIsANetworkForEachOfItsStatesButPartitions) {
  SimulateFlags flags = Flags();
  flags.patterns = {"tttt", "sppp"};
  const std::string path = testing::TempDir() + "ride.textproto";
  std::ofstream(path) << R"(
    name: "ride"
    link { delay_us: 3000 }
    events { at_seconds: 5 change { link { delay_us: 70000 } } }
    events { at_seconds: 10 partition { groups { ranks: 0 } groups { ranks: 1 } } }
    events { at_seconds: 15 restore {} }
  )";
  flags.networks = {path};
  const std::vector<SimulateCell> cells = Resolved(flags);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_EQ(cells[1].pattern, "sppp");
  EXPECT_EQ(cells[1].run.forecast.network.name(), "ride");
  EXPECT_EQ(cells[2].run.forecast.network.name(), "ride@5s:links");
  EXPECT_EQ(cells[2].run.forecast.network.overrides(0).link().delay_us(), 70000);
  flags.bytes = {"4"};
  Faults faults;
  EXPECT_EQ(ResolveAllReduces(flags, &faults).size(), 2u);
}

TEST(SimulateOptionsTest, WithoutListsItIsOneCellOfTheDefaults) {
  const std::vector<SimulateCell> cells = Resolved(Flags());
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0].pattern, "t*4");
  EXPECT_EQ(cells[0].run.model, "minigpt");
  EXPECT_EQ(cells[0].run.forecast.network.name(), "none");
  EXPECT_EQ(cells[0].run.forecast.algorithm, "auto");
}

TEST(SimulateOptionsTest, AMixtureNamesTheDeviceOfEachRank) {
  SimulateFlags flags = Flags();
  flags.workers = {3};
  flags.devices = {"raspberry-pi-5*2+raspberry-pi-4"};
  flags.run.set = {"split=1,1,2", "device.message_overhead_us=7"};
  const ForecastCase forecast = Resolved(flags)[0].run.forecast;
  ASSERT_EQ(forecast.devices.size(), 3u);
  EXPECT_EQ(forecast.devices[1].name(), "raspberry-pi-5");
  EXPECT_EQ(forecast.devices[2].name(), "raspberry-pi-4");
  EXPECT_EQ(forecast.devices[2].message_overhead_us(), 7);  // --set is for all of them
  EXPECT_THAT(forecast.plan.split, ElementsAre(1, 1, 2));
}

TEST(SimulateOptionsTest, AMixtureHasAsManyDevicesAsThereAreWorkers) {
  SimulateFlags flags = Flags();
  flags.devices = {"raspberry-pi-5*2+raspberry-pi-4"};
  EXPECT_THAT(Refused(flags), HasSubstr("has 3 devices for workers=2"));
  flags.devices = {"raspberry-pi-5*x"};
  EXPECT_THAT(Refused(flags), HasSubstr("how many ranks"));
}

TEST(SimulateOptionsTest, ADeviceMustBeNamed) {
  SimulateFlags flags = Flags();
  flags.devices.clear();
  EXPECT_THAT(Refused(flags), HasSubstr("--device: must be given"));
  EXPECT_THAT(Refused(flags), HasSubstr("raspberry-pi-zero-2w"));
}

TEST(SimulateOptionsTest, ADeviceWithoutFlopsIsRefused) {
  SimulateFlags flags = Flags();
  flags.run.set = {"device.flops_per_second=none"};
  EXPECT_THAT(Refused(flags), HasSubstr("device.flops_per_second: must be set"));
  flags.run.set = {"device.flops_per_second=0"};
  EXPECT_THAT(Refused(flags),
              HasSubstr("device.flops_per_second: must be a finite number above 0"));
}

TEST(SimulateOptionsTest, RatesAreAboveZero) {
  for (const char* rate : {"0", "-1", "-3e6"}) {
    SimulateFlags flags = Flags();
    flags.run.set = {std::string("network.link.rate_bits_per_second=") + rate};
    EXPECT_THAT(Refused(flags), HasSubstr("network.link.rate_bits_per_second: must be")) << rate;
  }
  SimulateFlags flags = Flags();
  flags.run.link.rate = "0";
  EXPECT_THAT(Refused(flags), HasSubstr("--rate"));
}

TEST(SimulateOptionsTest, EveryWorkerNeedsAHead) {
  SimulateFlags flags = Flags();
  flags.workers = {2, 8};
  EXPECT_THAT(Refused(flags), HasSubstr("heads=4 cannot be split over workers=8"));
}

TEST(SimulateOptionsTest, AFaultOfManyCellsIsToldOnce) {
  SimulateFlags flags = Flags();
  flags.patterns = {"tttt", "ssss"};
  flags.networks = {"ltee"};
  flags.algorithms = {"rng"};
  const std::string refused = Refused(flags);
  EXPECT_THAT(refused, HasSubstr("did you mean \"lte\"?"));
  EXPECT_THAT(refused, HasSubstr("did you mean \"ring\"?"));
  EXPECT_EQ(refused.find("ltee"), refused.rfind("ltee"));
}

TEST(SimulateOptionsTest, AllStandsForEveryAlgorithmOnce) {
  SimulateFlags flags = Flags();
  flags.algorithms = {"ring", "all"};
  Faults faults;
  EXPECT_THAT(
      ResolveAlgorithms(flags, &faults),
      ElementsAre("ring", "direct", "two_phase", "halving_doubling", "star", "ring_sliced"));
}

TEST(SimulateOptionsTest, AllMeansThoseThatTakeTheWireFormats) {
  SimulateFlags flags = Flags();
  flags.algorithms = {"all"};
  flags.run.wire_backward = "int4+hadamard";
  Faults faults;
  EXPECT_THAT(ResolveAlgorithms(flags, &faults), ElementsAre("direct", "two_phase", "star"));
  EXPECT_TRUE(faults.status().ok());
}

TEST(SimulateOptionsTest, ASliceIsThatOfRunsAndOfSingleAllReduces) {
  SimulateFlags flags = Flags();
  flags.run.slice = "256KiB";
  Faults faults;
  EXPECT_EQ(ResolveSimulation(flags, &faults)[0].run.forecast.slice_bytes, 256 << 10);
  flags.bytes = {"4KiB"};
  EXPECT_EQ(ResolveAllReduces(flags, &faults)[0].slice_bytes, 256 << 10);
  EXPECT_TRUE(faults.status().ok());
  flags.run.slice = "1000";
  EXPECT_THAT(Refused(flags), HasSubstr("--slice: must be in [1 KiB, 1 GiB] (got 1000)"));
}

TEST(SimulateOptionsTest, SizesGiveAnAllReduceForEachNetworkAndWorldSize) {
  SimulateFlags flags = Flags();
  flags.bytes = {"4KiB", "1MiB"};
  flags.run.wire = "int8:g32";
  flags.workers = {2, 8};
  flags.networks = {"lte"};
  Faults faults;
  const std::vector<AllReduceProblem> problems = ResolveAllReduces(flags, &faults);
  ASSERT_TRUE(faults.status().ok()) << faults.status();
  ASSERT_EQ(problems.size(), 4u);
  EXPECT_EQ(problems[1].elements, 1 << 18);
  EXPECT_EQ(problems[2].world_size, 8);
  EXPECT_EQ(problems[0].wire_bytes(), 1024 / 32 * 34);
  EXPECT_EQ(problems[0].device.message_overhead, absl::Microseconds(500));
}

TEST(SimulateOptionsTest, SizesAreWholeElements) {
  SimulateFlags flags = Flags();
  flags.bytes = {"6"};
  EXPECT_THAT(Refused(flags), HasSubstr("--bytes: must be a positive multiple of 4"));
}

TEST(SimulateOptionsTest, TheSameSeedGivesTheSameBytesOfJson) {
  SimulateFlags flags = Flags();
  flags.networks = {"wifi-5"};
  flags.run.seed = 7;
  const auto json = [&flags] { return ToJson(*Simulate(Resolved(flags)[0].run)); };
  const std::string first = json();
  EXPECT_EQ(json(), first);
  flags.run.seed = 8;
  EXPECT_THAT(json(), Not(first));
}

TEST(SimulateOptionsTest, EveryShippedDeviceAndNetworkCanBeSimulated) {
  SimulateFlags flags = Flags();
  const ConfigLibrary library = ConfigLibrary::Default(flags.run.config_path);
  flags.devices = library.Names(ConfigKind::kDevice);
  flags.networks = library.Names(ConfigKind::kNetwork);
  flags.patterns = {"sppp"};
  flags.steps = 1;
  flags.draws = 2;
  for (const SimulateCell& cell : Resolved(flags)) {
    const auto report = Simulate(cell.run);
    EXPECT_TRUE(report.ok()) << cell.run.device << ": " << report.status();
  }
}

TEST(SimulateOptionsTest, StrategiesAreRowsOfTheSamePlace) {
  SimulateFlags flags = Flags();
  flags.workers = {4};
  flags.strategy.strategies = {"one,tensor,data=2,tensor=2,pipeline"};
  flags.run.micro_batches = 8;
  const std::vector<SimulateCell> cells = Resolved(flags);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_EQ(cells[2].pattern, "data=2,tensor=2");
  EXPECT_EQ(cells[2].run.strategy->strategy, "data=2,tensor=2");
  EXPECT_EQ(cells[2].run.forecast.plan.micro_batches, 8);
}

TEST(SimulateOptionsTest, PatternsAreRowsOfStrategiesThatShareTensors) {
  SimulateFlags flags = Flags();
  flags.patterns = {"tttt", "sppp"};
  flags.strategy.strategies = {"tensor,data"};
  std::vector<std::string> names;
  for (const SimulateCell& cell : Resolved(flags)) names.push_back(cell.pattern);
  EXPECT_THAT(names, ElementsAre("tensor tttt", "data", "tensor sppp"));
}

// MiniGPT has four heads.
TEST(SimulateOptionsTest, WorkersNeedNotDivideWhatTheyDoNotShare) {
  SimulateFlags flags = Flags();
  flags.workers = {6};
  flags.strategy.strategies = {"data"};
  EXPECT_EQ(Resolved(flags).size(), 1u);
  flags.strategy.strategies = {"tensor"};
  EXPECT_THAT(Refused(flags), HasSubstr("heads=4"));
}

TEST(SimulateOptionsTest, FaultsOfStrategiesAreTold) {
  SimulateFlags flags = Flags();
  flags.strategy.schedule = "gpipe";
  EXPECT_THAT(Refused(flags), HasSubstr("--schedule: belongs to --strategy, which is absent"));
  flags.strategy.strategies = {"data=3,tensor=2"};
  EXPECT_THAT(Refused(flags), HasSubstr("3 * 2 = 6 ranks, but workers=2"));
  flags.strategy = {.strategies = {"pipeline"}, .schedule = "2f2b"};
  EXPECT_THAT(Refused(flags), HasSubstr("--schedule: pipeline schedule: unknown name"));
  flags.strategy = {.strategies = {"data"}, .bucket = "many"};
  EXPECT_THAT(Refused(flags), HasSubstr("--bucket"));
}

TEST(SimulateOptionsTest, EnergyThatIsAskedForMustBeKnown) {
  SimulateFlags flags = Flags();
  flags.energy = true;
  EXPECT_EQ(Resolved(flags).size(), 1u);
  flags.run.set = {"device.watts=none"};
  EXPECT_THAT(Refused(flags),
              HasSubstr("--energy: device raspberry-pi-5 says no watts: add watts"));
}

TEST(SimulateOptionsTest, BoardsAreDrawnAsOftenAsAskedOrByDefault) {
  SimulateFlags flags = Flags();
  EXPECT_EQ(Resolved(flags)[0].run.draws.count, kDefaultDraws);
  EXPECT_TRUE(Resolved(flags)[0].run.draws.by_default);
  flags.draws = 3;
  EXPECT_EQ(Resolved(flags)[0].run.draws.count, 3);
  EXPECT_FALSE(Resolved(flags)[0].run.draws.by_default);
}

}  // namespace
}  // namespace edgetp
