// What this machine is called, how others reach it and it reaches them, and which clock it runs on.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

// "unknown" if the system does not say.
std::string HostName();

// /proc/sys/kernel/random/boot_id: processes with equal boot ids share a kernel, in containers, too.
// Empty if it cannot be read: then nobody is assumed to share it.
std::string BootId();

// Processes with equal ones share one monotonic clock: the boot id, with the offset of the process's
// time namespace where it has one. Empty as BootId.
std::string ClockDomain();

// `address` (HOST:PORT of something that listens here) as `other` (HOST:PORT) can reach it: a
// wildcard host is replaced by the address of the interface that leads to `other`.
// Errors: InvalidArgument if one of them is not HOST:PORT; Unavailable if `other` has no address or
// nothing leads there.
// Blocks until: the name is resolved.
absl::StatusOr<std::string> ReachableAddress(const std::string& address, const std::string& other);

// Whether `address` is HOST:PORT: [HOST] for IPv6, a port up to 65535 (0: any that is free).
// Errors: InvalidArgument naming the rule.
absl::Status CheckAddress(const std::string& address);

// An address that others can dial: HOST:PORT with a port from 1 to 65535, and no wildcard host.
// Errors: InvalidArgument naming the rule.
absl::Status CheckDialable(const std::string& address);

// From now on gRPC resolves names as all other programs do, unless GRPC_DNS_RESOLVER says otherwise.
// Its own resolver knows DNS and /etc/hosts alone: not pi1.local, by which boards find one another
// (mDNS), nor what a directory service answers. Call from main, first.
void ResolveNamesAsTheSystemDoes();

// Connects to HOST:PORT and hangs up.
// Errors: InvalidArgument if it is not HOST:PORT; Unavailable with the reason.
// Blocks until: connected, refused, or `deadline` (monotonic) has passed; the name may take longer.
absl::Status DialTcp(const std::string& address, absl::Time deadline);

// Whether only this machine can reach what listens at `address` (HOST:PORT): 127.0.0.0/8, ::1 and
// localhost. Other names are not resolved: they lead elsewhere.
// Errors: InvalidArgument if it is not HOST:PORT.
absl::StatusOr<bool> IsLoopback(const std::string& address);

}  // namespace edgetp
