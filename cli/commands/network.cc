// edgetp network: the profiles that are there, and the one in force on a running cluster.
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/shared/command.h"
#include "cli/shared/network_table.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/remote.h"
#include "cli/shared/run_options.h"
#include "cli/shared/table.h"
#include "cli/shared/topology_table.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/config/units.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

constexpr char kExamples[] = R"(Examples:
  edgetp network list
  edgetp network show wifi-5
  edgetp network show two-sites
  edgetp network get --server=127.0.0.1:50051
  edgetp network set lte
  edgetp network set --link=0:1 --delay=200ms
  edgetp network set --link='*:1' --rate=2mbit
  edgetp network set commute
  edgetp network set --partition=0,1:2,3 --for=10s
  edgetp network set --delay=80ms --for=60s
Without --for a change lasts. What --for has set before goes on to its own end, unless both name the same thing.
A profile may have a timeline (see `edgetp network show commute`). It begins with the steps of a run, or at once if you
set it during a run. A collective that a partition cuts off waits until the partition ends. A partition longer than the
run's --deadline ends the run with an error.)";

struct Flags {
  ServerFlags server;
  std::string config_path;
  std::string name;
  std::string link;
  std::string partition;
  std::optional<std::string> span;
  LinkFlags options;
  OutputFormat format = OutputFormat::kTable;
};

ExitCode Show(const Flags& flags, const absl::StatusOr<v1::NetworkProfile>& profile) {
  if (!profile.ok()) return Report(profile.status());
  PrintResult(flags.format, *profile, NetworkTable(*profile));
  return kExitDone;
}

// A list of profiles, as a table or as a JSON array.
ExitCode List(const Flags& flags) {
  const ConfigLibrary library = ConfigLibrary::Default(flags.config_path);
  Table table({{"network", Align::kLeft},
               {"describes", Align::kLeft},
               {"every link", Align::kLeft},
               {"between two devices", Align::kLeft},
               {"figures", Align::kLeft}});
  std::vector<std::string> documents;
  for (const std::string& name : library.Names(ConfigKind::kNetwork)) {
    const auto profile = library.Network(name);
    if (!profile.ok()) return Report(profile.status());
    const bool has_kind = profile->kind() != v1::KIND_UNSPECIFIED;
    const char* changes = profile->events_size() > 0 ? "; changes over time" : "";
    const std::string links = profile->has_topology() ? DescribeTopology(profile->topology())
                                                      : DescribeLink(profile->link());
    table.AddRow({name, HopName(*profile), links + changes,
                  DescribePath(*profile),
                  has_kind ? v1::Kind_Name(profile->kind()).substr(5) : ""});
    documents.push_back(ToJson(*profile));
  }
  const std::string text = flags.format == OutputFormat::kTable
                               ? table.Render()
                               : absl::StrCat("[", absl::StrJoin(documents, ","), "]\n");
  Print(text);
  return kExitDone;
}

ExitCode ShowPreset(const Flags& flags) {
  const auto profile = ConfigLibrary::Default(flags.config_path).Network(flags.name);
  if (!profile.ok()) return Report(profile.status());
  // What a topology collapses to cannot be shown of a wrong one.
  const absl::Status sound = ValidateNetwork(*profile, std::nullopt, flags.name);
  return sound.ok() ? Show(flags, profile) : Report(sound);
}

ExitCode Get(const Flags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  return Show(flags, remote->GetNetwork());
}

// "0,1:2,3": groups of ranks that can reach one another; "none" joins them again.
absl::Status ParsePartition(const std::string& text, v1::NetworkPatch* patch) {
  if (text.empty()) return absl::OkStatus();
  patch->set_heal(text == "none");
  if (patch->heal()) return absl::OkStatus();
  for (const auto& group : absl::StrSplit(text, ':')) {
    v1::PartitionGroup* ranks = patch->add_partition();
    for (const auto& word : absl::StrSplit(group, ',')) {
      int rank = 0;
      if (!absl::SimpleAtoi(word, &rank) || rank < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("--partition: groups of ranks like 0,1:2,3, or none (got ", text, ")"));
      }
      ranks->add_ranks(rank);
    }
  }
  return absl::OkStatus();
}

