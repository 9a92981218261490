// The operations that all kernels are written in, on one register of floats, chosen when the file is compiled.
//
// Every instruction path compiles the same sources into its own namespace, LENGTHWISE_PATH, and the library picks a
// path at run time. This code must not call an inline function of the standard library that is not forced inline: the
// linker would keep one copy of the function for all paths, perhaps with instructions that this processor does not
// have.
#pragma once

#if defined(LENGTHWISE_AVX512)
#include "lanes/avx512.h"
#elif defined(LENGTHWISE_AVX2)
#include "lanes/avx2.h"
#else
#include "lanes/portable.h"
#endif

namespace LENGTHWISE_PATH {

constexpr int GROUP = 16;             // rows that are computed side by side, one per lane
constexpr int PARTS = GROUP / WIDTH;  // registers that a group takes

template <typename Number>
inline Number smaller(Number a, Number b) {
  return b < a ? b : a;
}
template <typename Number>
inline Number larger(Number a, Number b) {
  return b > a ? b : a;
}

inline float sum_of(Lanes a) {
  float each[WIDTH];
  store(each, a);
  for (int half = WIDTH / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) each[i] += each[half + i];
  return each[0];
}

inline float largest_of(Lanes a) {
  float each[WIDTH];
  store(each, a);
  for (int i = 1; i < WIDTH; ++i) each[0] = larger(each[0], each[i]);
  return each[0];
}

constexpr float LOG2_E = 1.44269504088896341f;
// Exponentials of smaller numbers are not computed: sums of their products with values would be subnormal numbers,
// which take a hundred times the time of normal numbers.
constexpr float LOWEST = -100.0f;

// The polynomial p with 2^r = 1 + r p(r) for r from -1/2 to 1/2: the minimax polynomial of 2^r with constant term 1
// (relative error 2e-9), found by iterated weighted least squares.
inline Lanes slope_of_power(Lanes r) {
  Lanes p = broadcast(0x1.41fbbcp-13f);
  p = multiply_add(p, r, broadcast(0x1.5f3e54p-10f));
  p = multiply_add(p, r, broadcast(0x1.3b2d4cp-7f));
  p = multiply_add(p, r, broadcast(0x1.c6aee8p-5f));
  p = multiply_add(p, r, broadcast(0x1.ebfbdcp-3f));
  return multiply_add(p, r, broadcast(0x1.62e430p-1f));
}

// 2^(whole + r) for r from -1/2 to 1/2.
inline Lanes power_of_two(Lanes whole, Lanes r) {
  return times_power_of_two(multiply_add(slope_of_power(r), r, broadcast(1.0f)), whole);
}

// 2^r - 1 for r from -1/2 to 1/2, with a small relative error near 0, too.
inline Lanes power_of_two_less_one(Lanes r) { return multiply(slope_of_power(r), r); }

// 2^x for x from LOWEST to 127, NaN for NaN; relative error below 2^-23.
inline Lanes exp2(Lanes x) {
  const Lanes whole = round(x);
  return power_of_two(whole, subtract(x, whole));
}

// The sigmoid of a score in base 2, and what it leaves of 1. Both come from the exponential of a number that is not
// positive, so that neither overflows. A sigmoid below 2^LOWEST is not computed.
inline Lanes sigmoid_of(Lanes score, Lanes* rest) {
  const Lanes away = maximum(subtract(broadcast(0), score), score);
  const Lanes power = exp2(maximum(broadcast(LOWEST), subtract(broadcast(0), away)));
  const Lanes larger = divide(broadcast(1), add(broadcast(1), power)), smaller = multiply(power, larger);
  const Mask positive = not_at_most(mask_of(~0u), score, broadcast(0));
  *rest = where(positive, smaller, larger);
  return where(positive, larger, smaller);
}

// e^x for x from -87 to 88, NaN for NaN; relative error below 2^-22.
inline Lanes exp(Lanes x) {
  const Lanes whole = round(multiply(x, broadcast(LOG2_E)));
  // The first part of log 2 has so few bits that its product is exact.
  const Lanes r =
      subtract(subtract(x, multiply(whole, broadcast(0x1.62e4p-1f))), multiply(whole, broadcast(0x1.7f7d1cp-20f)));
  return power_of_two(whole, multiply(r, broadcast(LOG2_E)));
}

}  // namespace LENGTHWISE_PATH
