// Fills what a config leaves open with the defaults that config.proto documents. Zero is never
// "unset". Pure.
#pragma once

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Vocabulary that `plan` and `simulate` assume for a model that takes it from the data: Tiny
// Shakespeare's characters.
inline constexpr int kAssumedVocabulary = 65;

// Every absent field with a default gets it. Stay absent: sizes of the model (they have no
// default), fields whose absence means something (rates, clip_norm, checkpoint_interval, device), the
// deadline of a collective (common/simulate/deadline.h fills it, from plan and network),
// name and data. An absent pattern becomes `t` for every layer, an absent network the unlimited
// one.
void FillDefaults(v1::RunConfig* config);

void FillDefaults(v1::ModelConfig* model);
void FillDefaults(v1::TrainConfig* train);
void FillDefaults(v1::RecoveryConfig* recovery);
void FillDefaults(v1::CollectiveConfig* collective);
// Also of the profiles that events bring. Overrides stay as they are: their absent fields mean "as
// the default link".
void FillDefaults(v1::NetworkProfile* network);

}  // namespace edgetp
