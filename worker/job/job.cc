#include "worker/job/job.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/job_id.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/data/batches.h"
#include "common/network/network_profile.h"
#include "common/rpc/blobs.h"
#include "common/simulate/simulated_run.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "worker/collective/algorithm_choice.h"
#include "worker/collective/collective_group.h"
#include "worker/collective/medium_client.h"
#include "worker/job/bench_all_reduce.h"
#include "worker/job/calibrate.h"
#include "worker/job/checkpoint.h"
#include "worker/job/cpu_placement.h"
#include "worker/job/job_corpus.h"
#include "worker/job/job_sink.h"
#include "worker/job/memory_check.h"
#include "worker/job/run_recorder.h"
#include "worker/job/sample_job.h"
#include "worker/job/train_loop.h"
#include "worker/job/trainer_options.h"
#include "worker/model/device.h"
#include "worker/transport/blame.h"
#include "worker/transport/peer_group.h"

namespace edgetp {
namespace {

// The server waits for the one to blame as long as for a heartbeat; where it is lost, the link says
// so.
constexpr absl::Duration kVerdictTimeout = absl::Minutes(2);
// The others wait for the rank that saves: until a checkpoint is written and transferred
// (kLongestTransfer).
constexpr absl::Duration kSavePatience = absl::Hours(2);
// Another process of the last job may still be giving its memory back.
constexpr absl::Duration kMemoryPatience = absl::Seconds(2);
constexpr absl::Duration kMemoryPoll = absl::Milliseconds(100);

std::vector<PeerMember> PeersOf(const v1::Assign& assign) {
  std::vector<PeerMember> peers;
  for (const v1::Member& member : assign.members())
    peers.push_back({member.peer_address(), member.clock_domain()});
  return peers;
}

// One job's parts, in the order of their construction; destroyed in reverse.
class Job {
 public:
  Job(const v1::Assign& assign, const JobContext& context)
      : assign_(assign),
        config_(assign.spec().config()),
        context_(context),
        blobs_(v1::Blobs::NewStub(context.link->channel())),
        members_(PeersOf(assign)),
        medium_(context.link->channel(), assign.job(), ShareOneClock(members_)),
        network_name_(config_.network().name()),
        recorder_(context.environment->metrics->BeginRun(RunOfJob(assign.job()),
                                                         assign.rank()),
                  assign.rank(), config_.clock() == v1::CLOCK_SIMULATED) {}

  ~Job() { context_.control->Detach(); }

  absl::Status Prepare();
  absl::Status RunTask(v1::JobResult* result);
  // Nobody needs what is still under way to the peers: the end of this job does not wait for it.
  void Abandon(const absl::Status& status);

 private:
  // Blocks until: the model fits into memory, or it is clear that it will not.
  absl::Status AwaitMemory();
  absl::Status Connect(absl::Time deadline);
  absl::Status BuildModel();
  absl::Status LoadWeights();
  EvaluationParts Parts();
  absl::Status RunTraining(v1::JobResult* result);
  absl::Status RunEvaluation(v1::EvalReport* report);
  // That of the all-reduces which the job is about.
  absl::StatusOr<std::string> MainAlgorithm();

