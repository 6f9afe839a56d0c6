#include "cli/shared/energy_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "cli/shared/output.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/simulate_tables.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

v1::Energy Known(double joules) {
  v1::Energy energy;
  energy.set_joules_per_step(joules);
  energy.set_joules_per_token(joules / 768);
  energy.set_mean_watts(25.4);
  energy.set_run_steps(2000);
  energy.set_watt_hours_per_run(joules * 2000 / 3600);
  energy.add_joules_per_step_per_rank(joules);
  energy.add_notes("raspberry-pi-5: from watts alone: as if always busy");
  return energy;
}

v1::Variation Drawn() {
  v1::Variation variation;
  variation.set_variability(0.24);
  variation.set_draws(20);
  variation.set_step_seconds_p50(8.86);
  variation.set_step_seconds_p99(9.12);
  return variation;
}

TEST(EnergyTextTest, HasEveryUnitAndWhatWasAssumed) {
  EXPECT_EQ(EnergyText(Known(318)),
            "318 J per step, 0.414 J per token, 177 Wh for 2000 steps "
            "(raspberry-pi-5: from watts alone: as if always busy)");
}

TEST(EnergyTextTest, DrawsAndHeatAreSentences) {
  EXPECT_EQ(VariationText(Drawn()),
            "8.86 s p50, 9.12 s p99 over 20 draws of boards that differ by 24 %");
  v1::Variation none;
  none.set_note("not drawn: too many");
  EXPECT_EQ(VariationText(none), "not drawn: too many");
  v1::Heat heat;
  heat.set_highest_kelvin(48.31);
  EXPECT_EQ(HeatText(heat), "at most 48.3 K above the surroundings; no step throttled");
  heat.set_throttled_share(0.41);
  heat.set_throttled_after_seconds(312);
  EXPECT_EQ(HeatText(heat),
            "at most 48.3 K above the surroundings; 41 % of the steps throttled, from 5m12s on");
}

TEST(EnergyTableTest, HasColumnsOnlyForWhatARowKnows) {
  const std::vector<Column> names = {{"pattern", Align::kLeft}};
  EXPECT_THAT(EnergyTable(names, {{{"tttt"}, nullptr, nullptr}}, "simulated"), IsEmpty());
  const v1::Energy energy = Known(318);
  const v1::Variation variation = Drawn();
  const std::string energies = EnergyTable(names, {{{"tttt"}, &energy, nullptr}}, "simulated");
  EXPECT_THAT(energies, HasSubstr("J per"));
  EXPECT_THAT(energies, HasSubstr("note: raspberry-pi-5: from watts alone"));
  EXPECT_THAT(energies, Not(HasSubstr("boards")));
  const std::string both = EnergyTable(
      names, {{{"tttt"}, &energy, &variation}, {{"sppp"}, nullptr, nullptr}}, "simulated");
  EXPECT_THAT(both, HasSubstr("9.12 s"));
  EXPECT_THAT(both, HasSubstr("sppp"));
}

TEST(EnergyTableTest, SimulationsShowItWhereItIsKnown) {
  v1::SimulateSweepReport sweep;
  v1::SimulateReport* const row = sweep.add_rows();
  row->set_network("wifi-5-ordinary");
  row->set_device("raspberry-pi-zero-2w*8+raspberry-pi-4*8");
  row->add_memory_bytes_per_rank();
  *sweep.add_rows() = *row;
  sweep.mutable_rows(1)->set_workers(16);
  EXPECT_THAT(SimulateSweepTable(sweep, {"tttt", "tttt"}), Not(HasSubstr("J per")));
  *row->mutable_energy() = Known(123456);
  *row->mutable_variation() = Drawn();
  const std::string table = SimulateSweepTable(sweep, {"(tttt)*6", "(tttt)*6"});
  EXPECT_THAT(table, HasSubstr("J per"));
  for (const absl::string_view line : absl::StrSplit(table, '\n'))
    EXPECT_LE(line.size(), 100u) << line;
  const std::string one = SimulateTable(sweep.rows(0), "tttt");
  EXPECT_THAT(one, HasSubstr("boards that differ"));
  EXPECT_THAT(one, HasSubstr("J per step"));
}

TEST(EnergyTableTest, RunsShowItWhereItIsKnown) {
  v1::SweepReport sweep;
  v1::RunSummary* const run = sweep.add_rows();
  EXPECT_THAT(TrainTable(*run), Not(HasSubstr("energy")));
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), Not(HasSubstr("J per")));
  *run->mutable_energy() = Known(318);
  EXPECT_THAT(TrainTable(*run), HasSubstr("318 J per step"));
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), HasSubstr("(measured times)"));
}

TEST(EnergyJsonTest, HasTheKeysThatOthersBuildOnAndNoneWhereNothingIsKnown) {
  v1::SimulateReport report;
  nlohmann::json json = nlohmann::json::parse(ToJson(report));
  for (const char* key : {"energy", "variation", "heat"}) EXPECT_FALSE(json.contains(key)) << key;
  *report.mutable_energy() = Known(318);
  *report.mutable_variation() = Drawn();
  report.mutable_heat();
  json = nlohmann::json::parse(ToJson(report));
  for (const char* key : {"joules_per_step", "joules_per_token", "joules_per_step_per_rank",
                          "mean_watts", "watt_hours_per_run", "run_steps", "notes"})
    EXPECT_TRUE(json["energy"].contains(key)) << key;
  for (const char* key : {"variability", "draws", "step_seconds_p50", "step_seconds_p99"})
    EXPECT_TRUE(json["variation"].contains(key)) << key;
  for (const char* key : {"highest_kelvin", "throttled_share"})
    EXPECT_TRUE(json["heat"].contains(key)) << key;
}

}  // namespace
}  // namespace edgetp
