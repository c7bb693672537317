// A tiny model from weights to logits, against the reference backend.
#pragma once

#include "doctor/step.h"

namespace ix::cli::doctor {

// Takes the runtime: it comes last.
Step model_step(bool compiles_apart);

}  // namespace ix::cli::doctor