  const v1::Assign& assign_;
  const v1::RunConfig& config_;
  const JobContext context_;
  std::unique_ptr<v1::Blobs::Stub> blobs_;
  const std::vector<PeerMember> members_;
  MediumClient medium_;
  NetworkName network_name_;
  RunRecorder recorder_;
  std::optional<JobCorpus> corpus_;
  std::unique_ptr<CollectiveGroup> group_;
  std::unique_ptr<Trainer> trainer_;
  int first_step_ = 0;
  std::vector<std::string> symbols_;  // of the vocabulary, from the weights
  std::vector<NamedTensor> guard_;    // that of norms, from the checkpoint
};

absl::Status Job::Prepare() {
  const absl::Time deadline = MonotonicNow() + absl::Seconds(assign_.ready_deadline_seconds());
  ASSIGN_OR_RETURN(corpus_, JobCorpus::Fetch(blobs_.get(), assign_));
  // Nobody builds before all have connected, so nobody's memory is counted twice here.
  const bool has_model = assign_.spec().task_case() != v1::JobSpec::kBench;
  // To calibrate is to build models of several shapes, one after the other.
  const bool builds_model = has_model && assign_.spec().task_case() != v1::JobSpec::kCalibrate;
  if (has_model) RETURN_IF_ERROR(AwaitMemory());
  // Peers first: a peer that waits for this one must not run out of time while this one builds a
  // large model.
  RETURN_IF_ERROR(Annotate(Connect(deadline), "connect peers"));
  if (!builds_model) return absl::OkStatus();
  RETURN_IF_ERROR(Annotate(BuildModel(), "build model"));
  return Annotate(LoadWeights(), "load weights");
}

// Nothing for the CPU.
std::optional<MemoryRoom> AcceleratorRoom(const std::string& device) {
  const std::optional<DeviceMemory> memory = AcceleratorMemory(device);
  if (!memory.has_value()) return std::nullopt;
  return MemoryRoom{memory->free_bytes, absl::StrCat(device, ", ", AcceleratorModel(device))};
}

absl::Status Job::AwaitMemory() {
  const absl::Time give_up = MonotonicNow() + kMemoryPatience;
  while (true) {
    const absl::Status status =
        CheckMemory(assign_, &ReadSystemFile, AcceleratorRoom(context_.environment->device));
    if (status.ok() || MonotonicNow() >= give_up) return status;
    RETURN_IF_ERROR(context_.control->aborted());
    absl::SleepFor(kMemoryPoll);
  }
}

absl::Status Job::Connect(absl::Time deadline) {
  PeerGroupOptions peers;
  peers.job = assign_.job();
  peers.rank = assign_.rank();
  peers.members = members_;
  // Nobody waits until a time of another rank: its clock may be what it is.
  if (config_.clock() == v1::CLOCK_SIMULATED) {
    for (PeerMember& member : peers.members) member.clock_domain = "simulated";
  }
  peers.on_dial_error = [this](const std::string& error) {
    spdlog::warn("job {}: {}", assign_.job(), error);
    v1::WorkerMessage message;
    message.mutable_progress()->set_job(assign_.job());
    message.mutable_progress()->set_activity(error);
    context_.link->Send(std::move(message));
  };
  auto transport = std::make_unique<PeerGroup>(context_.environment->endpoint, std::move(peers));
  context_.control->Attach(
      [peers = transport.get()](const absl::Status& status) { peers->Abort(status); },
      [](const v1::NetworkUpdate&) {});
  const absl::Status connected = transport->Connect(deadline);
  context_.control->Detach();
  RETURN_IF_ERROR(connected);

  const int world_size = assign_.members_size();
  CollectiveGroupOptions options;
  ASSIGN_OR_RETURN(options.network, ResolveNetwork(config_.network(), world_size));
  options.choose = ChooserFor(config_, options.network);
  // The server charges for network and devices; here nobody waits for either.
  const bool simulated = config_.clock() == v1::CLOCK_SIMULATED;
  if (simulated) options.network = NetworkOptions();
  if (const auto devices = DeviceOptionsOf(config_); !simulated && !devices.empty())
    options.device = OfRank(devices, assign_.rank());
  options.overlap = !simulated;
  options.wire_forward = config_.collective().wire_forward();
  options.wire_backward = config_.collective().wire_backward();
  options.wire_grad_sync = config_.collective().wire_grad_sync();
  // A token is a step, but what was lost in one must not come with the next.
  options.feedback_activations =
      assign_.spec().has_train() && config_.collective().error_feedback_activations();
  ASSIGN_OR_RETURN(options.feedback_grad_sync, FeedsBackGradSync(config_.collective()));
  options.deadline = absl::Seconds(config_.collective().deadline_seconds());
  options.patience = kSavePatience;
  // A job whose result is a time over the network has nothing but what is emulated; the rounds of a
  // benchmark are steps.
  const v1::JobSpec& spec = assign_.spec();
  options.emulate_all = config_.collective().emulate_all() ||
                        !(spec.has_train() || spec.has_eval() || spec.has_bench());
  options.segment_bytes = config_.collective().segment_bytes();
  if (config_.collective().has_slice_bytes())
    options.slice_bytes = config_.collective().slice_bytes();
  options.seed = config_.seed();
  options.medium = &medium_;
  options.observer = &recorder_;
  ASSIGN_OR_RETURN(group_, CollectiveGroup::Create(std::move(transport), std::move(options)));
  if (!group_->one_clock())
    spdlog::info("the workers share no clock: those of their hosts are estimated in the run");
  context_.control->Attach(
      [this](const absl::Status& status) {
        group_->Abort(status);
        medium_.Cancel();
      },
      [this, world_size, simulated](const v1::NetworkUpdate& update) {
        absl::StatusOr<NetworkOptions> network = ResolveNetwork(update.network(), world_size);
        // The server has validated the profile; if it is refused here all the same, the run must
        // not go on under another.
        if (!network.ok()) return group_->Abort(Annotate(network.status(), "network update"));
        if (update.deadline_seconds() > 0)
          group_->SetDeadline(absl::Seconds(update.deadline_seconds()));
        if (!simulated) group_->SetNetwork(*std::move(network));
        network_name_.Set(update.network().name());
      });
  return context_.control->aborted();
}

absl::Status Job::BuildModel() {
  ASSIGN_OR_RETURN(TrainerOptions options,
                   ToTrainerOptions(config_, context_.environment->device));
  options.trains = assign_.spec().has_train();
  options.initialises = assign_.spec().weights_blob().empty();
  ASSIGN_OR_RETURN(trainer_, Trainer::Create(options, group_.get()));
  return absl::OkStatus();
}

absl::Status Job::LoadWeights() {
  const v1::JobSpec& spec = assign_.spec();
  if (spec.weights_blob().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto bytes, OpenBlob(blobs_.get(), spec.weights_blob()));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, OpenCheckpoint(std::move(bytes)));
  symbols_ = checkpoint.symbols;
  // Clients number texts as the weights do.
  if (corpus_.has_value()) RETURN_IF_ERROR(corpus_->CheckWeights(symbols_, checkpoint.tokenizer));
  RETURN_IF_ERROR(trainer_->LoadWeights(checkpoint.weights));
  if (!spec.has_train() || !spec.train().resume()) return absl::OkStatus();
  first_step_ = checkpoint.step;
  ASSIGN_OR_RETURN(guard_, ReadTensors(checkpoint.guard));
  RETURN_IF_ERROR(
      group_->feedback().Restore(checkpoint.residuals, group_->rank(), group_->world_size()));
  return trainer_->LoadOptimizerState(checkpoint.optimizer_state);
}

EvaluationParts Job::Parts() {
  EvaluationParts parts;
  parts.config = &config_;
  parts.corpus = &corpus_->tokens();
  parts.trainer = trainer_.get();
  parts.group = group_.get();
  parts.control = context_.control;
  if (assign_.rank() == 0) parts.progress = SendProgress(assign_.job(), context_.link);
  return parts;
}

absl::Status Job::RunTraining(v1::JobResult* result) {
  TrainLoopParts parts{Parts()};
  JobSink sink(assign_, corpus_->description(), network_name_, context_.link, blobs_.get(),
               &recorder_, parts.progress);
  parts.sink = &sink;
  parts.first_step = first_step_;
  parts.guard = guard_;
  ASSIGN_OR_RETURN(const TrainOutcome outcome, Train(parts));
  recorder_.FillResult(result);
  *result->mutable_eval() = outcome.evaluation;
  result->set_checkpoint_error(std::string(outcome.checkpoint.message()));
  return absl::OkStatus();
}

absl::Status Job::RunEvaluation(v1::EvalReport* report) {
  const v1::EvalTask& task = assign_.spec().eval();
  const int sequence = config_.model().sequence();
  int64_t windows = CountEvaluationWindows(corpus_->tokens(), sequence);
  if (task.has_windows()) windows = std::min<int64_t>(windows, task.windows());
  std::vector<int64_t> first(windows);
  std::iota(first.begin(), first.end(), int64_t{0});
  ASSIGN_OR_RETURN(*report, Evaluate(Parts(), first));
  ASSIGN_OR_RETURN(const Pattern pattern,
                   Pattern::Parse(config_.pattern(), config_.model().layers()));
  report->set_pattern(pattern.Expanded());
  report->set_workers(config_.workers());
  return absl::OkStatus();
}

void Job::Abandon(const absl::Status& status) {
  if (group_ != nullptr) group_->Abort(status);
}

absl::StatusOr<std::string> Job::MainAlgorithm() {
  TrafficClass traffic = TrafficClass::kActivationForward;
  int64_t elements =
      int64_t{config_.train().batch()} * config_.model().sequence() * config_.model().channels();
  if (assign_.spec().has_sample())
    elements = int64_t{std::max(1, assign_.spec().sample().prompts_size())} *
               config_.model().channels();
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(config_));
  if (assign_.spec().has_train() && replicas.replicated()) {
    ASSIGN_OR_RETURN(const RunPlans plans, RunPlans::Build(config_));
    const CollectiveStep* const main = MainAllReduce(plans.fullest().steps[0]);
    traffic = TrafficClass::kGradSync;
    elements = main == nullptr ? 1 : main->elements;
  }
  return group_->AlgorithmFor(traffic, elements);
}