// The link options, for the directed links that are named, or for all.
absl::Status ParseLinks(const Flags& flags, v1::NetworkPatch* patch) {
  ASSIGN_OR_RETURN(const v1::LinkConfig change, ParseLinkFlags(flags.options));
  if (change.ByteSizeLong() == 0) {
    if (flags.link.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("--link ", flags.link, ": needs one of --delay, --jitter, --rate, --loss, "
                     "--header_share, --window"));
  }
  v1::LinkOverride* const link = patch->add_links();
  *link->mutable_link() = change;
  return flags.link.empty() ? absl::OkStatus() : ParseLinkName(flags.link, link);
}

// What is asked of the server. It knows what the changes are meant for: between a look at the
// network and an answer to it, somebody else may have changed it.
absl::StatusOr<v1::SetNetworkRequest> ToRequest(const Flags& flags) {
  v1::SetNetworkRequest request;
  if (!flags.name.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_network(),
                     ConfigLibrary::Default(flags.config_path).Network(flags.name));
    RETURN_IF_ERROR(ValidateNetwork(request.network(), std::nullopt, "command line"));
  }
  if (flags.span.has_value()) {
    const auto span = ParseDelay(*flags.span);
    RETURN_IF_ERROR(Annotate(span.status(), "--for"));
    request.set_for_seconds(absl::ToDoubleSeconds(*span));
  }
  v1::NetworkPatch patch;
  RETURN_IF_ERROR(ParseLinks(flags, &patch));
  RETURN_IF_ERROR(ParsePartition(flags.partition, &patch));
  if (patch.ByteSizeLong() > 0) *request.mutable_patch() = patch;
  if (request.has_network() || request.has_patch()) return request;
  return absl::InvalidArgumentError(
      "network set: give a profile's NAME, link options or --partition");
}

ExitCode Set(const Flags& flags) {
  const auto request = ToRequest(flags);
  if (!request.ok()) return Report(request.status());
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  return Show(flags, remote->SetNetwork(*request));
}

CLI::App* Add(CLI::App* network, const char* name, const char* text, ExitCode (*run)(const Flags&),
              const std::shared_ptr<Flags>& flags, Command* command) {
  CLI::App* sub = network->add_subcommand(name, text);
  AddFormatFlag(sub, &flags->format);
  sub->callback([flags, run, command] { *command = [flags, run] { return run(*flags); }; });
  return sub;
}

void AddConfigPath(CLI::App* command, Flags* flags) {
  command->add_option("--config_path", flags->config_path,
                      "folders to search for presets, separated by ':'");
}

}  // namespace

void AddNetwork(CLI::App& app, Command* command) {
  auto flags = std::make_shared<Flags>();
  CLI::App* network =
      app.add_subcommand("network", "Network profiles, and the one in force on a running cluster");
  network->require_subcommand(1);
  network->footer(kExamples);

  AddConfigPath(
      Add(network, "list", "Profiles that --network takes by name", &List, flags, command),
      flags.get());

  CLI::App* show = Add(network, "show", "One profile with its source", &ShowPreset, flags, command);
  show->add_option("name", flags->name, "profile or file")
      ->type_name(kNetworkValue)
      ->required();
  AddConfigPath(show, flags.get());

  AddServerFlag(
      Add(network, "get", "The profile in force, and what comes next", &Get, flags, command),
      &flags->server);

  CLI::App* set =
      Add(network, "set", "Change the profile of the cluster and, at once, of the running job",
          &Set, flags, command);
  set->add_option("name", flags->name, "profile or file; default: change the one in force")
      ->type_name(kNetworkValue);
  set->add_option("--link", flags->link, "SRC:DST, change this directed link alone; 0:* or *:1 are all from or to one rank");
  set->add_option("--partition", flags->partition,
                  "groups of ranks that can reach one another: 0,1:2,3; or none");
  set->add_option("--for", flags->span,
                  "change the running job alone, for this long, e.g. 10s; then its network "
                  "continues as before");
  AddLinkFlags(set, &flags->options);
  AddServerFlag(set, &flags->server);
  AddConfigPath(set, flags.get());
  set->footer(kExamples);
}

}  // namespace edgetp
