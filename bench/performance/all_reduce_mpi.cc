// MPI_Allreduce in place, under mpirun, which starts a process for each rank; the transport is its
// --mca btl.
#include <mpi.h>

#include "bench/performance/all_reduce_timing.h"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  edgetp::bench::Options options = edgetp::bench::ParseOptions(argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &options.workers);
  std::vector<float> data(options.bytes / sizeof(float));
  edgetp::bench::TimeAllReduce(options, rank, data, [&data] {
    MPI_Allreduce(MPI_IN_PLACE, data.data(), static_cast<int>(data.size()), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
  });
  MPI_Finalize();
  return 0;
}
