#include "common/help/man_page.h"

#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/help/option_text.h"

namespace edgetp {
namespace {

// The programs of a cluster: each page names the others.
constexpr const char* kPrograms[] = {"edgetp", "edgetp_server", "edgetp_worker"};

// Text as roff prints it: a '-' is what one types, and no line begins with a control character.
std::string Escaped(const std::string& text) {
  const std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"\n", " "}, {"\"", "\\(dq"}});
  const bool is_control = absl::StartsWith(escaped, ".") || absl::StartsWith(escaped, "'");
  return is_control ? "\\&" + escaped : escaped;
}

std::string Bold(const std::string& text) { return absl::StrCat("\\fB", Escaped(text), "\\fR"); }
std::string Italic(const std::string& text) { return absl::StrCat("\\fI", Escaped(text), "\\fR"); }

// "-h, --help", "--model=MODEL"
std::string Label(const OptionText& option) {
  if (option.positional) return Italic(option.names.front());
  const auto bold = [](std::string* out, const std::string& name) {
    absl::StrAppend(out, Bold(name));
  };
  const std::string names = absl::StrJoin(option.names, ", ", bold);
  if (option.value.empty()) return names;
  return absl::StrCat(names, "=", Italic(option.value), option.repeats ? " ..." : "");
}

std::string Paragraph(const OptionText& option) {
  std::vector<std::string> facts;
  if (!option.words.empty())
    facts.push_back(absl::StrCat("One of: ", absl::StrJoin(option.words, ", "), "."));
  if (!option.rule.empty()) facts.push_back(absl::StrCat("Must be ", option.rule, "."));
  if (!option.default_value.empty())
    facts.push_back(absl::StrCat("Default: ", option.default_value, "."));
  if (!option.variable.empty())
    facts.push_back(absl::StrCat("Environment: $", option.variable, "."));
  const std::string text = Escaped(option.text);
  if (facts.empty()) return text + "\n";
  return absl::StrCat(text, ".\n", Escaped(absl::StrJoin(facts, " ")), "\n");
}

std::string Options(const CLI::App& app) {
  std::string page;
  for (const OptionText& option : VisibleOptions(app))
    absl::StrAppend(&page, ".TP\n", Label(option), "\n", Paragraph(option));
  return page;
}

// Examples and exit codes of a footer. `heading` opens what stands below "Words:".
std::string Footer(const CLI::App& app, const std::string& heading) {
  std::string page;
  bool verbatim = false;
  const auto set_verbatim = [&page, &verbatim](bool wanted) {
    if (wanted != verbatim) absl::StrAppend(&page, wanted ? ".PP\n.EX\n" : ".EE\n");
    verbatim = wanted;
  };
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(app.get_footer(), '\n', absl::SkipWhitespace()))) {
    set_verbatim(absl::StartsWith(line, "  "));
    if (verbatim) {
      absl::StrAppend(&page, Escaped(line.substr(2)), "\n");
    } else if (absl::EndsWith(line, ":")) {
      absl::StrAppend(&page, heading, " ",
                      Escaped(absl::AsciiStrToUpper(line.substr(0, line.size() - 1))), "\n");
    } else {
      absl::StrAppend(&page, ".PP\n", Escaped(line), "\n");
    }
  }
  set_verbatim(false);
  return page;
}

std::string Synopsis(const std::string& path, const CLI::App& app) {
  std::string line = Bold(path);
  const bool has_options = VisibleOptions(app).size() > 1;  // more than --help
  if (has_options) absl::StrAppend(&line, " [", Italic("OPTION"), "]...");
  for (const OptionText& option : VisibleOptions(app)) {
    if (option.positional) absl::StrAppend(&line, " [", Label(option), "]");
  }
  if (!VisibleCommands(app).empty())
    absl::StrAppend(&line, " ", Italic("COMMAND"), " [", Italic("OPTION"), "]...");
  return line + "\n";
}

// Each command, those of a command below it.
std::string Commands(const CLI::App& app) {
  std::string page;
  VisitCommands(app, [&app, &page](const std::string& path, const CLI::App& command) {
    if (&command == &app) return;
    absl::StrAppend(&page, ".SS ", Escaped(path), "\n", Escaped(command.get_description()),
                    ".\n.PP\n", Synopsis(path, command), Options(command));
    // The commands of a command repeat its footer.
    const bool repeats = command.get_footer() == command.get_parent()->get_footer();
    if (!repeats) absl::StrAppend(&page, Footer(command, ".PP\n.B"));
  });
  return page.empty() ? "" : ".SH COMMANDS\n" + page;
}

std::string Environment(const CLI::App& app) {
  std::map<std::string, std::string> variables;
  VisitCommands(app, [&variables](const std::string&, const CLI::App& command) {
    for (const OptionText& option : VisibleOptions(command)) {
      if (!option.variable.empty()) variables[option.variable] = option.names.back();
    }
  });
  std::string page;
  for (const auto& [variable, option] : variables)
    absl::StrAppend(&page, ".TP\n", Bold(variable), "\nThe default of ", Bold(option), ".\n");
  return page.empty() ? "" : ".SH ENVIRONMENT\n" + page;
}

std::string SeeAlso(const std::string& name) {
  std::vector<std::string> others;
  for (const char* program : kPrograms) {
    if (program != name) others.push_back(absl::StrCat("\\fB", program, "\\fR(1)"));
  }
  return absl::StrCat(".SH SEE ALSO\n", absl::StrJoin(others, ", "), "\n");
}

}  // namespace

std::string ManPage(const CLI::App& app, const std::string& version) {
  const std::string name = app.get_name();
  const std::string text = app.get_description();
  const std::string summary = text.substr(0, text.find_first_of(",.:\n"));
  return absl::StrCat(".TH ", absl::AsciiStrToUpper(name), " 1 \"\" \"edgetp ", version,
                      "\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n", name, " \\- ",
                      Escaped(summary), "\n.SH SYNOPSIS\n", Synopsis(name, app),
                      ".SH DESCRIPTION\n", Escaped(text), "\n.SH OPTIONS\n", Options(app),
                      Commands(app), Footer(app, ".SH"), Environment(app), SeeAlso(name));
}

}  // namespace edgetp
