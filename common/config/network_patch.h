// Changes to a network, as data: what `edgetp network set` and the link options ask for, applied to
// whichever profile they are meant for. Pure.
#pragma once

#include <string>

#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// Present fields of `change` replace those of `link`. A jitter replaces a quantile table by the
// normal distribution; a delay keeps a table, but raises what would arrive before it was sent; a
// rate is that of both ends and takes the place of a trace, and an infinite one is no limit.
void ChangeLink(const v1::LinkConfig& change, v1::LinkConfig* link);

// Changes links and partition, and the name with them (PatchedName). `profile` has no events.
void ApplyPatch(const v1::NetworkPatch& patch, v1::NetworkProfile* profile);

// "wifi-5+rate20mbit", "none+delay200ms+rate1mbit+0to1-loss1pct+partition0.1-2": what was changed is
// in the name, a later change of the same thing in place of an earlier one. Only characters that
// may be in the names of runs are added.
std::string PatchedName(const std::string& name, const v1::NetworkPatch& patch);

// One link change that concerns all links.
v1::NetworkPatch PatchOf(const v1::LinkConfig& change);

}  // namespace edgetp
