#include "common/config/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/override.h"
#include "tests/config/complete_run.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// A complete run, changed as asked.
v1::RunConfig CompleteRun(const std::vector<std::string>& overrides = {}) {
  return CompleteRunOf({"model.layers=4", "model.heads=4", "model.channels=128", "model.sequence=64",
                        "model.vocabulary=65", "pattern=sppp"},
                       overrides);
}

std::string ErrorOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

struct Rule {
  const char* override;
  const char* violation;
};

class RunRuleTest : public ::testing::TestWithParam<Rule> {};

TEST_P(RunRuleTest, AViolationNamesFieldRuleAndValue) {
  const std::string error = ErrorOf(ValidateRun(CompleteRun({GetParam().override}), "run"));
  EXPECT_THAT(error, HasSubstr(std::string("run: ") + GetParam().violation));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RunRuleTest,
    ::testing::Values(
        Rule{"name=../etc", "name: must be a letter or digit"},
        Rule{"model.layers=0", "model.layers: must be in [1, 4096] (got 0)"},
        Rule{"model.layers=none", "model.layers: must be set"},
        Rule{"model.vocabulary=none", "model.vocabulary: must be set"},
        Rule{"model.channels=130", "model.channels: must be a multiple of heads=4 (got 130)"},
        Rule{"model.dropout=1", "model.dropout: must be in [0, 1) (got 1)"},
        Rule{"pattern=sppx", "pattern: pattern \"sppx\", position 4"},
        Rule{"pattern=spp", "pattern: pattern \"spp\" has 3 blocks"},
        Rule{"pattern=spp~1p", "pattern: pattern \"spp~1p\", position 4: 'p' takes no modifier"},
        Rule{"pattern=ttt~9t", "pattern: pattern \"ttt~9t\", position 4: t~9 is later than the 8"},
        Rule{"pattern=ttt@1.5t", "pattern: pattern \"ttt@1.5t\", position 4: \"@\" needs a share"},
        Rule{"pattern=ttt@0.001t", "pattern: t@0.001 of"},
        Rule{"workers=0", "workers: must be in [1, 4096] (got 0)"},
        Rule{"workers=3", "workers: heads=4 cannot be split evenly"},
        Rule{"workers=5", "workers: heads=4 cannot be split over workers=5"},
        Rule{"split=1,2,1", "split: split has 3 parts"},
        Rule{"train.steps=0", "train.steps: must be at least 1 (got 0)"},
        Rule{"train.batch=0", "train.batch: must be in [1, 65536]"},
        Rule{"train.learning_rate=-1",
             "train.learning_rate: must be a finite number above 0 (got -1)"},
        Rule{"train.min_learning_rate=1",
             "train.min_learning_rate: must be at most learning_rate=0.001 (got 1)"},
        Rule{"train.beta2=1", "train.beta2: must be in [0, 1) (got 1)"},
        Rule{"train.clip_norm=0", "train.clip_norm: must be"},
        Rule{"train.warmup_steps=-1", "train.warmup_steps: must be at least 0"},
        Rule{"parallel.overlap=rows", "parallel.overlap: \"rows\" is not NONE, DW or ROWS(m)"},
        Rule{"parallel.overlap=ROWS(1)", "parallel.overlap: ROWS(m): m must be in [2, 65536]"},
        Rule{"parallel.overlap=ROWS(13)",
             "parallel.overlap: ROWS(m): m must be at most the batch of 12 sequences"},
        Rule{"collective.algorithm=rings", "collective.algorithm: "},
        Rule{"collective.wire_forward=fp8", "collective.wire_forward: "},
        Rule{"collective.wire_grad_sync=int9",
             "collective.wire_grad_sync: wire format: unknown name \"int9\"; did you mean "
             "\"int8\"?"},
        Rule{"collective.wire_backward=int8:g1",
             "collective.wire_backward: wire format \"int8:g1\": a group must be in [2, 4096]"},
        Rule{"collective.deadline_seconds=0", "collective.deadline_seconds: must be"},
        Rule{"collective.segment_bytes=4194304",
             "collective.segment_bytes: must be in [1024, 4190208] bytes (got 4194304 bytes)"},
        Rule{"collective.slice_bytes=1000", "collective.slice_bytes: must be in [1024, "},
        Rule{"network.link.rate_bits_per_second=-5",
             "network.link.rate_bits_per_second: must be a finite number above 0 (got -5 bit/s)"},
        Rule{"network.link.delay_us=-1", "network.link.delay_us: must be in [0, "},
        Rule{"network.link.loss=1", "network.link.loss: must be in [0, 1) (got 1)"},
        Rule{"network.link.correlation=-0.1", "network.link.correlation: must be"},
        Rule{"network.link.distribution=quantiles",
             "network.link.quantiles: distribution: DISTRIBUTION_QUANTILES needs"},
        Rule{"network.shared_medium=true",
             "network.link.rate_bits_per_second: a shared_medium needs a rate"},
        Rule{"device.overlap_efficiency=1.5",
             "device.overlap_efficiency: must be in [0, 1] (got 1.5)"},
        Rule{"device.watts=3", "device.flops_per_second: must be set"}));

