// Refuses a job whose model does not fit into memory, before it is built: the alternative is the
// kernel's OOM killer, who explains nothing. The files of /proc and /sys are read through a
// function, so that the rest is pure.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// The file's text; nothing if it cannot be read.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

// Bytes that may still be taken.
struct MemoryRoom {
  double bytes = 0;
  std::string limit;  // what sets them: "MemAvailable of /proc/meminfo" or a control group's file
};

// Of the whole host; nothing where the kernel does not tell.
std::optional<MemoryRoom> HostRoom(const FileReader& read);

// The tightest limit of the process's control group and those above it (version 2 and 1); nothing
// without a limit. Cached files that the kernel can drop count as room.
std::optional<MemoryRoom> ControlGroupRoom(const FileReader& read);

// Whether this rank's shard fits beside those of the other ranks that share its memory: the host's,
// and, for a rank that computes on an accelerator, what is free there (`accelerator`; nothing: not
// known). Call before any rank may have begun to build its model.
// Errors: FailedPrecondition with rank, host, need, room and what limits it; those of
// RunPlans::Build.
absl::Status CheckMemory(const v1::Assign& assign, const FileReader& read,
                         const std::optional<MemoryRoom>& accelerator = std::nullopt);

// Reads a small file of /proc or /sys.
std::optional<std::string> ReadSystemFile(const std::string& path);

}  // namespace edgetp
