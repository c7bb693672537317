// Integer arithmetic on sizes that come from outside: the result, or nothing when it would wrap.
#pragma once

#include <concepts>
#include <optional>

namespace ix {

template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

// a / b rounded up, for b > 0 and a >= 0.
template <std::integral T>
constexpr T ceil_div(T a, T b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

// a rounded up to a multiple of b, for b > 0 and a >= 0. The caller rules out wrapping.
template <std::integral T>
constexpr T round_up(T a, T b) {
  return ceil_div(a, b) * b;
}

}  // namespace ix
