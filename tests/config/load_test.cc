#include "common/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/suggest.h"
#include "common/config/override.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const absl::Status& status) {
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

ConfigLibrary Shipped() { return ConfigLibrary({std::string(EDGETP_SOURCE_DIR) + "/configs"}); }

TEST(TextprotoTest, FaultsHaveTheirLineAndColumn) {
  v1::ModelConfig model;
  const std::string error =
      ErrorOf(ParseTextproto("layers: 4\nlayer: 3\n", "my.textproto", &model));
  EXPECT_THAT(error, HasSubstr("my.textproto:2:"));
  EXPECT_THAT(error, HasSubstr("no field named \"layer\""));
  EXPECT_THAT(ErrorOf(ParseTextproto("layers: 4\nheads: x", "m", &model)), HasSubstr("m:2:8: "));
  EXPECT_THAT(ErrorOf(ParseTextproto("layers: 4 layers: 5", "m", &model)), HasSubstr("m:1:"));
  EXPECT_THAT(ErrorOf(ParseTextproto("gelu: GELU_RELU", "m", &model)), HasSubstr("GELU_RELU"));
}

TEST(TextprotoTest, ZeroIsNotAbsent) {
  v1::ModelConfig model;
  ASSERT_TRUE(ParseTextproto("dropout: 0 biases: false", "m", &model).ok());
  EXPECT_TRUE(model.has_dropout());
  EXPECT_TRUE(model.has_biases());
  EXPECT_FALSE(model.has_layers());
}

TEST(TextprotoTest, WhatIsWrittenReadsBack) {
  auto network = Shipped().Network("wifi-5");
  ASSERT_TRUE(network.ok()) << network.status();
  v1::NetworkProfile back;
  ASSERT_TRUE(ParseTextproto(ToTextproto(*network), "again", &back).ok());
  EXPECT_EQ(back.DebugString(), network->DebugString());
}

TEST(TextprotoTest, AFileThatIsNoConfigIsRefusedByItsSizeOrItsKind) {
  const std::string path = ::testing::TempDir() + "large.textproto";
  std::ofstream(path) << std::string(20 << 20, '#');
  v1::ModelConfig model;
  EXPECT_THAT(ErrorOf(LoadTextproto(path, &model)), HasSubstr("larger than 16 MiB"));
  std::filesystem::remove(path);
  const std::pair<const char*, const char*> kinds[] = {
      {"{\"link\": {}}",
       "a textproto is wanted, as the files of configs/ are: this looks like JSON"},
      {"<?xml version=\"1.0\"?>", "this looks like XML"},
      {"1\n1\n2\n", "a network profile names it: link { trace_file: \"large.textproto\" }"}};
  for (const auto& [text, says] : kinds) {
    std::ofstream(path) << text;
    EXPECT_THAT(ErrorOf(LoadTextproto(path, &model)), HasSubstr(says));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(ErrorOf(LoadTextproto(::testing::TempDir(), &model)), HasSubstr("this is a folder"));
  EXPECT_EQ(LoadTextproto(path, &model).code(), absl::StatusCode::kNotFound);
}

TEST(ConfigLibraryTest, NamesResolveToFiles) {
  auto model = Shipped().Model("gpt2");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->channels(), 768);
  const std::string path = *Shipped().Find(ConfigKind::kModel, "gpt2");
  EXPECT_EQ(ConfigLibrary({}).Model(path)->channels(), 768);
}

TEST(ConfigLibraryTest, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(Shipped().Model("minigtp").status().code(), absl::StatusCode::kNotFound);
  const std::string error = ErrorOf(Shipped().Model("minigtp").status());
  EXPECT_THAT(
      error,
      HasSubstr("unknown model \"minigtp\"; did you mean \"minigpt\"? known: gpt2, gpt2-large"));
  EXPECT_THAT(ErrorOf(ConfigLibrary({}).Device("x").status()),
              HasSubstr("no configs folder was found"));
}

TEST(ConfigLibraryTest, NoneIsTheNetworkWithoutLimitsAndNeedsNoFile) {
  auto network = ConfigLibrary({}).Network("none");
  ASSERT_TRUE(network.ok());
  EXPECT_EQ(network->name(), "none");
  EXPECT_FALSE(network->link().has_rate_bits_per_second());
  EXPECT_THAT(ConfigLibrary({}).Names(ConfigKind::kNetwork), ElementsAre("none"));
}

TEST(ConfigLibraryTest, EarlierFoldersWinAndTheNameComesFromTheFile) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "my-configs";
  std::filesystem::create_directories(folder / "models");
  std::ofstream(folder / "models" / "gpt2.textproto") << "layers: 1";
  const ConfigLibrary library({folder.string(), Shipped().folders()[0]});
  EXPECT_EQ(library.Model("gpt2")->layers(), 1);
  EXPECT_EQ(library.Model("gpt2")->name(), "gpt2");
  EXPECT_EQ(library.Model("minigpt")->layers(), 4);
  EXPECT_THAT(ConfigLibrary::Default(folder.string()).folders(), Contains(folder.string()));
  std::filesystem::remove_all(folder);
}

