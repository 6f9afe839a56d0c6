// What the subcommands share: flags of every command, and how main finds the one to run. A
// subcommand is one file with one Add function and one row in main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/shared/exit_code.h"
#include "cli/shared/output.h"
#include "cli/shared/remote.h"

namespace edgetp {

// Set by the parser when it meets the subcommand; run by main once everything is parsed.
using Command = std::function<ExitCode()>;

void AddTrain(CLI::App& app, Command* command);
void AddSweep(CLI::App& app, Command* command);
void AddPlan(CLI::App& app, Command* command);
void AddPrepare(CLI::App& app, Command* command);
void AddPatterns(CLI::App& app, Command* command);
void AddCalibrate(CLI::App& app, Command* command);
void AddAdvise(CLI::App& app, Command* command);
void AddSearch(CLI::App& app, Command* command);
void AddReport(CLI::App& app, Command* command);
void AddSimulate(CLI::App& app, Command* command);
void AddNetwork(CLI::App& app, Command* command);
void AddBench(CLI::App& app, Command* command);
void AddEval(CLI::App& app, Command* command);
void AddSample(CLI::App& app, Command* command);
void AddExport(CLI::App& app, Command* command);
void AddUp(CLI::App& app, Command* command);
void AddStatus(CLI::App& app, Command* command);
void AddHealth(CLI::App& app, Command* command);
void AddStop(CLI::App& app, Command* command);
void AddWatch(CLI::App& app, Command* command);
void AddValidate(CLI::App& app, Command* command);
void AddCompletion(CLI::App& app, Command* command);

// --format=table|json into `format`, which holds the default until then.
void AddFormatFlag(CLI::App* command, OutputFormat* format);

// What `edgetp patterns` and `edgetp plan --pattern=help` print.
ExitCode PrintPatterns(OutputFormat format);

// --server=HOST:PORT with its default, and the flags of security.h.
void AddServerFlag(CLI::App* command, ServerFlags* server);

// Accepts one of the words, and shows them in help; the error suggests the nearest one.
CLI::Validator OneOf(const std::vector<std::string>& words);

// An item of --bytes, e.g. "384KiB": the payload of an all-reduce.
// Errors: InvalidArgument unless it is a positive multiple of a float32's size.
absl::StatusOr<int64_t> ParseAllReduceBytes(const std::string& text);

// The value of --slice, e.g. "256KiB".
// Errors: InvalidArgument unless collective.slice_bytes may be so much.
absl::StatusOr<int32_t> ParseSlice(const std::string& text);
// The options that were typed for `from` and that `to` has, too, as words for a shell: how to say the
// same to another command. `but`: names that are left out.
std::vector<std::string> SameOptions(const CLI::App& from, const CLI::App& to,
                                     const std::vector<std::string>& but);

// One word for a shell, in quotes where it needs them: those of an option begin after its '='.
std::string ShellWord(const std::string& word);

// "edgetp: <message>" on stderr. Returns the exit code of the status.
ExitCode Report(const absl::Status& status);

// The sentence for the user about what the parser refused: which word, of which command, and what
// was probably meant.
std::string ExplainParseError(const CLI::App& app, const CLI::ParseError& error);

}  // namespace edgetp
