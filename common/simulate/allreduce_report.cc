#include "common/simulate/allreduce_report.h"

#include "common/base/status_macros.h"
#include "common/collective/registry.h"

namespace edgetp {

absl::Status AppendPrices(const AllReduceProblem& problem,
                          const std::vector<std::string>& algorithms, v1::AllReduceReport* report) {
  const std::string chosen = ChooseAlgorithm(problem);
  const double bytes = static_cast<double>(problem.elements) * sizeof(float);
  int cheapest = -1;
  absl::Duration lowest = absl::InfiniteDuration();
  for (const std::string& asked : algorithms) {
    const std::string& name = asked == "auto" ? chosen : asked;
    ASSIGN_OR_RETURN(const Algorithm* algorithm, FindAlgorithm(name));
    ASSIGN_OR_RETURN(const AllReduceCost price, PriceAllReduce(problem, name));
    if (ClearlyCheaper(price.mean, lowest)) {
      cheapest = report->rows_size();
      lowest = price.mean;
    }
    v1::AllReducePrice* row = report->add_rows();
    row->set_bytes(bytes);
    row->set_workers(problem.world_size);
    row->set_network(problem.network.name);
    row->set_algorithm(name);
    row->set_seconds(absl::ToDoubleSeconds(price.mean));
    row->set_seconds_low(absl::ToDoubleSeconds(price.low));
    row->set_seconds_high(absl::ToDoubleSeconds(price.high));
    row->set_draws(price.draws);
    row->set_dependent_steps(algorithm->dependent_steps(problem.world_size));
    row->set_bytes_on_the_wire_per_rank(static_cast<double>(problem.wire_bytes()) *
                                        algorithm->elements_sent_per_element(problem.world_size));
    row->set_chosen_by_auto(name == chosen);
  }
  if (cheapest >= 0) report->mutable_rows(cheapest)->set_cheapest(true);
  return absl::OkStatus();
}

}  // namespace edgetp
