// The training loop with replicas, over real collectives: every step is audited against the plan of
// its strategy.
#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/override.h"
#include "common/data/corpus.h"
#include "tests/data/tensor_collector.h"
#include "tests/transport/local_cluster.h"
#include "worker/job/train_loop.h"
#include "worker/job/trainer_options.h"

namespace edgetp {
namespace {

using testing::ElementsAre;

// Collects the tensors of one checkpoint.
class KeepingWriter final : public CheckpointWriter {
 public:
  KeepingWriter(const std::vector<TensorInfo>& tensors, std::vector<NamedTensor>* kept)
      : collector_(tensors), sink_(collector_.Sink()), kept_(kept) {}
  absl::Status Write(absl::Span<const float> values) override { return sink_(values); }
  absl::Status Finish() override {
    *kept_ = collector_.Take();
    return absl::OkStatus();
  }

 private:
  test::TensorCollector collector_;
  const ValueSink sink_;
  std::vector<NamedTensor>* const kept_;
};

// What a rank reported and saved.
class KeptResults final : public TrainingSink {
 public:
  double Seconds() const override { return 10.0 * static_cast<double>(reports.size()); }
  void EndStep(v1::StepReport*) override {}
  void Step(const StepStats&, v1::StepReport report) override {
    reports.push_back(std::move(report));
  }
  absl::StatusOr<std::unique_ptr<CheckpointWriter>> BeginCheckpoint(
      int step, const std::vector<TensorInfo>& tensors) override {
    saved.push_back(step);
    return std::make_unique<KeepingWriter>(tensors, &checkpoint);
  }

  std::vector<v1::StepReport> reports;
  std::vector<int> saved;
  std::vector<NamedTensor> checkpoint;  // the last one
};

struct Ranks {
  std::vector<KeptResults> results;
  std::vector<double> losses;  // of each step: mean over the ranks that tell one
};

v1::RunConfig Config(const std::vector<std::string>& overrides) {
  v1::RunConfig config;
  EXPECT_EQ(
      ApplyOverrides({"model.layers=2", "model.heads=2", "model.channels=16", "model.sequence=8",
                      "model.vocabulary=10", "pattern=tt", "train.steps=7", "train.batch=2",
                      "train.eval_windows=5", "train.warmup_steps=0"},
                     &config),
      absl::OkStatus());
  EXPECT_EQ(ApplyOverrides(overrides, &config), absl::OkStatus());
  FillDefaults(&config);
  return config;
}

Corpus SomeText() {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += static_cast<char>('a' + (i * i + i / 7) % 10);
  return *Corpus::FromText(text);
}

Ranks TrainOn(int world_size, std::vector<std::string> overrides) {
  overrides.push_back(absl::StrCat("workers=", world_size));
  const v1::RunConfig config = Config(overrides);
  const Corpus corpus = SomeText();
  JobControl control;
  Ranks ranks{std::vector<KeptResults>(world_size)};
  CollectiveGroupOptions options;
  options.emulate_all = false;
  options.wire_grad_sync = config.collective().wire_grad_sync();
  LocalCluster cluster(world_size);
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    const auto trainer = Trainer::Create(*ToTrainerOptions(config, "cpu"), &group);
    if (!trainer.ok()) return trainer.status();
    TrainLoopParts parts;
    parts.config = &config;
    parts.corpus = &corpus;
    parts.trainer = trainer->get();
    parts.group = &group;
    parts.control = &control;
    parts.sink = &ranks.results[group.rank()];
    return Train(parts).status();
  }));
  for (size_t step = 0; step < ranks.results[0].reports.size(); ++step) {
    double sum = 0;
    int count = 0;
    for (const KeptResults& rank : ranks.results) {
      if (!rank.reports[step].has_train_loss()) continue;
      sum += rank.reports[step].train_loss();
      ++count;
    }
    ranks.losses.push_back(sum / count);
  }
  return ranks;
}

// Steps after which a rank has evaluated.
std::vector<int> Evaluated(const KeptResults& rank) {
  std::vector<int> steps;
  for (const v1::StepReport& report : rank.reports) {
    if (report.has_val_loss()) steps.push_back(report.step());
  }
  return steps;
}

