#include "cli/shared/config_sources.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/load.h"
#include "common/config/override.h"

namespace edgetp {
namespace {

constexpr char kDefault[] = "default";

// A line of a textproto: a value, or where a group of fields begins or ends.
struct Line {
  std::string text;
  std::string path;  // of a value, "network.overrides[1].link.delay_us"; else empty
};

// Walks through the lines of ToTextproto, where each field has its own.
class LineReader {
 public:
  Line Read(const std::string& text) {
    const absl::string_view line = absl::StripAsciiWhitespace(text);
    if (line == "}") {
      names_.pop_back();
      return {text, ""};
    }
    const std::string name(line.substr(0, line.find_first_of(": ")));
    const std::string path = absl::StrJoin(names_, ".");
    const int index = count_[absl::StrCat(path, ".", name)]++;
    names_.push_back(index == 0 ? name : absl::StrCat(name, "[", index, "]"));
    if (absl::EndsWith(line, "{")) return {text, ""};
    Line value{text, absl::StrJoin(names_, ".")};
    names_.pop_back();
    return value;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, int> count_;  // of fields with that name in that place
};

std::vector<Line> LinesOf(const v1::RunConfig& config) {
  std::vector<Line> lines;
  LineReader reader;
  const std::string text = ToTextproto(config);
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty()))
    lines.push_back(reader.Read(std::string(line)));
  return lines;
}

// The name of a flag, and what keeps it alone of all that were typed.
struct FlagRow {
  const char* name;
  void (*keep)(const RunFlags& from, RunFlags* to);
};

template <auto Member>
void Keep(const RunFlags& from, RunFlags* to) {
  to->*Member = from.*Member;
}

// Those that set fields of the run by themselves. A later one wins over one before it.
constexpr FlagRow kFlags[] = {
    {"--run", &Keep<&RunFlags::run>},
    {"--seed", &Keep<&RunFlags::seed>},
    {"--clock", &Keep<&RunFlags::clock>},
    {"--pattern", &Keep<&RunFlags::pattern>},
    {"--workers", &Keep<&RunFlags::workers>},
    {"--vocabulary_parallel", &Keep<&RunFlags::vocabulary_parallel>},
    {"--strategy", &Keep<&RunFlags::strategy>},
    {"--bucket", &Keep<&RunFlags::bucket>},
    {"--inner_steps", &Keep<&RunFlags::inner_steps>},
    {"--steps", &Keep<&RunFlags::steps>},
    {"--lr_schedule", &Keep<&RunFlags::schedule>},
    {"--max_seconds", &Keep<&RunFlags::max_seconds>},
    {"--batch", &Keep<&RunFlags::batch>},
    {"--sequence", &Keep<&RunFlags::sequence>},
    {"--allreduce", &Keep<&RunFlags::allreduce>},
    {"--slice", &Keep<&RunFlags::slice>},
    {"--deadline", &Keep<&RunFlags::deadline>},
    {"--wire", &Keep<&RunFlags::wire>},
    {"--wire_forward", &Keep<&RunFlags::wire_forward>},
    {"--wire_backward", &Keep<&RunFlags::wire_backward>},
    {"--wire_grad_sync", &Keep<&RunFlags::wire_grad_sync>},
    {"--overlap", &Keep<&RunFlags::overlap>},
};

class Sources {
 public:
  void Add(const std::string& origin, v1::RunConfig says) {
    sources_.push_back({origin, std::move(says)});
  }
  // What could not be read has been told before.
  void Add(const std::string& origin, const absl::StatusOr<v1::RunConfig>& says) {
    if (says.ok()) Add(origin, *says);
  }
  void AddModel(const std::string& origin, const absl::StatusOr<v1::ModelConfig>& model) {
    v1::RunConfig says;
    if (model.ok()) *says.mutable_model() = *model;
    Add(origin, std::move(says));
  }
  void AddNetwork(const std::string& origin, const v1::NetworkProfile& network) {
    v1::RunConfig says;
    *says.mutable_network() = network;
    Add(origin, std::move(says));
  }
  std::vector<ConfigSource> Take() { return std::move(sources_); }

 private:
  std::vector<ConfigSource> sources_;
};

// Nobody says these things by themselves.
void AddConsequences(const TrainFlags& flags, const TrainInputs& inputs,
                     const v1::RunConfig& config, Sources* sources) {
  v1::RunConfig vocabulary, deadline, data, devices;
  vocabulary.mutable_model()->set_vocabulary(config.model().vocabulary());
  sources->Add("of the data", vocabulary);
  deadline.mutable_collective()->set_deadline_seconds(config.collective().deadline_seconds());
  sources->Add("what plan and network need", deadline);
  if (flags.run.data != RunFlags().data) {
    data.set_data(inputs.data);
    sources->Add("--data", data);
  }
  if (!flags.run.device.has_value()) return;
  if (config.has_device()) *devices.mutable_device() = config.device();
  *devices.mutable_devices() = config.devices();
  sources->Add("--device=" + *flags.run.device, devices);
}

void AddNetworkSources(const RunFlags& flags, const ConfigLibrary& library,
                       const v1::RunConfig& config, Sources* sources) {
  if (!flags.link.empty()) sources->AddNetwork("link options", config.network());
  if (flags.network.has_value()) {
    const auto network = library.Network(*flags.network);
    if (network.ok()) sources->AddNetwork("--network=" + *flags.network, *network);
  }
  v1::NetworkProfile linked;
  if (!flags.link.empty() && ApplyLinkFlags(flags.link, &linked).ok())
    sources->AddNetwork("link options", linked);
}

}  // namespace

std::string ToLabelledTextproto(const v1::RunConfig& config,
                                const std::vector<ConfigSource>& sources) {
  std::map<std::pair<std::string, std::string>, std::string> origins;  // by path and line
  for (const ConfigSource& source : sources) {
    for (const Line& line : LinesOf(source.says)) origins[{line.path, line.text}] = source.origin;
  }
  std::string text;
  for (const Line& line : LinesOf(config)) {
    const auto origin = origins.find({line.path, line.text});
    const std::string label = origin == origins.end() ? kDefault : origin->second;
    absl::StrAppend(&text, line.text, line.path.empty() ? "" : "  # " + label, "\n");
  }
  return text;
}

std::vector<ConfigSource> SourcesOf(const TrainFlags& flags, const TrainInputs& inputs,
                                    const v1::RunConfig& config) {
  const ConfigLibrary library = ConfigLibrary::Default(flags.run.config_path);
  Sources sources;
  AddConsequences(flags, inputs, config, &sources);
  if (flags.resume.has_value()) sources.Add("--resume=" + *flags.resume, inputs.base);
  if (flags.init_from.has_value()) sources.Add("--init_from=" + *flags.init_from, inputs.base);
  if (flags.run.config.has_value())
    sources.Add("--config=" + *flags.run.config, library.Run(*flags.run.config));
  if (flags.run.model.has_value()) {
    sources.AddModel("--model=" + *flags.run.model, library.Model(*flags.run.model));
  } else if (!flags.run.config.has_value() && !inputs.base.has_model()) {
    sources.AddModel("default: --model=minigpt", library.Model("minigpt"));
  }
  for (const FlagRow& row : kFlags) {
    RunFlags alone;
    row.keep(flags.run, &alone);
    sources.Add(row.name, WhatFlagsSay(alone));
  }
  AddNetworkSources(flags.run, library, config, &sources);
  for (const std::string& assignment : flags.run.set) {
    v1::RunConfig says;
    if (ApplyOverride(assignment, &says).ok()) sources.Add("--set", says);
  }
  return sources.Take();
}

}  // namespace edgetp
