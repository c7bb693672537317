// The ops that work on one row at a time. in and out never overlap.
#pragma once

#include <cstdint>
#include <span>

#include "graph/decoder.h"

namespace ix::backend::reference {

// in, out [width], width a multiple of group; weight [group].
void rms_norm(std::span<const float> in, std::span<const float> weight, float eps, int64_t group,
              std::span<float> out);

// out = activation(gate) * up, all [width].
void gated_activation(graph::Activation activation, std::span<const float> gate,
                      std::span<const float> up, std::span<float> out);

void add(std::span<const float> a, std::span<const float> b, std::span<float> out);
void scale(std::span<const float> in, float factor, std::span<float> out);
void soft_cap(std::span<const float> in, float cap, std::span<float> out);

// cosines and sines [rotary_dim / 2] of the row's position; in, out [heads * head_dim].
void rotate(const graph::Rope& op, std::span<const float> cosines, std::span<const float> sines,
            std::span<const float> in, std::span<float> out);

}  // namespace ix::backend::reference
