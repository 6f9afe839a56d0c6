#include "common/help/option_text.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace edgetp {
namespace {

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  if (names.empty()) names.push_back(option.get_name(/*positional=*/true));
  return names;
}

// CLI11 has both in one text: "TEXT:{table,json}", "INT:INT in [1 - 1024]".
void SplitType(const std::string& type, OptionText* text) {
  const size_t colon = type.find(':');
  text->value = type.substr(0, colon);
  if (colon == std::string::npos) return;
  const std::string rule = type.substr(colon + 1);
  const bool is_list = absl::StartsWith(rule, "{") && absl::EndsWith(rule, "}");
  if (is_list) {
    text->words = absl::StrSplit(rule.substr(1, rule.size() - 2), ',');
  } else {
    text->rule = rule;
  }
}

OptionText TextOf(const CLI::Option& option) {
  OptionText text;
  text.names = NamesOf(option);
  text.positional = option.get_positional();
  text.repeats = option.get_expected_max() > 1;
  if (option.get_type_size() != 0) SplitType(option.get_type_name(), &text);
  text.text = option.get_description();
  text.default_value = option.get_default_str();
  text.variable = option.get_envname();
  return text;
}

void Visit(const std::string& path, const CLI::App& app,
           const std::function<void(const std::string&, const CLI::App&)>& visit) {
  visit(path, app);
  for (const CLI::App* command : VisibleCommands(app))
    Visit(absl::StrCat(path, " ", command->get_name()), *command, visit);
}

}  // namespace

std::vector<OptionText> VisibleOptions(const CLI::App& app) {
  std::vector<OptionText> options;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) options.push_back(TextOf(*option));
  }
  return options;
}

std::vector<const CLI::App*> VisibleCommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

void VisitCommands(const CLI::App& app,
                   const std::function<void(const std::string& path, const CLI::App&)>& visit) {
  Visit(app.get_name(), app, visit);
}

}  // namespace edgetp
