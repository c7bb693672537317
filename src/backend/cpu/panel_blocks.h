// From the type of a panel to its blocks.
#pragma once

#include <type_traits>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

template <typename To, typename From>
using ConstLike = std::conditional_t<std::is_const_v<From>, const To, To>;

// Calls f with `panel` as a pointer to the type's blocks.
template <typename Byte, typename F>
void with_blocks(PackedType type, Byte* panel, F f) {
  switch (type) {
    case PackedType::q4_0:
      return f(reinterpret_cast<ConstLike<PanelQ4_0, Byte>*>(panel));
    case PackedType::q4_1:
      return f(reinterpret_cast<ConstLike<PanelQ4_1, Byte>*>(panel));
    case PackedType::q5_0:
      return f(reinterpret_cast<ConstLike<PanelQ5_0, Byte>*>(panel));
    case PackedType::q5_1:
      return f(reinterpret_cast<ConstLike<PanelQ5_1, Byte>*>(panel));
    case PackedType::q8_0:
      return f(reinterpret_cast<ConstLike<PanelQ8_0, Byte>*>(panel));
    case PackedType::q2_k:
      return f(reinterpret_cast<ConstLike<PanelQ2_K, Byte>*>(panel));
    case PackedType::q3_k:
      return f(reinterpret_cast<ConstLike<PanelQ3_K, Byte>*>(panel));
    case PackedType::q4_k:
      return f(reinterpret_cast<ConstLike<PanelQ4_K, Byte>*>(panel));
    case PackedType::q5_k:
      return f(reinterpret_cast<ConstLike<PanelQ5_K, Byte>*>(panel));
    case PackedType::q6_k:
      return f(reinterpret_cast<ConstLike<PanelQ6_K, Byte>*>(panel));
    case PackedType::f16:
      return f(reinterpret_cast<ConstLike<PanelF16, Byte>*>(panel));
    case PackedType::bf16:
      return f(reinterpret_cast<ConstLike<PanelBF16, Byte>*>(panel));
  }
}

}  // namespace ix::backend::cpu