TEST(ValidateRunTest, DevicesAreOneForAllOrOnePerRank) {
  v1::RunConfig config = CompleteRun({"workers=2"});
  config.add_devices()->set_flops_per_second(1e9);
  const auto says = [&] { return std::string(ValidateRun(config, "run").message()); };
  EXPECT_THAT(says(), HasSubstr("run: devices: must be one per rank, workers=2 (got 1)"));
  config.add_devices()->set_flops_per_second(-1);
  EXPECT_THAT(says(), HasSubstr("run: devices[1].flops_per_second: must be a finite number above"));
  config.mutable_devices(1)->set_flops_per_second(1e9);
  EXPECT_EQ(ValidateRun(config, "run"), absl::OkStatus());
  config.mutable_device()->set_flops_per_second(1e9);
  EXPECT_THAT(says(), HasSubstr("run: devices: must be empty where `device` is set"));
}

TEST(ValidateRunTest, ADeviceOfOneCoreCannotOverlap) {
  v1::RunConfig config = CompleteRun({"device.flops_per_second=1e9", "device.name=one-core",
                                      "device.cores=1", "parallel.overlap=dw"});
  EXPECT_EQ(ErrorOf(ValidateRun(config, "run")),
            "run: parallel.overlap: a device of one core cannot overlap: the communication thread "
            "needs one (device one-core)");
  config.mutable_device()->set_cores(2);
  EXPECT_EQ(ValidateRun(config, "run"), absl::OkStatus());
  config.mutable_device()->clear_cores();  // not known
  EXPECT_EQ(ValidateRun(config, "run"), absl::OkStatus());
  config.mutable_device()->set_cores(1);
  config.mutable_parallel()->set_overlap("none");
  EXPECT_EQ(ValidateRun(config, "run"), absl::OkStatus());
  config.mutable_device()->set_cores(0);
  EXPECT_THAT(ErrorOf(ValidateRun(config, "run")), HasSubstr("run: device.cores: must be in [1, "));
}

TEST(ValidateRunTest, ACompleteRunIsFine) {
  for (const char* overlap : {"NONE", "dw", "rows(12)"}) {
    EXPECT_EQ(ValidateRun(CompleteRun({std::string("parallel.overlap=") + overlap}), "run"),
              absl::OkStatus());
  }
  for (const char* algorithm : {"auto", "ring", "direct"}) {
    EXPECT_EQ(ValidateRun(CompleteRun({std::string("collective.algorithm=") + algorithm}), "run"),
              absl::OkStatus());
  }
}

TEST(ValidateRunTest, AllViolationsAreReportedAtOnce) {
  const std::string error =
      ErrorOf(ValidateRun(CompleteRun({"train.steps=0", "train.beta1=2", "pattern=x"}), "my file"));
  EXPECT_THAT(error, HasSubstr("my file: train.steps"));
  EXPECT_THAT(error, HasSubstr("my file: train.beta1"));
  EXPECT_THAT(error, HasSubstr("my file: pattern"));
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 2);
}

TEST(ValidateRunTest, NumbersThatAreNoNumbersAreRefused) {
  v1::RunConfig config = CompleteRun();
  config.mutable_train()->set_learning_rate(std::numeric_limits<double>::infinity());
  config.mutable_train()->set_beta1(std::numeric_limits<double>::quiet_NaN());
  const std::string error = ErrorOf(ValidateRun(config, "run"));
  EXPECT_THAT(error, HasSubstr("learning_rate"));
  EXPECT_THAT(error, HasSubstr("beta1"));
}

