// Flags, presets and --set become one fully resolved RunConfig. Every fault is reported at once,
// before anything starts.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/recovery_options.h"
#include "common/config/link_flags.h"
#include "common/data/corpus.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// As typed; absent: what presets or defaults say.
struct RunFlags {
  std::string config_path;
  std::optional<std::string> config;  // run preset or file
  std::optional<std::string> model;   // preset or file; "minigpt" if nothing says another
  std::optional<std::string> pattern;
  std::optional<int> workers;
  bool vocabulary_parallel = false;
  bool recompute = false;
  std::optional<std::string> strategy;
  std::optional<std::string> bucket;   // of strategy data
  std::optional<int> inner_steps;      // of strategy local
  std::optional<std::string> network;  // preset or file
  std::optional<std::string> device;   // preset or file, or a mixture of them (device_mix.h)
  LinkFlags link;
  std::optional<std::string> allreduce;
  std::optional<std::string> slice;  // of algorithms that cut their chunks
  std::optional<std::string> wire;   // of activations, both directions
  std::optional<std::string> wire_forward;
  std::optional<std::string> wire_backward;
  std::optional<std::string> overlap;
  std::optional<std::string> wire_grad_sync;
  std::optional<std::string> deadline;  // of one collective
  std::optional<int> steps;
  std::optional<std::string> schedule;  // of the learning rate
  std::optional<double> max_seconds;
  std::optional<int> batch;
  std::optional<int> sequence;
  std::optional<int> micro_batches;
  std::optional<uint64_t> seed;
  std::optional<std::string> clock;
  RecoveryFlags recovery;
  bool vary_boards = false;  // each rank has a board of its own, drawn from the seed
  std::optional<std::string> run;
  std::string data = "auto";
  std::vector<std::string> set;
  // A run of a model: its deadline is settled as soon as its network is known. Not typed.
  bool settles_deadline = true;
  // A strategy is planned that is named elsewhere: the config's own does not count, nor what it asks of
  // the workers. Not typed.
  bool plans_strategy = false;
};

// Groups of flags: each command takes those that mean something to it.
void AddPresetFlags(CLI::App* command, RunFlags* flags);   // --config --set --config_path
void AddModelFlags(CLI::App* command, RunFlags* flags);    // --model --batch --sequence
void AddPatternFlags(CLI::App* command, RunFlags* flags);  // --pattern --workers
void AddOverlapFlag(CLI::App* command, RunFlags* flags);   // --overlap
void AddOverlapList(CLI::App* command, std::vector<std::string>* overlaps);  // the same, several
void AddParallelFlags(CLI::App* command, RunFlags* flags);  // --vocabulary_parallel
void AddMemoryFlags(CLI::App* command, RunFlags* flags);    // --recompute
void AddWireFlags(CLI::App* command, RunFlags* flags);      // --wire and --wire_... of each class
void AddSliceFlag(CLI::App* command, RunFlags* flags);      // --slice
void AddStrategyFlag(CLI::App* command, RunFlags* flags);   // --strategy --bucket --inner_steps
void AddStrategyList(CLI::App* command, RunFlags* flags, std::vector<std::string>* strategies);
void AddCollectiveFlags(CLI::App* command,
                        RunFlags* flags);  // --allreduce --slice --deadline, AddWireFlags'
void AddNetworkFlag(CLI::App* command, RunFlags* flags);  // --network and those of AddLinkFlags
void AddLinkFlags(CLI::App* command, LinkFlags* flags);   // --delay --jitter --rate --loss ...
void AddTrainFlags(CLI::App* command, RunFlags* flags);   // --steps --seed --lr_schedule ...
void AddClockFlag(CLI::App* command, RunFlags* flags);    // --clock
void AddBoardsFlag(CLI::App* command, RunFlags* flags);   // --vary_boards
void AddDataFlag(CLI::App* command, RunFlags* flags);     // --data
void AddRunNameFlag(CLI::App* command, RunFlags* flags);  // --run

// The flags of one of several strategies (absent: what presets say): without --bucket and
// --inner_steps where they belong to another one of `all`.
RunFlags WithStrategy(RunFlags flags, const std::optional<std::string>& strategy,
                      const std::vector<std::string>& all);

// How large a vocabulary the data has, and whether that can be believed.
struct DataVocabulary {
  DataVocabulary(int size) : size(size) {}
  explicit DataVocabulary(const Corpus& corpus)
      : size(corpus.vocabulary()), sound(corpus.CheckVocabulary()) {}

  int size;
  absl::Status sound;
};

// A run, ready to be submitted. `base` is what the flags start from: the config of a checkpoint, or
// nothing. `vocabulary` is taken where the model says none. Where nothing says which network, the
// field stays absent: the cluster's profile is taken.
// Errors: InvalidArgument with all faults, one per line.
absl::StatusOr<v1::RunConfig> ResolveRun(const RunFlags& flags, const v1::RunConfig& base,
                                         const std::optional<DataVocabulary>& vocabulary);

// The same for a run that is only planned: with the vocabulary that plans assume.
absl::StatusOr<v1::RunConfig> ResolvePlan(const RunFlags& flags);

// The fields of a run that flags set by themselves: without presets, --network, --device and --set.
// They have been resolved, so nothing is wrong with them.
v1::RunConfig WhatFlagsSay(const RunFlags& flags);

// What --network and the link options say; absent: nothing.
// Errors: InvalidArgument with all faults.
absl::StatusOr<std::optional<v1::NetworkProfile>> ResolveNetworkFlags(const RunFlags& flags,
                                                                      int workers);

// Loads --data, and says on stderr which text a default means.
// Errors: those of loading; InvalidArgument naming --data.
absl::StatusOr<Corpus> LoadData(const std::string& data, std::string* origin);

// The vocabulary that weights carry: what they call token 0, 1, ...
struct WeightsVocabulary {
  std::string origin;                // "--init_from=FILE"
  std::vector<std::string> symbols;  // empty: they carry none
  int tokens = 0;                    // how many the model knows
  TokenizerId tokenizer;             // whose tokens they are; may be unknown
};

// The corpus in that vocabulary, so that a token means what it meant when the weights were trained.
// Says on stderr where only the user can know whether it does.
// Errors: InvalidArgument naming `origin` and a character that the weights do not know.
absl::StatusOr<Corpus> InVocabularyOf(const WeightsVocabulary& weights, Corpus corpus,
                                      const std::string& origin);

// The data that a command works on: what was typed, else where the run that it goes on with took
// its own from.
std::string DataOf(const RunFlags& flags, const v1::RunConfig& base);

// Collects faults so that the user sees all of them at once.
class Faults {
 public:
  // Keeps the message of an error.
  void Add(const absl::Status& status);
  // The value, or T() and a fault.
  template <typename T>
  T Take(absl::StatusOr<T> value) {
    Add(value.status());
    return value.ok() ? *std::move(value) : T();
  }
  // InvalidArgument with all messages, one per line; OK without any.
  absl::Status status() const;

 private:
  std::vector<std::string> messages_;
};

}  // namespace edgetp
