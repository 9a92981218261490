// Four floats in a register, by the vector types that GCC and Clang have for every processor (SSE, NEON, ...).
#pragma once

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cmath>
#include <cstdint>
#include <cstring>

namespace LENGTHWISE_PATH {

constexpr int WIDTH = 4;
#if defined(__aarch64__)
constexpr int REGISTERS = 32;
#else
constexpr int REGISTERS = 16;
#endif

typedef float Lanes __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));   // all ones or zeros
typedef uint32_t Bits __attribute__((vector_size(16)));  // arithmetic that may wrap

inline Lanes load(const float* from) {
  Lanes a;
  std::memcpy(&a, from, sizeof a);
  return a;
}
inline Mask load_integers(const int32_t* from) {
  Mask a;
  std::memcpy(&a, from, sizeof a);
  return a;
}
inline void store(float* to, Lanes a) { std::memcpy(to, &a, sizeof a); }
// The first numbers of a register, from 1 to all; the others are zeros, and are not stored.
inline Lanes load(const float* from, int numbers) {
  Lanes a = {};
  for (int i = 0; i < numbers; ++i) a[i] = from[i];
  return a;
}
inline void store(float* to, Lanes a, int numbers) {
  for (int i = 0; i < numbers; ++i) to[i] = a[i];
}
inline Lanes broadcast(float a) { return Lanes{a, a, a, a}; }
inline Lanes where(Mask mask, Lanes yes, Lanes no) { return (Lanes)((mask & (Mask)yes) | (~mask & (Mask)no)); }
inline Lanes where_or_zero(Mask mask, Lanes yes) { return (Lanes)(mask & (Mask)yes); }
inline Lanes add(Lanes a, Lanes b) { return a + b; }
inline Lanes subtract(Lanes a, Lanes b) { return a - b; }
inline Lanes multiply(Lanes a, Lanes b) { return a * b; }
inline Lanes divide(Lanes a, Lanes b) { return a / b; }
inline Lanes square_root(Lanes a) { return Lanes{std::sqrt(a[0]), std::sqrt(a[1]), std::sqrt(a[2]), std::sqrt(a[3])}; }
#if defined(__aarch64__)
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  return (Lanes)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return a * b + c; }
#endif
inline Lanes minimum(Lanes a, Lanes b) { return where(a < b, a, b); }
inline Lanes maximum(Lanes a, Lanes b) { return where(a > b, a, b); }
// For numbers below 2^22: adding and subtracting 1.5 * 2^23 leaves no room for a fraction.
inline Lanes round(Lanes a) {
  const Lanes magic = broadcast(12582912.0f);
  Lanes sum = a + magic;
  asm("" : "+m"(sum));  // the sum has to be rounded before the magic number is subtracted
  return sum - magic;
}
// For exponents from -126 to 127; the result for other exponents is unspecified.
inline Lanes times_power_of_two(Lanes a, Lanes exponent) {
  const Bits magic = (Bits)(exponent + broadcast(12582912.0f));
  return a * (Lanes)((magic - 0x4b400000u + 127u) << 23);
}

inline Mask mask_of(unsigned bits) {
  const Mask each = {1, 2, 4, 8};
  return (each & static_cast<int32_t>(bits)) == each;
}
inline unsigned bits_of(Mask mask) { return (mask[0] & 1u) | (mask[1] & 2u) | (mask[2] & 4u) | (mask[3] & 8u); }
inline Mask both(Mask a, Mask b) { return a & b; }
// "Not at most" instead of "greater", because it is true for NaN, and a NaN must not drop a key.
inline Mask not_at_most(Mask among, Lanes a, Lanes b) { return among & ~(a <= b); }
inline Mask at_most(Lanes a, Lanes b) { return a <= b; }
inline Mask at_least(const int32_t* lanes, int32_t than) { return load_integers(lanes) >= than; }
inline Mask equal(const int32_t* lanes, int32_t to) { return load_integers(lanes) == to; }
inline Lanes add_where(Mask mask, Lanes a, Lanes b) { return a + where_or_zero(mask, b); }

// bfloat16 is the upper half of a float.
inline Lanes load(const uint16_t* from) {
  const Mask wide = {from[0] << 16, from[1] << 16, from[2] << 16, from[3] << 16};
  return (Lanes)wide;
}

// The columns of sixteen rows of four: to[column * 16 + row].
inline void transpose(const Lanes (&rows)[16], float* to) {
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 4; ++column) to[16 * column + row] = rows[row][column];
}

}  // namespace LENGTHWISE_PATH
