#include "common/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_interceptor.h>

#include <utility>
#include <vector>

#include "common/rpc/server_limits.h"

namespace edgetp {
namespace {

namespace hook = grpc::experimental;

// Puts the token into the metadata of a call. gRPC's own call credentials would need TLS.
class TokenSender final : public hook::Interceptor {
 public:
  explicit TokenSender(const std::string& token) : token_(token) {}
  void Intercept(hook::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            hook::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA))
      methods->GetSendInitialMetadata()->emplace(kTokenKey, token_);
    methods->Proceed();
  }

 private:
  const std::string& token_;
};

class TokenSenders final : public hook::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenders(std::string token) : token_(std::move(token)) {}
  hook::Interceptor* CreateClientInterceptor(hook::ClientRpcInfo*) override {
    return new TokenSender(token_);  // the call owns it, and the channel, which outlives it, us
  }

 private:
  const std::string token_;
};

}  // namespace

void ExpectRole(const Security& security, Role dialled, grpc::ChannelArguments* arguments) {
  if (security.tls()) arguments->SetSslTargetNameOverride(CertificateName(dialled));
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Security& security,
                                           Role dialled) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // gRPC starts at 1 s and grows to 2 min: a worker that is started before its server would join
  // much too late.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // What one attempt may take; a busy host needs its time for the handshake.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
  // The other side may be stopped or cut off without closing its connection: without an answer to a
  // ping, calls end after 1 + 4 s. Servers allow these pings (server/server.cc).
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 4000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // One connection per channel: tests and reconnects must not share one that is dying.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  ExpectRole(security, dialled, &arguments);
  std::vector<std::unique_ptr<hook::ClientInterceptorFactoryInterface>> interceptors;
  if (!security.token().empty())
    interceptors.push_back(std::make_unique<TokenSenders>(security.token()));
  return hook::CreateCustomChannelWithInterceptors(address, security.channel_credentials(),
                                                   arguments, std::move(interceptors));
}

}  // namespace edgetp