absl::Status Job::RunTask(v1::JobResult* result) {
  const v1::JobSpec& spec = assign_.spec();
  switch (spec.task_case()) {
    case v1::JobSpec::kTrain:
      RETURN_IF_ERROR(RunTraining(result));
      break;
    case v1::JobSpec::kEval:
      RETURN_IF_ERROR(RunEvaluation(result->mutable_eval()));
      break;
    case v1::JobSpec::kSample:
      RETURN_IF_ERROR(RunSampling({&assign_, trainer_.get(), group_.get(), context_.control,
                                   context_.link, &recorder_, &network_name_},
                                  symbols_, result));
      break;
    case v1::JobSpec::kBench: {
      ASSIGN_OR_RETURN(*result->mutable_bench(),
                       BenchAllReduce(spec.bench(), config_.network().name(), group_.get()));
      break;
    }
    case v1::JobSpec::kCalibrate: {
      ASSIGN_OR_RETURN(v1::CalibrateReport report,
                       Calibrate(config_, *context_.environment, group_.get()));
      if (assign_.rank() == 0) *result->mutable_calibrate() = std::move(report);
      break;
    }
    case v1::JobSpec::TASK_NOT_SET:
      return absl::InvalidArgumentError("job spec: no task is set");
  }
  *result->mutable_fidelity() = group_->TotalFidelity();
  *result->mutable_allreduce_choices() = group_->Choices();
  ASSIGN_OR_RETURN(*result->mutable_allreduce_algorithm(), MainAlgorithm());
  return absl::OkStatus();
}

