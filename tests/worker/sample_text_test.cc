// Sampling with real models on threads of this process: what is kept, batches, stops and seeds
// change nothing that they should not.
#include "worker/job/sample_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "tests/transport/local_cluster.h"
#include "worker/job/trainer_options.h"

namespace edgetp {
namespace {

using testing::ElementsAre;

// Of one rank.
struct Sampled {
  absl::StatusOr<v1::SampleReport> report = absl::UnknownError("not run");
  std::string streamed;
  std::vector<v1::StepReport> steps;
};

class SampleTextTest : public testing::Test {
 protected:
  SampleTextTest() {
    v1::ModelConfig* const model = config_.mutable_model();
    model->set_layers(2);
    model->set_heads(4);
    model->set_channels(16);
    model->set_sequence(8);
    model->set_vocabulary(20);
    config_.set_pattern("ts");
    config_.set_workers(2);
    task_.set_tokens(30);  // several times the window
    task_.set_temperature(0.02);  // the tiny model's logits hardly differ
    for (int token = 0; token < 20; ++token)
      task_.add_token_text(std::string(1, static_cast<char>('a' + token)));
  }

  void AddPrompt(const std::vector<int>& tokens) {
    *task_.add_prompts()->mutable_tokens() = {tokens.begin(), tokens.end()};
  }

  // On all ranks. Demands success, and the same texts everywhere. Returns rank 0's.
  Sampled Sample() {
    FillDefaults(&config_);
    LocalCluster cluster(config_.workers());
    std::vector<Sampled> sampled(config_.workers());
    const auto results =
        cluster.OnEachRank([&](int rank) { return SampleOn(cluster, rank, &sampled[rank]); });
    for (int rank = 0; rank < config_.workers(); ++rank) {
      EXPECT_TRUE(results[rank].ok()) << results[rank];
      if (!results[rank].ok()) return {};
      EXPECT_EQ(Texts(sampled[rank]), Texts(sampled[0]));
    }
    return sampled[0];
  }

  static std::vector<std::string> Texts(const Sampled& sampled) {
    std::vector<std::string> texts;
    for (const v1::Continuation& each : sampled.report->continuations())
      texts.push_back(each.text());
    return texts;
  }

  v1::RunConfig config_;
  v1::SampleTask task_;

 private:
  absl::Status SampleOn(LocalCluster& cluster, int rank, Sampled* sampled) {
    ASSIGN_OR_RETURN(const std::unique_ptr<CollectiveGroup> group,
                     CollectiveGroup::Create(cluster.Connected(rank), {}));
    ASSIGN_OR_RETURN(const TrainerOptions options, ToTrainerOptions(config_, "cpu"));
    ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer, Trainer::Create(options, group.get()));
    JobControl control;
    SampleParts parts;
    parts.task = &task_;
    parts.config = &config_;
    parts.trainer = trainer.get();
    parts.group = group.get();
    parts.control = &control;
    parts.network = [] { return "somewhere"; };
    parts.step = [&](const StepStats&, v1::StepReport report) {
      sampled->steps.push_back(std::move(report));
    };
    parts.text = [&](const v1::SampleText& text) { sampled->streamed += text.text(); };
    sampled->report = SampleTexts(parts);
    return sampled->report.status();
  }
};

TEST_F(SampleTextTest, KeepingKeysAndValuesChangesNoText) {
  for (const char* pattern : {"ts", "pp", "lt~1", "t@0.5g", "dt"}) {
    config_.set_pattern(pattern);
    task_.clear_prompts();
    AddPrompt({3, 1, 4});
    AddPrompt({2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4});  // longer than the window
    AddPrompt({5});
    task_.set_cache(true);
    const auto cached = Texts(Sample());
    EXPECT_EQ(cached[0].size(), 30u);
    task_.set_cache(false);
    EXPECT_EQ(Texts(Sample()), cached) << pattern;
  }
}

TEST_F(SampleTextTest, APromptHasTheSameTextAloneAndWithOthers) {
  AddPrompt({3, 1, 4});
  const std::string alone = Texts(Sample())[0];
  task_.clear_prompts();
  AddPrompt({9, 9});
  AddPrompt({3, 1, 4});
  AddPrompt({3, 1, 4});
  const auto texts = Texts(Sample());
  EXPECT_EQ(texts[1], alone);
  EXPECT_NE(texts[2], alone);  // who asks twice wants two answers
}

TEST_F(SampleTextTest, AnotherSeedGivesAnotherTextAndAnotherWorldSizeDoesNot) {
  AddPrompt({3, 1, 4});
  config_.set_pattern("tt");
  const auto first = Texts(Sample());
  config_.set_workers(1);
  EXPECT_EQ(Texts(Sample()), first);
  task_.set_seed(8);
  EXPECT_NE(Texts(Sample()), first);
}

TEST_F(SampleTextTest, WhoHasMetItsStopLeavesTheBatch) {
  AddPrompt({3, 1, 4});
  AddPrompt({5, 6});
  const auto whole = Texts(Sample());
  const std::string stop = whole[0].substr(4, 3);
  *task_.add_stop() = stop;
  const Sampled stopped = Sample();
  const auto& first = stopped.report->continuations(0);
  EXPECT_EQ(first.text(), whole[0].substr(0, whole[0].find(stop)));
  EXPECT_EQ(first.ended_by(), "stop");
  EXPECT_EQ(first.tokens(), static_cast<int>(whole[0].find(stop) + 3));
  const auto& second = stopped.report->continuations(1);
  EXPECT_EQ(second.text(), whole[1].substr(0, whole[1].find(stop)));
}

TEST_F(SampleTextTest, OneTextIsStreamedAndEveryTokenButTheFirstIsAStep) {
  AddPrompt({3, 1, 4});
  const Sampled sampled = Sample();
  EXPECT_EQ(sampled.streamed, Texts(sampled)[0]);
  ASSERT_EQ(sampled.steps.size(), 29u);
  EXPECT_EQ(sampled.steps[0].step(), 1);
  EXPECT_EQ(sampled.steps[0].network(), "somewhere");
  // Two sums of a row in t, one in s.
  EXPECT_EQ(sampled.steps[0].bytes().activation_fwd(), 3 * 16 * 4);
  EXPECT_EQ(sampled.report->tokens(), 30);
  EXPECT_GT(sampled.report->first_token_seconds(), 0);
  EXPECT_GT(sampled.report->communication_share(), 0);
  EXPECT_EQ(sampled.report->pattern(), "ts");
}

TEST_F(SampleTextTest, WithoutTextTokensAreNumbers) {
  task_.clear_token_text();
  for (const int token : {3, 1, 4}) task_.add_prompt(token);
  task_.set_tokens(2);
  const auto texts = Texts(Sample());
  EXPECT_THAT(texts, ElementsAre(testing::MatchesRegex("[0-9]+ [0-9]+")));
}

}  // namespace
}  // namespace edgetp
