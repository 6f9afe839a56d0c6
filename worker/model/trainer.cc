#include "worker/model/trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/plan/parameters.h"
#include "worker/model/adamw.h"
#include "worker/model/device.h"
#include "worker/model/gpt.h"
#include "worker/model/gpt_decoder.h"
#include "worker/model/gradient_buckets.h"
#include "worker/model/graph_node.h"
#include "worker/model/init.h"
#include "worker/model/outer_step.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/replica_check.h"
#include "worker/model/replica_moments.h"
#include "worker/model/torch.h"
#include "worker/model/trainer_checks.h"
#include "worker/model/weight_exchange.h"

namespace edgetp {
namespace {

absl::Status Invalid(const std::string& message) {
  return absl::InvalidArgumentError("trainer: " + message);
}

// LibTorch's messages carry a stack trace after their first line.
absl::Status FromException(const char* what_failed, const std::exception& error) {
  const std::string text = error.what();
  const std::string message = absl::StrCat(what_failed, ": ", text.substr(0, text.find('\n')));
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                      dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      text.find("allocate memory") !=
                          std::string::npos;  // the CPU allocator has no type of its own
  return memory ? absl::ResourceExhaustedError(message) : absl::InternalError(message);
}

// Runs `body`; exceptions stop here. `context` may be null (nothing can communicate yet).
template <typename Result, typename Body>
Result Guard(const char* what, const ParallelContext* context, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    if (context != nullptr && !context->status().ok()) return context->status();
    return FromException(what, error);
  }
}

absl::StatusOr<torch::Device> ParseDevice(const std::string& text) {
  const std::vector<std::string> present = PresentDevices();
  if (std::find(present.begin(), present.end(), text) != present.end()) return torch::Device(text);
  return Invalid(absl::StrCat("device \"", text, "\" is not on this host: it has ",
                              absl::StrJoin(present, ", ")));
}

std::vector<ParameterSpec> SpecsOf(const TrainerOptions& options) {
  std::vector<ParameterSpec> specs =
      Gpt2Parameters(options.shape, options.pattern, options.vocabulary_parallel);
  return options.replicas.replicated() ? Replicated(std::move(specs)) : specs;
}

// Of every rank.
absl::StatusOr<std::vector<Shard>> ShardsOf(const TrainerOptions& options, int world_size) {
  if (!options.replicas.replicated())
    return BuildShardMap(options.shape, world_size, options.split, options.vocabulary_parallel);
  ASSIGN_OR_RETURN(const std::vector<Shard> whole, BuildShardMap(options.shape, 1, {}));
  return std::vector<Shard>(world_size, whole[0]);
}

// Where a replica's micro-batches lie in those of all ranks: what the masks of dropout go by.
void PlaceRows(const ParallelContext& ranks, ForwardPass* pass) {
  pass->first_row = ranks.rank() * pass->batch;
  pass->all_rows = ranks.world_size() * pass->batch;
}

// A backward pass that fails leaves products for weights behind.
struct DropAtEnd {
  DeferredProducts& products;
  ~DropAtEnd() { products.Drop(); }
};

class GptTrainer : public Trainer {
 public:
  // `shards`: of every rank.
  GptTrainer(const TrainerOptions& options, const std::vector<Shard>& shards,
             const torch::Device& device, Communicator* communicator)
      : options_(options),
        device_(device),
        context_(communicator, shards[communicator->rank()],
                 options.overlap.DefersWeightGradients(communicator->world_size()),
                 device.is_cpu() ? nullptr : MakeGpuCopyEngine(device.index())),
        apart_(&alone_, context_.shard()),
        within_(options.replicas.replicated() ? apart_ : context_),
        completed_(CompletedElements(SpecsOf(options))),
        store_(SpecsOf(options), context_.shard(), device, options.replicas.exchange,
               options.trains),
        weights_(SpecsOf(options), shards, &context_, &store_),
        model_(options_, store_, &within_) {
    if (options.initialises) Initialise();
    if (exchanges_weights()) BeginOuterSteps(store_);
  }

