// edgetp simulate --scenario: published measurements of real boards beside their predictions.
#pragma once

#include <string>

#include "cli/shared/exit_code.h"
#include "cli/shared/output.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// `name`: a scenario (configs/scenarios) or file.
ExitCode SimulateBoards(const std::string& name, const std::string& config_path,
                        OutputFormat format);

// A table for each set of rows, with what was fitted on which of them.
std::string BoardTable(const v1::BoardReport& report);

}  // namespace edgetp
