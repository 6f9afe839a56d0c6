// How every program reaches another one: a plain channel that ignores proxy settings and reconnects
// quickly.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace edgetp {

// `address`: "host:port". Never blocks; the first call connects. http_proxy is ignored: devices of
// a cluster talk directly.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace edgetp
