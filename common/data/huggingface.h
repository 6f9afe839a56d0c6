// A GPT-2 as Hugging Face's loader wants it: a safetensors file, and a config.json beside it. Pure.
// Source: transformers' GPT2LMHeadModel (names, and linears as (in, out)), GPT2Config.
#pragma once

#include <string>

#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"

namespace edgetp {

// The file: names with "transformer." (but for lm_head.weight, which is there only where the head is
// not the embedding once more), no attention masks, and "format": "pt" beside `metadata`. A model
// without biases gets zeros, which are the same model: the loader knows none without.
StoredFile ForHuggingFace(const StoredGpt2& model, std::map<std::string, std::string> metadata);

// config.json of it. `dtype`: "float32", "float16", "bfloat16".
std::string HuggingFaceConfig(const StoredGpt2& model, const std::string& dtype);

}  // namespace edgetp
