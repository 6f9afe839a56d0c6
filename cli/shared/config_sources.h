// Where each value of a resolved run comes from: `edgetp train --print_config`. Pure, but that the
// sources of a command's flags are read from their files again.
#pragma once

#include <string>
#include <vector>

#include "cli/shared/train_job.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// What one of them says, and how a person named it: "--config=minigpt-shakespeare", "--steps".
struct ConfigSource {
  std::string origin;
  v1::RunConfig says;
};

// The textproto of `config` with a comment behind each value: the origin of the last source that
// says the same of that field, else "default". A file that reads back as `config`.
std::string ToLabelledTextproto(const v1::RunConfig& config,
                                const std::vector<ConfigSource>& sources);

// Of a run that was resolved to `config`, later ones win: what follows from others, the run or
// weights that it goes on with, presets, flags, --set.
std::vector<ConfigSource> SourcesOf(const TrainFlags& flags, const TrainInputs& inputs,
                                    const v1::RunConfig& config);

}  // namespace edgetp
