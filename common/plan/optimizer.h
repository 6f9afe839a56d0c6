// What AdamW is told, and what it is where nobody says otherwise: config and trainer read their
// defaults here. Pure.
#pragma once

namespace edgetp {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
};

}  // namespace edgetp
