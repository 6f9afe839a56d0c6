#include "common/report/run_groups.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

using nlohmann::json;

std::string KeyOf(const RunRecord& run) {
  if (!run.config.has_value()) return absl::StrCat("run ", run.name);
  v1::RunConfig config = *run.config;
  config.clear_name();
  config.clear_seed();
  std::string key;
  {
    google::protobuf::io::StringOutputStream stream(&key);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    config.SerializeToCodedStream(&coded);
  }
  return absl::StrCat("config ", key);
}

// "wifi-5", "0.001", "12"; "" where the run does not say.
std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return absl::StrCat(found->get<int64_t>());
  if (found->is_number()) return absl::StrCat(found->get<double>());
  return "";
}

std::string What(const RunRecord& run) {
  const std::string strategy = Text(run.summary, "strategy");
  if (!strategy.empty() && strategy != "tensor") return strategy;
  const std::string pattern = Text(run.summary, "pattern");
  return pattern.empty() ? run.name : pattern;
}

// What may tell groups apart, in the order in which it is asked. "" is no answer.
std::vector<std::string> Answers(const RunRecord& run) {
  const auto with = [](const char* before, const std::string& text, const char* after) {
    return text.empty() ? "" : absl::StrCat(before, text, after);
  };
  const json& summary = run.summary;
  const v1::RunConfig& config = run.config.has_value() ? *run.config : v1::RunConfig();
  const v1::TrainConfig& train = config.train();
  const std::string batch = absl::StrCat(train.batch());
  return {
      Text(summary, "model"),
      with("", Text(summary, "workers"), " workers"),
      with("overlap ", Text(summary, "overlap"), ""),
      with("wire ", Text(summary, "wire"), ""),
      with("", Text(summary, "device"), ""),
      with("", Text(summary, "allreduce_algorithm"), ""),
      with("", Text(summary, "clock"), ""),
      with("batch ", run.config.has_value() ? batch : "", ""),
      with("", Text(summary, "steps"), " steps"),
      with("merge ", run.config.has_value() ? v1::Merge_Name(config.merge()) : "", ""),
      with("init ", run.config.has_value() ? v1::Init_Name(config.model().init()) : "", ""),
      with("learning rate ", run.config.has_value() ? absl::StrCat(train.learning_rate()) : "", ""),
      with("run ", run.name, ""),
  };
}

// Appends the first answers that split the groups, until no two have the same label.
void TellApart(const std::vector<RunRecord>& runs, std::vector<RunGroup>* groups) {
  const size_t questions = Answers(RunRecord()).size();
  for (size_t question = 0; question < questions; ++question) {
    std::map<std::string, std::vector<RunGroup*>> same;
    for (RunGroup& group : *groups) same[group.label].push_back(&group);
    for (const auto& [label, members] : same) {
      std::set<std::string> answers;
      for (const RunGroup* group : members)
        answers.insert(Answers(runs[group->runs.front()])[question]);
      if (answers.size() < 2) continue;
      for (RunGroup* group : members) {
        const std::string answer = Answers(runs[group->runs.front()])[question];
        if (!answer.empty()) absl::StrAppend(&group->label, ", ", answer);
      }
    }
  }
}

}  // namespace

std::vector<RunGroup> GroupRuns(const std::vector<RunRecord>& runs) {
  std::vector<RunGroup> groups;
  std::map<std::string, size_t> by_key;
  std::set<std::string> networks;
  for (size_t i = 0; i < runs.size(); ++i) {
    networks.insert(Text(runs[i].summary, "network"));
    const auto [place, is_new] = by_key.emplace(KeyOf(runs[i]), groups.size());
    if (is_new) groups.push_back({What(runs[i]), {}});
    groups[place->second].runs.push_back(i);
  }
  for (RunGroup& group : groups) {
    const std::string network = Text(runs[group.runs.front()].summary, "network");
    if (networks.size() > 1 && !network.empty()) absl::StrAppend(&group.label, ", ", network);
  }
  TellApart(runs, &groups);
  return groups;
}

}  // namespace edgetp