TEST(RunNameTest, NamesAreSafeAsFolders) {
  for (const char* good : {"a", "7", "sppp-wifi_5.2", "A.b", "none+delay200ms"})
    EXPECT_TRUE(IsRunName(good)) << good;
  for (const char* bad : {"", ".", "..", "-x", "a/b", "a b", "ä"})
    EXPECT_FALSE(IsRunName(bad)) << bad;
  EXPECT_TRUE(IsRunName(std::string(64, 'x')));
  EXPECT_FALSE(IsRunName(std::string(65, 'x')));
}

absl::Status CheckNetworkText(const std::string& text, std::optional<int> world = std::nullopt) {
  v1::NetworkProfile network;
  EXPECT_TRUE(ParseTextproto(text, "test", &network).ok());
  return ValidateNetwork(network, world, "net");
}

TEST(ValidateNetworkTest, QuantilesRise) {
  const std::string begin = "link { delay_us: 5 distribution: DISTRIBUTION_QUANTILES ";
  EXPECT_TRUE(
      CheckNetworkText(
          begin +
          "quantiles { probability: 0 jitter_us: -5 } quantiles { probability: 1 jitter_us: 9 } }")
          .ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText(begin + "quantiles { probability: 0.5 jitter_us: 0 } "
                                               "quantiles { probability: 0.5 jitter_us: 9 } }")),
              HasSubstr("net: link.quantiles[1].probability: must rise"));
  EXPECT_THAT(
      ErrorOf(CheckNetworkText(
          begin +
          "quantiles { probability: 0 jitter_us: 3 } quantiles { probability: 1 jitter_us: 2 } }")),
      HasSubstr("link.quantiles[1].jitter_us: must not fall"));
  EXPECT_THAT(ErrorOf(CheckNetworkText(begin + "quantiles { probability: 0 jitter_us: -6 } "
                                               "quantiles { probability: 1 jitter_us: 2 } }")),
              HasSubstr("link.quantiles[0].jitter_us: must be in [-5"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link { quantiles { probability: 0 jitter_us: 0 } }")),
              HasSubstr("need distribution: DISTRIBUTION_QUANTILES"));
}

TEST(ValidateNetworkTest, AUniformJitterStaysWithinTheDelay) {
  EXPECT_TRUE(
      CheckNetworkText("link { delay_us: 5 jitter_us: 5 distribution: DISTRIBUTION_UNIFORM }")
          .ok());
  EXPECT_FALSE(
      CheckNetworkText("link { delay_us: 5 jitter_us: 6 distribution: DISTRIBUTION_UNIFORM }")
          .ok());
  EXPECT_TRUE(CheckNetworkText("link { delay_us: 5 jitter_us: 6 }").ok());
}

TEST(ValidateNetworkTest, OverridesAreCheckedAsTheLinkThatTheyMake) {
  const std::string link = "link { delay_us: 10 jitter_us: 8 distribution: DISTRIBUTION_UNIFORM } ";
  EXPECT_TRUE(
      CheckNetworkText(link + "overrides { source: 0 destination: 1 link { delay_us: 8 } }", 2)
          .ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText(
                  link + "overrides { source: 0 destination: 1 link { delay_us: 7 } }", 2)),
              HasSubstr("overrides[0].link.jitter_us"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("overrides { source: 0 destination: 2 link { } }", 2)),
              HasSubstr("overrides[0].destination: a rank must be below workers=2 (got 2)"));
  EXPECT_TRUE(CheckNetworkText("overrides { source: 0 destination: 2 link { } }").ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText("overrides { source: 1 destination: 1 }")),
              HasSubstr("must differ"));
}

