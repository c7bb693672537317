// A model that was compiled ahead: the choices that its programs were made for, so that a run
// finds them without being told. One file a deployment in the cache's folder `deployments`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/neuron/compiler/neff_cache.h"
#include "base/result.h"

namespace ix::backend::neuron {

struct Deployment {
  std::string model;     // for people: "SmolLM2 135M Instruct"
  std::string graph;     // hash_text() of the graph's text; any model of that graph is served
  std::string instance;  // "inf2.xlarge"
  std::string compiler;  // version
  int64_t created = 0;   // seconds since 1970
  int32_t ranks = 1;
  int32_t slots = 1;
  int32_t context = 0;  // tokens of a slot
  std::string weights;  // form: "bf16"
  bool embed_on_host = false;
  int32_t chunk = 0;
  int32_t head_rows = 0;
  int32_t layers_per_program = 0;
  int32_t draft_rows = 0;
  int64_t least_bucket = 0;
  std::vector<std::string> programs;  // keys of cache entries

  // Of its file, without ".json": equal for the same graph and choices.
  std::string name() const;
};

std::string to_json(const Deployment& deployment);
// corrupt where the text is not what to_json writes.
Result<Deployment> deployment_from_json(const std::string& text);

// Replaces one of the same name.
Status store_deployment(const NeffCache& cache, const Deployment& deployment);

// Those of a cache's root, newest first; files that cannot be read are left out.
std::vector<Deployment> list_deployments(const std::string& root);

}  // namespace ix::backend::neuron