  absl::StatusOr<StepResult> TrainStep(int step, absl::Span<const TokenBatch> micro_batches,
                                       const UpdateRule& rule) override {
    RETURN_IF_ERROR(CheckTrains());
    if (micro_batches.empty()) return Invalid("a step needs at least one micro-batch");
    for (const TokenBatch& batch : micro_batches) {
      RETURN_IF_ERROR(CheckBatch(options_.shape, batch));
      RETURN_IF_ERROR(CheckRows(options_.overlap, batch.batch));
    }
    return Run<absl::StatusOr<StepResult>>("training step",
                                           [&] { return Step(step, micro_batches, rule); });
  }

  absl::Status OuterStep() override {
    if (!exchanges_weights()) return Trainer::OuterStep();
    return Run<absl::Status>("outer step", [&] {
      TakeOuterStep(options_.replicas, context_, store_);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<double> Evaluate(const TokenBatch& batch) override {
    RETURN_IF_ERROR(CheckBatch(options_.shape, batch));
    return Run<absl::StatusOr<double>>("evaluation", [&] {
      torch::NoGradGuard no_grad;
      const ForwardPass pass{
          .phase = Phase::kEvaluate, .batch = batch.batch, .sequence = batch.sequence};
      return model_.Loss(OnDevice(batch.inputs, batch), OnDevice(batch.targets, batch), pass)
          .item<double>();
    });
  }

  absl::StatusOr<std::vector<float>> NextTokenLogits(absl::Span<const int64_t> tokens) override {
    const TokenBatch batch{.batch = 1,
                           .sequence = static_cast<int>(tokens.size()),
                           .inputs = {tokens.begin(), tokens.end()},
                           .targets = std::vector<int64_t>(tokens.size(), 0)};
    RETURN_IF_ERROR(CheckBatch(options_.shape, batch));
    return Run<absl::StatusOr<std::vector<float>>>("next-token logits", [&] {
      torch::NoGradGuard no_grad;
      const ForwardPass pass{.phase = Phase::kEvaluate, .batch = 1, .sequence = batch.sequence};
      const torch::Tensor hidden = model_.Hidden(OnDevice(batch.inputs, batch), pass);  // (T', C)
      return ToNamedTensor("", model_.Logits(hidden.narrow(0, batch.sequence - 1, 1), pass)).values;
    });
  }

  absl::StatusOr<std::unique_ptr<Decoder>> NewDecoder(const DecoderOptions& options) override {
    if (options.rows < 1 || options.capacity < 0 || options.capacity > options_.shape.sequence) {
      return Invalid(absl::StrCat("a decoder of ", options.rows, " rows for ", options.capacity,
                                  " tokens each: at least 1, and at most sequence=",
                                  options_.shape.sequence));
    }
    using Result = absl::StatusOr<std::unique_ptr<Decoder>>;
    return Run<Result>("decoder", [&]() -> Result {
      return std::make_unique<GptDecoder>(
          &model_, options_.shape, within_.shard().heads.size(), device_, options,
          [this](const char* what, const std::function<GptDecoder::Logits()>& body) {
            return Run<GptDecoder::Logits>(what, body);
          });
    });
  }

  absl::Status CheckReplicas(int step) override {
    return Run<absl::Status>("replica check",
                             [&] { return CompareReplicas(store_, context_, step); });
  }

  absl::Status LoadWeights(const std::vector<StoredTensor>& tensors) override {
    return Run<absl::Status>("loading weights", [&] {
      const absl::Status loaded = weights_.Load(tensors, {kWeightSet});
      if (loaded.ok() && exchanges_weights()) BeginOuterSteps(store_);
      return loaded;
    });
  }

  absl::Status LoadOptimizerState(const std::vector<StoredTensor>& tensors) override {
    RETURN_IF_ERROR(CheckTrains());
    return Run<absl::Status>("loading optimizer state", [&] {
      std::vector<TensorSet> sets = {kMomentSets[0], kMomentSets[1]};
      const auto of_outer = [](const StoredTensor& tensor) {
        return tensor.name.rfind(kOuterSet.prefix, 0) == 0;
      };
      if (exchanges_weights() && std::any_of(tensors.begin(), tensors.end(), of_outer))
        sets.push_back(kOuterSet);
      RETURN_IF_ERROR(weights_.Load(tensors, sets));
      return exchanges_weights() ? TakeReplicaMoments(tensors, context_.rank(), store_)
                                 : absl::OkStatus();
    });
  }

  std::vector<TensorInfo> ExportedTensors(bool optimizer_state) const override {
    std::vector<TensorInfo> tensors = weights_.Tensors(ExportedSets(optimizer_state));
    if (!optimizer_state || !exchanges_weights()) return tensors;
    for (TensorInfo& moments : ReplicaMoments(context_, store_))
      tensors.push_back(std::move(moments));
    return tensors;
  }

  absl::Status ExportWeights(bool optimizer_state, const ValueSink& sink) override {
    if (optimizer_state) RETURN_IF_ERROR(CheckTrains());
    return Run<absl::Status>("exporting weights", [&] {
      absl::Status sent = weights_.Gather(ExportedSets(optimizer_state), sink);
      if (optimizer_state && exchanges_weights())
        sent.Update(GatherReplicaMoments(context_, store_, sink));
      return sent;
    });
  }

  absl::StatusOr<std::vector<NamedTensor>> LocalGradients() override {
    return Run<absl::StatusOr<std::vector<NamedTensor>>>("reading gradients", [&] {
      std::vector<NamedTensor> gradients;
      for (const Parameter& p : store_.parameters())
        gradients.push_back(ToNamedTensor(p.spec.name, p.gradient / left_scale_));
      return gradients;
    });
  }

 private:
  bool exchanges_weights() const {
    return options_.trains && options_.replicas.exchange == Replicas::kWeights;
  }
  // Of every step.
  bool exchanges_gradients() const {
    return options_.replicas.exchange == Replicas::kGradients && context_.world_size() > 1;
  }

  absl::Status CheckTrains() const {
    if (options_.trains) return absl::OkStatus();
    return absl::FailedPreconditionError("trainer: this one was made to evaluate, not to train");
  }

  void Initialise() {
    const absl::Status filled =
        weights_.Load(InitialTensors(SpecsOf(options_), options_.shape, options_.init,
                                     options_.seed),
                      {kWeightSet});
    if (!filled.ok()) throw std::logic_error(std::string(filled.message()));
  }

  std::vector<TensorSet> ExportedSets(bool optimizer_state) const {
    std::vector<TensorSet> sets = {kWeightSet};
    if (optimizer_state) sets.insert(sets.end(), std::begin(kMomentSets), std::end(kMomentSets));
    if (optimizer_state && exchanges_weights()) sets.push_back(kOuterSet);
    return sets;
  }

  // After a failed collective the ranks are out of step: nothing can be computed any more.
  template <typename Result, typename Body>
  Result Run(const char* what, Body body) {
    if (!context_.status().ok()) return context_.status();
    if (!device_.is_cpu()) AllowTf32(options_.precision == Precision::kTf32);
    return Guard<Result>(what, &context_, body);
  }

  StepResult Step(int step, absl::Span<const TokenBatch> micro_batches, const UpdateRule& rule) {
    store_.gradients().zero_();
    left_scale_ = 1;
    StepResult result;
    GradientBuckets buckets(store_.gradients(), completed_,
                            ElementsPerBucket(options_.replicas.bucket_bytes), &context_);
    for (size_t i = 0; i < micro_batches.size(); ++i) {
      const TokenBatch& batch = micro_batches[i];
      ForwardPass pass{.phase = Phase::kForward,
                       .batch = batch.batch,
                       .sequence = batch.sequence,
                       .dropout = options_.dropout,
                       .dropout_key = RandomBits(options_.seed, static_cast<uint64_t>(step), i)};
      if (options_.replicas.replicated()) PlaceRows(context_, &pass);
      const bool completes = i + 1 == micro_batches.size();
      if (completes && exchanges_gradients()) pass.buckets = &buckets;
      result.loss += ForwardBackward(batch, pass, 1.0 / static_cast<double>(micro_batches.size()));
    }
    if (exchanges_gradients()) buckets.Finish();
    SyncGradients();
    result.gradient_norm = GradientNorm();
    // Every rank has the same bits of it, and decides alike.
    result.skipped = rule.norm_limit.has_value() && !(result.gradient_norm <= *rule.norm_limit);
    if (result.skipped) return result;
    AdamWUpdate update{.step = step - rule.skipped_before, .learning_rate = rule.learning_rate};
    if (options_.clip_norm > 0) {
      update.gradient_scale =
          std::min(1.0, options_.clip_norm / (result.gradient_norm + 1e-6));  // as torch's clip
    }
    const AdamWWay way = ChooseAdamW(store_.values());
    ApplyAdamW(way, options_.adamw, update, store_);
    left_scale_ = way == AdamWWay::kFused ? update.gradient_scale : 1;
    return result;
  }

  // Adds the micro-batch's share to the gradients. Returns its share of the loss. The sum of the
  // replicas' gradients is their mean, because each of them has its share of it.
  double ForwardBackward(const TokenBatch& batch, ForwardPass pass, double share) {
    const double part = exchanges_gradients() ? share / context_.world_size() : share;
    pass.loss_gradient = part;
    const torch::Tensor loss =
        model_.Loss(OnDevice(batch.inputs, batch), OnDevice(batch.targets, batch), pass);
    const DropAtEnd drops_products{within_.products()};
    RunBackwardOnThisThread();
    loss.backward(torch::full_like(loss, part, torch::TensorOptions().requires_grad(false)));
    if (!within_.products().empty())
      throw std::logic_error("a backward pass ended without the sum of a region's gradient");
    return loss.item<double>() * share;
  }

  // Parameters of s and p blocks that every rank uses inside its own region: their gradients are
  // partial.
  void SyncGradients() {
    for (const ParameterRange& range : store_.ranges()) {
      if (!range.partial_gradient || range.size == 0) continue;
      context_.AllReduce({TrafficClass::kGradSync, Phase::kOptimizer, -1},
                         range.Of(store_.gradients()));
    }
  }

  // Of the whole model. Replicated parameters count once: rank 0 adds them to its share, so that
  // every rank derives the same bits from the one sum.
  double GradientNorm() {
    torch::Tensor squares = torch::zeros({1}, store_.gradients().options());
    for (const ParameterRange& range : store_.ranges()) {
      if (range.size == 0 || (!range.sharded && within_.rank() != 0)) continue;
      const torch::Tensor gradient = range.Of(store_.gradients());
      squares += torch::dot(gradient, gradient);
    }
    within_.AllReduce({TrafficClass::kScalar, Phase::kOptimizer, -1}, squares);
    return std::sqrt(squares.item<double>());
  }

  // Shapes: (B, T).
  torch::Tensor OnDevice(const std::vector<int64_t>& tokens, const TokenBatch& batch) const {
    const torch::Tensor host = torch::from_blob(const_cast<int64_t*>(tokens.data()),
                                                {batch.batch, batch.sequence}, torch::kLong);
    return host.to(device_);
  }

  const TrainerOptions options_;
  const torch::Device device_;
  ParallelContext context_;  // of all ranks
  Alone alone_;
  ParallelContext apart_;    // of a replica, which is a model on one rank
  ParallelContext& within_;  // that of the model
  const std::vector<int64_t> completed_;
  ParameterStore store_;
  WeightExchange weights_;
  const Gpt model_;
  double left_scale_ = 1;  // of the gradients, by the optimizer
};

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const TrainerOptions& options,
                                                         Communicator* communicator) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const torch::Device device, ParseDevice(options.device));
  if (!device.is_cpu()) ComputeDeterministically();
  ASSIGN_OR_RETURN(const std::vector<Shard> shards, ShardsOf(options, communicator->world_size()));
  using Result = absl::StatusOr<std::unique_ptr<Trainer>>;
  return Guard<Result>("building the model", nullptr, [&]() -> Result {
    return std::make_unique<GptTrainer>(options, shards, device, communicator);
  });
}

}  // namespace edgetp