absl::Status Execute(const v1::Assign& assign, const JobContext& context, Job* job) {
  RETURN_IF_ERROR(job->Prepare());
  v1::WorkerMessage ready;
  ready.mutable_ready()->set_job(assign.job());
  context.link->Send(std::move(ready));
  const absl::Duration patience = absl::Seconds(assign.ready_deadline_seconds());
  RETURN_IF_ERROR(context.control->AwaitStart(MonotonicNow() + patience));

  v1::WorkerMessage done;
  done.mutable_result()->set_job(assign.job());
  RETURN_IF_ERROR(job->RunTask(done.mutable_result()));
  context.link->Send(std::move(done));
  return absl::OkStatus();
}

v1::WorkerMessage FailureMessage(const v1::Assign& assign, const absl::Status& status) {
  v1::WorkerMessage message;
  v1::JobFailure& failure = *message.mutable_failure();
  failure.set_job(assign.job());
  failure.mutable_failure()->set_code(static_cast<int>(status.code()));
  failure.mutable_failure()->set_message(std::string(status.message()));
  // A lost peer or a missed deadline is what the failure of another rank looks like from here.
  failure.set_secondary(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                        absl::IsAborted(status));
  failure.set_culprit(BlamedRank(status).value_or(assign.rank()));
  return message;
}

// Reports what failed here and returns the server's verdict, which names the culprit.
absl::Status Report(const v1::Assign& assign, const JobContext& context,
                    const absl::Status& status) {
  context.link->Send(FailureMessage(assign, status));
  const absl::Status verdict = context.control->AwaitFinish(MonotonicNow() + kVerdictTimeout);
  return absl::IsAborted(verdict) ? verdict : status;
}

}  // namespace

absl::Status ExecuteJob(const v1::Assign& assign, const JobContext& context) {
  std::optional<CpuPlacement> placement;
  if (context.environment->device == "cpu")
    placement.emplace(SeatOf(assign), context.environment->threads);
  Job job(assign, context);
  absl::Status status = Execute(assign, context, &job);
  if (status.ok()) return status;
  // The connections stay open meanwhile: no peer may take this rank's leaving for the cause.
  if (context.control->aborted().ok()) status = Report(assign, context, status);
  job.Abandon(status);
  return status;
}

}  // namespace edgetp
