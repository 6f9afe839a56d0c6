// edgetp network: the profiles that are there, and the one in force on a running cluster.
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/network_table.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/remote.h"
#include "cli/shared/run_options.h"
#include "cli/shared/table.h"
#include "cli/shared/topology_table.h"
#include "common/config/load.h"
#include "common/config/network_words.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

constexpr char kNetworkExamples[] = R"(Examples:
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

struct NetworkFlags {
  ServerFlags server;
  std::string config_path;
  NetworkWords change;  // its name: also of `show`
  OutputFormat format = OutputFormat::kTable;
};

ExitCode Show(const NetworkFlags& flags, const absl::StatusOr<v1::NetworkProfile>& profile) {
  if (!profile.ok()) return Report(profile.status());
  PrintResult(flags.format, *profile, NetworkTable(*profile));
  return kExitDone;
}

// A list of profiles, as a table or as a JSON array.
ExitCode List(const NetworkFlags& flags) {
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
    table.AddRow({name, HopName(*profile), links + changes, DescribePath(*profile),
                  has_kind ? v1::Kind_Name(profile->kind()).substr(5) : ""});
    documents.push_back(ToJson(*profile));
  }
  const std::string text = flags.format == OutputFormat::kTable
                               ? table.Render()
                               : absl::StrCat("[", absl::StrJoin(documents, ","), "]\n");
  Print(text);
  return kExitDone;
}

ExitCode ShowPreset(const NetworkFlags& flags) {
  const auto profile = ConfigLibrary::Default(flags.config_path).Network(flags.change.name);
  if (!profile.ok()) return Report(profile.status());
  // What a topology collapses to cannot be shown of a wrong one.
  const absl::Status sound = ValidateNetwork(*profile, std::nullopt, flags.change.name);
  return sound.ok() ? Show(flags, profile) : Report(sound);
}

ExitCode Get(const NetworkFlags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  return Show(flags, remote->GetNetwork());
}

ExitCode Set(const NetworkFlags& flags) {
  const auto request = ToSetNetworkRequest(flags.change, ConfigLibrary::Default(flags.config_path));
  if (!request.ok()) return Report(request.status());
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  return Show(flags, remote->SetNetwork(*request));
}

CLI::App* Add(CLI::App* network, const char* name, const char* text,
              ExitCode (*run)(const NetworkFlags&), const std::shared_ptr<NetworkFlags>& flags,
              Command* command) {
  CLI::App* sub = network->add_subcommand(name, text);
  AddFormatFlag(sub, &flags->format);
  sub->callback([flags, run, command] { *command = [flags, run] { return run(*flags); }; });
  return sub;
}

void AddConfigPath(CLI::App* command, NetworkFlags* flags) {
  command->add_option("--config_path", flags->config_path,
                      "folders to search for presets, separated by ':'");
}

}  // namespace

void AddNetwork(CLI::App& app, Command* command) {
  auto flags = std::make_shared<NetworkFlags>();
  CLI::App* network =
      app.add_subcommand("network", "Network profiles, and the one in force on a running cluster");
  network->require_subcommand(1);
  network->footer(kNetworkExamples);

  AddConfigPath(
      Add(network, "list", "Profiles that --network takes by name", &List, flags, command),
      flags.get());

  CLI::App* show = Add(network, "show", "One profile with its source", &ShowPreset, flags, command);
  show->add_option("name", flags->change.name, "profile or file")
      ->type_name(kNetworkValue)
      ->required();
  AddConfigPath(show, flags.get());

  AddServerFlag(
      Add(network, "get", "The profile in force, and what comes next", &Get, flags, command),
      &flags->server);

  CLI::App* set =
      Add(network, "set", "Change the profile of the cluster and, at once, of the running job",
          &Set, flags, command);
  set->add_option("name", flags->change.name, "profile or file; default: change the one in force")
      ->type_name(kNetworkValue);
  set->add_option(
      "--link", flags->change.link,
      "SRC:DST, change this directed link alone; 0:* or *:1 are all from or to one rank");
  set->add_option("--partition", flags->change.partition,
                  "groups of ranks that can reach one another: 0,1:2,3; or none");
  set->add_option("--for", flags->change.span,
                  "change the running job alone, for this long, e.g. 10s; then its network "
                  "continues as before");
  AddLinkFlags(set, &flags->change.options);
  AddServerFlag(set, &flags->server);
  AddConfigPath(set, flags.get());
  set->footer(kNetworkExamples);
}

}  // namespace edgetp