TEST(ConfigLibraryTest, EventsThatNamePresetsGetThem) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "my-networks";
  std::filesystem::create_directories(folder / "networks");
  std::ofstream(folder / "networks" / "way.textproto")
      << "link {} events { at_seconds: 1 network { name: 'lte' } } "
         "events { at_seconds: 2 network { name: 'none' } } "
         "events { at_seconds: 3 network { name: 'mine' link { delay_us: 3 } } }";
  std::ofstream(folder / "networks" / "lost.textproto")
      << "link {} events { at_seconds: 1 network { name: 'ltee' } }";
  const ConfigLibrary library({folder.string(), Shipped().folders()[0]});
  const auto way = library.Network("way");
  ASSERT_TRUE(way.ok()) << way.status();
  EXPECT_EQ(way->events(0).network().link().delay_us(), 35000);
  EXPECT_TRUE(way->events(1).network().has_link());
  EXPECT_EQ(way->events(2).network().link().delay_us(), 3);
  EXPECT_THAT(
      ErrorOf(library.Network("lost").status()),
      HasSubstr("lost: events[0].network: unknown network \"ltee\"; did you mean \"lte\"?"));
  std::filesystem::remove_all(folder);
}

// A folder of networks with one profile that names a trace.
class TraceFileTest : public ::testing::Test {
 protected:
  TraceFileTest() {
    std::filesystem::create_directories(folder_ / "networks");
    std::ofstream(folder_ / "networks" / "cell.textproto") << "link { trace_file: 'cell.trace' }";
  }
  ~TraceFileTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<v1::NetworkProfile> Load(const std::string& trace, const std::string& name) {
    std::ofstream(folder_ / "networks" / "cell.trace") << trace;
    return ConfigLibrary({folder_.string()}).Network(name);
  }

  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "my-traces";
};

TEST_F(TraceFileTest, IsReadFromTheProfilesFolder) {
  const auto cell = Load("1\n3\n", "cell");
  ASSERT_TRUE(cell.ok()) << cell.status();
  EXPECT_THAT(TraceTimes(cell->link()).value(), ElementsAre(1, 3));
  std::ofstream(folder_ / "networks" / "way.textproto")
      << "link {} events { at_seconds: 1 network { name: 'cell' } } "
         "events { at_seconds: 2 change { source: 0 link { trace_file: 'cell.trace' } } }";
  const auto way = Load("1\n3\n", "way");
  ASSERT_TRUE(way.ok()) << way.status();
  EXPECT_THAT(TraceTimes(way->events(0).network().link()).value(), ElementsAre(1, 3));
  EXPECT_THAT(TraceTimes(way->events(1).change().link()).value(), ElementsAre(1, 3));
}

// An hour of LTE: 2.4 million times in 18 MB.
TEST_F(TraceFileTest, AnHourFitsIntoAMessageAndIsReadBackFromTheConfigOfItsRun) {
  std::string hour;
  for (int ms = 1; ms <= 3'600'000; ++ms) {
    if (ms % 3 != 0) absl::StrAppend(&hour, ms, "\n");
  }
  ASSERT_GT(hour.size(), 18'000'000u);
  v1::RunConfig run;
  *run.mutable_network() = Load(hour, "cell").value();
  EXPECT_LT(run.ByteSizeLong(), 3u << 20);
  const std::string path = (folder_ / "config.textproto").string();
  std::ofstream(path) << ToTextproto(run);
  const auto again = LoadRunFile(path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->network().link().trace_gap_ms_size(), 2'400'000);
  EXPECT_EQ(TraceTimes(again->network().link())->back(), 3'599'999u);
}

TEST_F(TraceFileTest, ARunWhoseConfigHasTheTimesIsRead) {
  const std::string path = (folder_ / "old.textproto").string();
  std::ofstream(path) << "network { link { trace_file: 'gone.trace' trace_ms: [1, 4] } }";
  EXPECT_THAT(TraceTimes(LoadRunFile(path)->network().link()).value(), ElementsAre(1, 4));
  std::ofstream(path) << "network { link { trace_file: 'gone.trace' } }";
  EXPECT_THAT(ErrorOf(LoadRunFile(path).status()), HasSubstr("gone.trace"));
}

TEST_F(TraceFileTest, WhatIsNoTraceIsNamed) {
  EXPECT_THAT(ErrorOf(Load("<!DOCTYPE html>", "cell").status()), HasSubstr("an HTML page"));
}

TEST_F(TraceFileTest, AWrongLineIsNamedWithItsFileAndRule) {
  EXPECT_THAT(ErrorOf(Load("1\n2\nfast\n", "cell").status()),
              HasSubstr("networks/cell.trace:3: must be a whole number of milliseconds"));
  EXPECT_THAT(ErrorOf(Load("4\n3\n", "cell").status()),
              HasSubstr("cell.trace:2: must not be below the time before, 4 ms (got 3)"));
}

