// Eight floats in a register, and masks as registers of all ones or zeros: AVX2 with FMA.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace LENGTHWISE_PATH {

constexpr int WIDTH = 8;
constexpr int REGISTERS = 16;

using Lanes = __m256;
struct Mask {
  __m256 ones;
};

inline Lanes load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Lanes a) { _mm256_storeu_ps(to, a); }
// The first numbers of a register, from 1 to all; the others are zeros, and are not stored.
inline __m256i first(int numbers) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(numbers), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Lanes load(const float* from, int numbers) { return _mm256_maskload_ps(from, first(numbers)); }
inline void store(float* to, Lanes a, int numbers) { _mm256_maskstore_ps(to, first(numbers), a); }
inline Lanes broadcast(float a) { return _mm256_set1_ps(a); }
inline Lanes add(Lanes a, Lanes b) { return _mm256_add_ps(a, b); }
inline Lanes subtract(Lanes a, Lanes b) { return _mm256_sub_ps(a, b); }
inline Lanes multiply(Lanes a, Lanes b) { return _mm256_mul_ps(a, b); }
inline Lanes divide(Lanes a, Lanes b) { return _mm256_div_ps(a, b); }
inline Lanes square_root(Lanes a) { return _mm256_sqrt_ps(a); }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return _mm256_fmadd_ps(a, b, c); }
inline Lanes minimum(Lanes a, Lanes b) { return _mm256_min_ps(a, b); }
inline Lanes maximum(Lanes a, Lanes b) { return _mm256_max_ps(a, b); }
inline Lanes round(Lanes a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// For exponents from -126 to 127; the result for other exponents is unspecified.
inline Lanes times_power_of_two(Lanes a, Lanes exponent) {
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(a, _mm256_castsi256_ps(power));
}

inline Mask mask_of(unsigned bits) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), each);
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, each))};
}
inline unsigned bits_of(Mask mask) { return static_cast<unsigned>(_mm256_movemask_ps(mask.ones)); }
inline Mask both(Mask a, Mask b) { return {_mm256_and_ps(a.ones, b.ones)}; }
// "Not at most" instead of "greater", because it is true for NaN, and a NaN must not drop a key.
inline Mask not_at_most(Mask among, Lanes a, Lanes b) { return both(among, {_mm256_cmp_ps(a, b, _CMP_NLE_UQ)}); }
inline Mask at_most(Lanes a, Lanes b) { return {_mm256_cmp_ps(a, b, _CMP_LE_OQ)}; }
inline Mask at_least(const int32_t* lanes, int32_t than) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes));
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, _mm256_set1_epi32(than - 1)))};
}
inline Mask equal(const int32_t* lanes, int32_t to) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes));
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a, _mm256_set1_epi32(to)))};
}
inline Lanes where(Mask mask, Lanes yes, Lanes no) { return _mm256_blendv_ps(no, yes, mask.ones); }
inline Lanes where_or_zero(Mask mask, Lanes yes) { return _mm256_and_ps(mask.ones, yes); }
inline Lanes add_where(Mask mask, Lanes a, Lanes b) { return _mm256_add_ps(a, _mm256_and_ps(mask.ones, b)); }

// bfloat16 is the upper half of a float.
inline Lanes load(const uint16_t* from) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

// The columns of sixteen rows of eight: to[column * 16 + row].
inline void transpose(const Lanes (&rows)[16], float* to) {
  for (int half = 0; half < 2; ++half) {
    const Lanes* r = rows + 8 * half;
    Lanes a[8], b[8];
    for (int i = 0; i < 4; ++i) {
      a[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
      a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        b[4 * i + 2 * j] = _mm256_shuffle_ps(a[4 * i + j], a[4 * i + 2 + j], 0x44);
        b[4 * i + 2 * j + 1] = _mm256_shuffle_ps(a[4 * i + j], a[4 * i + 2 + j], 0xee);
      }
    }
    for (int c = 0; c < 4; ++c) {
      store(to + 16 * c + 8 * half, _mm256_permute2f128_ps(b[c], b[4 + c], 0x20));
      store(to + 16 * (4 + c) + 8 * half, _mm256_permute2f128_ps(b[c], b[4 + c], 0x31));
    }
  }
}

}  // namespace LENGTHWISE_PATH
