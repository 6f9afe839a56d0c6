// How every program reaches another one: a channel that ignores proxy settings and reconnects
// quickly, with the cluster's TLS and token.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "common/rpc/security.h"

namespace edgetp {

// `address`: "host:port" of a program of that role. Never blocks; the first call connects.
// http_proxy is ignored: devices of a cluster talk directly. Every call carries the token.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address,
                                           const Security& security = Security(),
                                           Role dialled = Role::kServer);

// What TLS needs to know of who is dialled: the name that its certificate must bear.
void ExpectRole(const Security& security, Role dialled, grpc::ChannelArguments* arguments);

}  // namespace edgetp
