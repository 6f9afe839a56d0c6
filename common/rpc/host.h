// What this machine is called, and which clock it runs on.
#pragma once

#include <string>

namespace edgetp {

// "unknown" if the system does not say.
std::string HostName();

// /proc/sys/kernel/random/boot_id: processes with equal boot ids share one monotonic clock,
// containers included. Empty if it cannot be read: then nobody is assumed to share it.
std::string BootId();

}  // namespace edgetp
