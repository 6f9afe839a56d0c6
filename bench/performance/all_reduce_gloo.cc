// Gloo's all-reduce over its TCP transport. --algorithm=ring: gloo::allreduce with its default;
// halving_doubling: gloo::AllreduceHalvingDoubling.
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/barrier.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include <filesystem>
#include <memory>

#include "bench/performance/all_reduce_timing.h"

namespace edgetp::bench {
namespace {

void RunRank(const Options& options, const std::string& store_path, int rank) {
  gloo::rendezvous::FileStore store(store_path);
  gloo::transport::tcp::attr attributes("127.0.0.1");
  auto device = gloo::transport::tcp::CreateDevice(attributes);
  auto context = std::make_shared<gloo::rendezvous::Context>(rank, options.workers);
  context->connectFullMesh(store, device);

  std::vector<float> data(options.bytes / sizeof(float));
  if (options.algorithm == "ring") {
    TimeAllReduce(options, rank, data, [&] {
      gloo::AllreduceOptions all_reduce(context);
      all_reduce.setOutput(data.data(), data.size());
      all_reduce.setReduceFunction([](void* out, const void* a, const void* b, size_t count) {
        gloo::sum<float>(out, a, b, count);
      });
      gloo::allreduce(all_reduce);
    });
  } else if (options.algorithm == "halving_doubling") {
    gloo::AllreduceHalvingDoubling<float> algorithm(context, {data.data()},
                                                    static_cast<int>(data.size()));
    TimeAllReduce(options, rank, data, [&] { algorithm.run(); });
  } else {
    throw std::invalid_argument("--algorithm");
  }
  // Who leaves first closes connections on which others may still wait.
  gloo::BarrierOptions barrier(context);
  gloo::barrier(barrier);
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  std::string store = (std::filesystem::temp_directory_path() / "gloo-XXXXXX").string();
  if (mkdtemp(store.data()) == nullptr) throw std::runtime_error("cannot make " + store);
  const int result = RunRanks(options.workers, [&](int rank) { RunRank(options, store, rank); });
  std::filesystem::remove_all(store);
  return result;
}

}  // namespace
}  // namespace edgetp::bench

int main(int argc, char** argv) { return edgetp::bench::Main(argc, argv); }
