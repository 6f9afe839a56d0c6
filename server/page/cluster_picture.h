// What the live page shows of a cluster at one moment, as JSON: workers, runs, links, and what may
// be changed. The loop fills it, the page's threads do the rest. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

struct ClusterPicture {
  v1::StatusResponse status;
  v1::NetworkProfile network;  // in force; its events are what is to come
};

// Keys: docs/live.md. Rates without a limit are null.
nlohmann::json PictureJson(const ClusterPicture& picture);

}  // namespace edgetp