TEST(ValidateNetworkTest, ATraceKeepsItsRulesAndStandsAlone) {
  EXPECT_TRUE(CheckNetworkText("link { trace_ms: [0, 1, 1, 5] }").ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText("link { trace_ms: [3, 2] }")),
              HasSubstr("link.trace_ms: time 1 must not be below the time before, 3 ms (got 2)"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link { trace_ms: [0] }")),
              HasSubstr("link.trace_ms: a trace must end after 0 ms"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link { rate_bits_per_second: 5 trace_ms: [1] }")),
              HasSubstr("link.rate_bits_per_second: must be absent where the link has a trace"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link { trace_file: '/etc/passwd' }")),
              HasSubstr("link.trace_file: names a file only in the file of a network"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("shared_medium: true link { rate_bits_per_second: 5 } "
                                       "overrides { source: 0 link { trace_ms: [1] } }")),
              HasSubstr("overrides[0].link.trace_ms: must be absent on a shared_medium"));
}

TEST(ValidateNetworkTest, ARankIsInOnePartitionGroup) {
  EXPECT_TRUE(CheckNetworkText("partition { ranks: [0, 1] } partition { ranks: 2 }", 3).ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText("partition { ranks: [0, 1] } partition { ranks: 1 }")),
              HasSubstr("one group only (got 1)"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("partition { }")), HasSubstr("at least one rank"));
}

TEST(ValidateNetworkTest, AnOverrideIsCheckedOnTopOfThoseBeforeIt) {
  const std::string far = "overrides { source: 0 link { delay_us: 9 } } ";
  const std::string wobbly =
      "overrides { source: 0 destination: 1 link { jitter_us: 9 distribution: DISTRIBUTION_UNIFORM "
      "} }";
  EXPECT_TRUE(CheckNetworkText(far + wobbly).ok());
  EXPECT_FALSE(CheckNetworkText(wobbly + far).ok());
}

TEST(ValidateNetworkTest, MoreThanCanBeLookedAtIsRefusedAtOnce) {
  v1::NetworkProfile many;
  for (int i = 0; i < 1'000'000; ++i) many.add_overrides();
  EXPECT_THAT(std::string(ValidateNetwork(many, 4, "here").message()),
              HasSubstr("overrides: at most 4096"));
  // Each change stays in force in all states that follow.
  v1::NetworkProfile changing;
  for (int i = 1; i <= 4000; ++i) {
    v1::NetworkEvent* const event = changing.add_events();
    event->set_at_seconds(i);
    event->mutable_change()->mutable_link()->set_delay_us(i);
  }
  EXPECT_THAT(std::string(ValidateNetwork(changing, 4, "here").message()),
              HasSubstr("overrides and traces of all states"));
}

TEST(ValidateNetworkTest, AMillionFaultsAreCountedNotListed) {
  v1::NetworkProfile network;
  for (int i = 0; i < 1'000'000; ++i) network.add_partition();
  const std::string error(ValidateNetwork(network, 4, "here").message());
  EXPECT_LT(error.size(), 20'000u);
  EXPECT_THAT(error, HasSubstr("more"));
}

TEST(ValidateNetworkTest, ATimelineRises) {
  const std::string begin = "link {} events { at_seconds: 2 restore {} } ";
  EXPECT_TRUE(CheckNetworkText(begin + "events { at_seconds: 2.5 restore {} }").ok());
  EXPECT_THAT(
      ErrorOf(CheckNetworkText(begin + "events { at_seconds: 2 restore {} }")),
      HasSubstr("net: events[1].at_seconds: must rise from one event to the next (got 2 s)"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link {} events { at_seconds: -1 restore {} }")),
              HasSubstr("net: events[0].at_seconds: must be in [0, "));
  EXPECT_THAT(ErrorOf(CheckNetworkText("link {} events { restore {} }")),
              HasSubstr("events[0].at_seconds: must be above 0"));
  EXPECT_THAT(ErrorOf(CheckNetworkText(begin + "repeat_seconds: 2")),
              HasSubstr("net: repeat_seconds: must be above the last event's time 2 s (got 2 s)"));
  EXPECT_TRUE(CheckNetworkText(begin + "repeat_seconds: 2.1").ok());
  EXPECT_THAT(ErrorOf(CheckNetworkText("link {} repeat_seconds: 2")),
              HasSubstr("repeat_seconds: needs events"));
}

TEST(ValidateNetworkTest, AnEventKeepsTheRulesOfAProfile) {
  const auto error = [](const std::string& action) {
    return ErrorOf(CheckNetworkText("link {} events { at_seconds: 1 " + action + " }", 2));
  };
  EXPECT_THAT(error(""), HasSubstr("events[0]: must have one of network, change"));
  EXPECT_THAT(error("network { link { loss: 2 } }"), HasSubstr("events[0].network.link.loss"));
  EXPECT_THAT(error("network { name: 'lte' }"), HasSubstr("events[0].network.link: must be set"));
  EXPECT_THAT(error("network { link {} events { at_seconds: 1 restore {} } }"),
              HasSubstr("events[0].network.events: the profile of an event must not"));
  EXPECT_THAT(error("change { source: 2 link {} }"),
              HasSubstr("events[0].change.source: a rank must be below workers=2 (got 2)"));
  EXPECT_THAT(error("change { link { jitter_us: 3 distribution: DISTRIBUTION_UNIFORM } }"),
              HasSubstr("events[0].change.link.jitter_us: a uniform jitter"));
  EXPECT_THAT(error("partition { groups { ranks: 7 } }"),
              HasSubstr("events[0].partition.groups[0].ranks: a rank must be below workers=2"));
  EXPECT_THAT(error("partition {}"), HasSubstr("events[0].partition.groups: must hold"));
}

TEST(ValidateNetworkTest, AChangeIsCheckedOnTopOfWhatIsInForceThen) {
  const std::string change =
      "change { link { jitter_us: 9 distribution: DISTRIBUTION_UNIFORM } } }";
  EXPECT_TRUE(CheckNetworkText("link {} events { at_seconds: 1 network { link { delay_us: 9 } } } "
                               "events { at_seconds: 2 " +
                               change)
                  .ok());
}

TEST(DefaultsTest, ProfilesOfEventsGetThemButForANameAlone) {
  v1::NetworkProfile network;
  network.add_events()->mutable_network()->mutable_link();
  network.add_events()->mutable_network()->set_name("lte");
  network.add_events()->mutable_restore();
  FillDefaults(&network);
  EXPECT_TRUE(network.events(0).network().interface_sharing());
  EXPECT_FALSE(network.events(1).network().has_link());
  EXPECT_TRUE(network.events(2).has_restore());
}

TEST(DefaultsTest, AbsentFieldsGetThemAndZeroStaysZero) {
  v1::RunConfig config;
  config.mutable_model()->set_layers(3);
  config.mutable_train()->set_warmup_steps(0);
  config.mutable_train()->set_steps(7);
  config.mutable_network()->mutable_link()->set_delay_us(5);
  FillDefaults(&config);
  EXPECT_EQ(config.train().warmup_steps(), 0);
  EXPECT_EQ(config.train().decay_steps(), 7);
  EXPECT_EQ(config.train().beta2(), 0.99);
  EXPECT_FALSE(config.train().has_clip_norm());
  EXPECT_FALSE(config.network().link().has_rate_bits_per_second());
  EXPECT_TRUE(config.network().interface_sharing());
  EXPECT_EQ(config.pattern(), "t*3");
  EXPECT_EQ(config.seed(), 1337u);
  EXPECT_FALSE(config.has_device());
}

TEST(ValidateRunTest, ASharedVocabularyNeedsARowForEveryWorker) {
  const std::vector<std::string> small = {"model.vocabulary=3", "workers=4"};
  EXPECT_EQ(ValidateRun(CompleteRun(small), "run"), absl::OkStatus());
  std::vector<std::string> shared = small;
  shared.push_back("parallel.vocabulary=true");
  EXPECT_THAT(ErrorOf(ValidateRun(CompleteRun(shared), "run")),
              HasSubstr("run: workers: vocabulary=3 cannot be split over workers=4"));
}

TEST(ConvertTest, TheVocabularyIsSharedAndTheHeadIsTiedAsTheRunSays) {
  const auto plain = ToPlanOptions(CompleteRun());
  EXPECT_FALSE(plain->vocabulary_parallel);
  EXPECT_TRUE(plain->shape.tied_head);
  const auto options =
      ToPlanOptions(CompleteRun({"parallel.vocabulary=true", "model.tied_head=false"}));
  EXPECT_TRUE(options->vocabulary_parallel);
  EXPECT_FALSE(options->shape.tied_head);
  EXPECT_TRUE(HasTiedHead(v1::ModelConfig())) << "a run of an older version";
}

TEST(ValidateRunTest, AFormatOfFewBitsIsRefusedWhereItIsEncodedAtEveryHop) {
  const auto says = [](const std::string& algorithm, const std::string& field) {
    return std::string(
        ValidateRun(CompleteRun({"collective.algorithm=" + algorithm, field}), "run").message());
  };
  EXPECT_THAT(says("ring", "collective.wire_backward=int8"),
              HasSubstr("run: collective.wire_backward: ring encodes at every hop, which int8 (8 "
                        "bits) does not survive; take direct, two_phase, star or auto"));
  EXPECT_EQ(says("ring", "collective.wire_backward=fp16"), "");
  EXPECT_EQ(says("auto", "collective.wire_backward=int4+hadamard"), "");
}

TEST(ConvertTest, WhatEncodingTakesFromGradSyncIsKeptWhereItIsMuch) {
  const auto feeds_back = [](const std::vector<std::string>& set) {
    return FeedsBackGradSync(CompleteRun(set).collective()).value();
  };
  EXPECT_FALSE(feeds_back({}));
  EXPECT_FALSE(feeds_back({"collective.wire_grad_sync=int8"}));
  EXPECT_TRUE(feeds_back({"collective.wire_grad_sync=mxfp4"}));
  EXPECT_FALSE(
      feeds_back({"collective.wire_grad_sync=int4", "collective.error_feedback_grad_sync=false"}));
  EXPECT_TRUE(
      feeds_back({"collective.wire_grad_sync=int8", "collective.error_feedback_grad_sync=true"}));
}

TEST(ConvertTest, ARunBecomesPlanOptions) {
  auto options = ToPlanOptions(
      CompleteRun({"collective.wire_forward=bf16", "split=3,1", "train.micro_batches=2"}));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->pattern.Expanded(), "sppp");
  EXPECT_EQ(options->wire_forward.name(), "bf16");
  EXPECT_EQ(options->wire_backward.name(), "fp32");
  EXPECT_EQ(options->micro_batches, 2);
  EXPECT_FALSE(options->feedback_activations || options->feedback_grad_sync);
  EXPECT_EQ(options->split, (std::vector<int>{3, 1}));
  EXPECT_THAT(ErrorOf(ToPlanOptions(CompleteRun({"model.vocabulary=none"})).status()),
              HasSubstr("model.vocabulary: must be set"));
}

TEST(ValidateNetworkTest, AnAccessNetworksOverridesNameADirectionOrAPath) {
  const std::string access = "hop: HOP_ACCESS link { rate_bits_per_second: 5 } overrides ";
  EXPECT_THAT(
      ErrorOf(CheckNetworkText(access + "{ source: 0 link { ingress_rate_bits_per_second: 5 } }")),
      HasSubstr("overrides[0].link.ingress_rate_bits_per_second: must be absent where hop"));
  EXPECT_THAT(ErrorOf(CheckNetworkText(access + "{ destination: 0 link { trace_ms: [1] } }")),
              HasSubstr("overrides[0].link.trace_ms: must be absent where hop"));
  for (const char* good :
       {"{ source: 0 link { trace_ms: [1] } }", "{ destination: 0 link { loss: 0.1 } }",
        "{ link { ingress_rate_bits_per_second: 5 } }",
        "{ source: 0 destination: 1 link { delay_us: 5 } }"}) {
    EXPECT_EQ(CheckNetworkText(access + good), absl::OkStatus()) << good;
  }
  EXPECT_THAT(
      ErrorOf(CheckNetworkText("hop: HOP_ACCESS link { rate_bits_per_second: 5 } events { "
                               "at_seconds: 1 change { destination: 0 link { trace_ms: [1] } } }")),
      HasSubstr("events[0].change.link.trace_ms: must be absent where hop"));
}

TEST(ValidateNetworkTest, InterfacesAndHopsKeepTheirRules) {
  EXPECT_THAT(ErrorOf(CheckNetworkText("hop: HOP_UNSPECIFIED link {}")),
              HasSubstr("hop: must be HOP_DIRECT or HOP_ACCESS"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("hop: HOP_ACCESS interface_sharing: false link {}")),
              HasSubstr("interface_sharing: must not be false where hop is HOP_ACCESS"));
  EXPECT_THAT(ErrorOf(CheckNetworkText("interface_rate_bits_per_second: 0 link {}")),
              HasSubstr("interface_rate_bits_per_second: must be a finite number above 0"));
  EXPECT_THAT(ErrorOf(CheckNetworkText(
                  "interface_rate_bits_per_second: 5 interface_sharing: false link {}")),
              HasSubstr("interface_rate_bits_per_second: must be absent where interface_sharing"));
}

}  // namespace
}  // namespace edgetp