TEST_F(TraceFileTest, AMissingOneIsNamed) {
  std::ofstream(folder_ / "networks" / "cell.textproto") << "link { trace_file: 'no.trace' }";
  EXPECT_THAT(ErrorOf(Load("1\n", "cell").status()), HasSubstr("networks/no.trace"));
}

TEST(OverrideTest, SetsFieldsOfEveryType) {
  v1::RunConfig config;
  ASSERT_TRUE(ApplyOverrides({"model.layers=12", "train.learning_rate=1e-3", "model.biases=false",
                              "seed=7", "model.gelu=erf", "merge=MERGE_SUM_LAST", "name=x=y",
                              "split=2,1, 1", "network.link.distribution=pareto"},
                             &config)
                  .ok());
  EXPECT_EQ(config.model().layers(), 12);
  EXPECT_EQ(config.train().learning_rate(), 1e-3);
  EXPECT_FALSE(config.model().biases());
  EXPECT_TRUE(config.model().has_biases());
  EXPECT_EQ(config.seed(), 7u);
  EXPECT_EQ(config.model().gelu(), v1::GELU_ERF);
  EXPECT_EQ(config.merge(), v1::MERGE_SUM_LAST);
  EXPECT_EQ(config.name(), "x=y");
  EXPECT_THAT(config.split(), ElementsAre(2, 1, 1));
  EXPECT_EQ(config.network().link().distribution(), v1::LinkConfig::DISTRIBUTION_PARETO);
}

TEST(OverrideTest, AListIsReplacedAndNoneMakesAFieldAbsent) {
  v1::RunConfig config;
  config.add_split(9);
  config.mutable_train()->set_clip_norm(1);
  ASSERT_TRUE(ApplyOverrides({"split=1,1", "train.clip_norm=none"}, &config).ok());
  EXPECT_THAT(config.split(), ElementsAre(1, 1));
  EXPECT_FALSE(config.train().has_clip_norm());
}

TEST(OverrideTest, UnknownFieldsListTheKnownOnes) {
  v1::RunConfig config;
  const std::string error = ErrorOf(ApplyOverride("model.layer=12", &config));
  EXPECT_THAT(error, HasSubstr("--set model.layer=12: no field \"layer\"; did you mean \"layers\"? "
                               "known: name, source"));
  EXPECT_THAT(ErrorOf(ApplyOverride("zebra=1", &config)),
              HasSubstr("no field \"zebra\"; known: name, seed, model"));
}

TEST(OverrideTest, BadValuesLeaveTheConfigAlone) {
  v1::RunConfig config;
  config.add_split(9);
  EXPECT_THAT(ErrorOf(ApplyOverride("model.layers=many", &config)),
              HasSubstr("\"many\" must be a whole number"));
  EXPECT_THAT(ErrorOf(ApplyOverride("train.beta1=nan", &config)),
              HasSubstr("must be a finite number"));
  EXPECT_THAT(ErrorOf(ApplyOverride("seed=-1", &config)), HasSubstr("at least 0"));
  EXPECT_THAT(ErrorOf(ApplyOverride("model.biases=maybe", &config)), HasSubstr("true or false"));
  EXPECT_THAT(ErrorOf(ApplyOverride("model.gelu=relu", &config)),
              HasSubstr("invalid value \"relu\""));
  EXPECT_THAT(ErrorOf(ApplyOverride("model.gelu=unspecified", &config)),
              HasSubstr("known: erf, tanh"));
  EXPECT_THAT(ErrorOf(ApplyOverride("split=1,x", &config)), HasSubstr("whole number"));
  EXPECT_THAT(ErrorOf(ApplyOverride("model=4", &config)), HasSubstr("group of fields"));
  EXPECT_THAT(ErrorOf(ApplyOverride("seed.x=4", &config)), HasSubstr("\"seed\" has no fields"));
  EXPECT_THAT(ErrorOf(ApplyOverride("network.overrides.source=4", &config)),
              HasSubstr("has no fields that --set"));
  EXPECT_THAT(ErrorOf(ApplyOverride("model.layers", &config)), HasSubstr("must be path=value"));
  EXPECT_FALSE(config.has_model());
  EXPECT_THAT(config.split(), ElementsAre(9));
}

TEST(SuggestTest, OnlyTypingErrorsAreGuessed) {
  EXPECT_EQ(ClosestName("wifi5", {"lte", "wifi-5"}), "wifi-5");
  EXPECT_EQ(ClosestName("trian", {"plan", "train"}), "train");
  EXPECT_EQ(ClosestName("satellite", {"lte", "wifi-5"}), "");
}

TEST(ParseTextprotoTest, AStringThatIsNotUtf8IsRefused) {
  v1::NetworkProfile network;
  EXPECT_THAT(std::string(ParseTextproto("name: \"wi\\377\"", "here", &network).message()),
              HasSubstr("here: a string is not valid UTF-8"));
}

}  // namespace
}  // namespace edgetp