TEST(ReplicaLoopTest, DataIsTheSingleProcessWithTheBatchOfAllRanks) {
  const std::vector<std::string> all = {"train.eval_interval=3", "train.replica_check_interval=1",
                                        "train.micro_batches=2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), all.begin(), all.end());
    return more;
  };
  for (const int world_size : {2, 3}) {
    const Ranks single = TrainOn(1, with({absl::StrCat("train.batch=", 2 * world_size)}));
    const Ranks data =
        TrainOn(world_size, with({"parallel.strategy=data", "parallel.bucket_bytes=4096"}));
    ASSERT_EQ(data.losses.size(), 7u);
    for (size_t i = 0; i < data.losses.size(); ++i)
      EXPECT_NEAR(data.losses[i], single.losses[i], 1e-5) << i;
    EXPECT_EQ(Evaluated(data.results[0]), Evaluated(single.results[0]));
    for (size_t i = 0; i < data.losses.size(); ++i) {
      EXPECT_NEAR(data.results[0].reports[i].val_loss(), single.results[0].reports[i].val_loss(),
                  1e-5);
      EXPECT_EQ(data.results[0].reports[i].val_windows(),
                single.results[0].reports[i].val_windows());
    }
    EXPECT_TRUE(data.results[1].checkpoint.empty());
    EXPECT_EQ(data.results[0].checkpoint.size(), single.results[0].checkpoint.size());
  }
}

TEST(ReplicaLoopTest, BytesAreThoseOfTheGradients) {
  const Ranks data = TrainOn(2, {"parallel.strategy=data", "parallel.bucket_bytes=4096",
                                 "collective.wire_grad_sync=bf16"});
  double elements = 0;
  for (const NamedTensor& named : data.results[0].checkpoint) {
    if (named.name.rfind("optimizer.", 0) != 0)
      elements += static_cast<double>(named.values.size());
  }
  for (const KeptResults& rank : data.results) {
    for (const v1::StepReport& report : rank.reports) {
      // two_phase: each of two ranks sends one half to be summed and the sum of the other.
      EXPECT_NEAR(report.bytes().grad_sync(), 2 * elements, 64);
      EXPECT_EQ(report.bytes().activation_fwd() + report.bytes().scalar(), 0);
    }
  }
}

TEST(ReplicaLoopTest, FewBitsEndWithTheSameWeightsToo) {
  TrainOn(3, {"parallel.strategy=data", "parallel.bucket_bytes=4096",
              "collective.wire_grad_sync=int8:g32", "train.replica_check_interval=1"});
}

TEST(ReplicaLoopTest, LocalReplicasMeetEveryHStepsAndAtTheEnd) {
  const Ranks local =
      TrainOn(2, {"parallel.strategy=local", "parallel.inner_steps=3", "train.eval_interval=2",
                  "train.replica_check_interval=1", "train.checkpoint_interval=4"});
  std::vector<int> exchanges;
  for (const v1::StepReport& report : local.results[1].reports) {
    if (report.bytes().grad_sync() > 0) exchanges.push_back(report.step());
    EXPECT_TRUE(report.has_train_loss());
  }
  EXPECT_THAT(exchanges, ElementsAre(3, 6, 7));
  EXPECT_THAT(Evaluated(local.results[0]), ElementsAre(3, 6, 7))
      << "after 2, 4, 6: the next exchange";
  EXPECT_THAT(local.results[0].saved, ElementsAre(6, 7));
  EXPECT_NE(local.results[0].reports[0].train_loss(), local.results[1].reports[0].train_loss());
}

TEST(ReplicaLoopTest, LocalReplicasWhoseTimeIsOverEndWithTheNextMeeting) {
  const Ranks local = TrainOn(2, {"parallel.strategy=local", "parallel.inner_steps=3",
                                  "train.steps=30", "train.max_seconds=25"});
  for (const KeptResults& rank : local.results) EXPECT_EQ(rank.reports.size(), 6u);
  EXPECT_EQ(local.results[0].saved, std::vector<int>{6});
  EXPECT_EQ(Evaluated(local.results[0]), std::vector<int>{6});
}

TEST(ReplicaLoopTest, AnExchangeInEveryStepHasOnePlan) {
  const Ranks local = TrainOn(2, {"parallel.strategy=local", "parallel.inner_steps=1"});
  for (const v1::StepReport& report : local.results[0].reports)
    EXPECT_GT(report.bytes().grad_sync(), 0);
}

TEST(ReplicaLoopTest, OneReplicaAloneHasItsOuterStepsToo) {
  const Ranks local = TrainOn(1, {"parallel.strategy=local", "parallel.inner_steps=2"});
  EXPECT_EQ(local.losses.size(), 7u);
}

}  // namespace
}  // namespace edgetp
