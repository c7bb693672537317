// Steps of one small program each: a dot, tensors updated in place, the top-k of models.
#pragma once

#include <vector>

#include "doctor/step.h"

namespace ix::cli::doctor {

// They come first: what fails there fails everywhere.
std::vector<Step> dot_steps(bool compiles_apart);
// Of the dot, which must have passed.
Step time_step();
std::vector<Step> in_place_steps(bool compiles_apart);
std::vector<Step> top_k_steps(bool compiles_apart);

}  // namespace ix::cli::doctor
