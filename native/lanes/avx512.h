// Sixteen floats in a register, and masks in separate mask registers: AVX-512 (F, BW, VL, DQ).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace LENGTHWISE_PATH {

constexpr int WIDTH = 16;
constexpr int REGISTERS = 32;

using Lanes = __m512;
using Mask = __mmask16;

inline Lanes load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Lanes a) { _mm512_storeu_ps(to, a); }
// The first numbers of a register, from 1 to all; the others are zeros, and are not stored.
inline Lanes load(const float* from, int numbers) { return _mm512_maskz_loadu_ps(0xffffu >> (16 - numbers), from); }
inline void store(float* to, Lanes a, int numbers) { _mm512_mask_storeu_ps(to, 0xffffu >> (16 - numbers), a); }
inline Lanes broadcast(float a) { return _mm512_set1_ps(a); }
inline Lanes add(Lanes a, Lanes b) { return _mm512_add_ps(a, b); }
inline Lanes subtract(Lanes a, Lanes b) { return _mm512_sub_ps(a, b); }
inline Lanes multiply(Lanes a, Lanes b) { return _mm512_mul_ps(a, b); }
inline Lanes divide(Lanes a, Lanes b) { return _mm512_div_ps(a, b); }
inline Lanes square_root(Lanes a) { return _mm512_sqrt_ps(a); }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
inline Lanes minimum(Lanes a, Lanes b) { return _mm512_min_ps(a, b); }
inline Lanes maximum(Lanes a, Lanes b) { return _mm512_max_ps(a, b); }
inline Lanes round(Lanes a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Lanes times_power_of_two(Lanes a, Lanes exponent) { return _mm512_scalef_ps(a, exponent); }

inline Mask mask_of(unsigned bits) { return static_cast<Mask>(bits); }
inline unsigned bits_of(Mask mask) { return mask; }
inline Mask both(Mask a, Mask b) { return a & b; }
// "Not at most" instead of "greater", because it is true for NaN, and a NaN must not drop a key.
inline Mask not_at_most(Mask among, Lanes a, Lanes b) { return _mm512_mask_cmp_ps_mask(among, a, b, _CMP_NLE_UQ); }
inline Mask at_most(Lanes a, Lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
inline Mask at_least(const int32_t* lanes, int32_t than) {
  return _mm512_cmpge_epi32_mask(_mm512_loadu_si512(lanes), _mm512_set1_epi32(than));
}
inline Mask equal(const int32_t* lanes, int32_t to) {
  return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(lanes), _mm512_set1_epi32(to));
}
inline Lanes where(Mask mask, Lanes yes, Lanes no) { return _mm512_mask_mov_ps(no, mask, yes); }
inline Lanes where_or_zero(Mask mask, Lanes yes) { return _mm512_maskz_mov_ps(mask, yes); }
inline Lanes add_where(Mask mask, Lanes a, Lanes b) { return _mm512_mask_add_ps(a, mask, a, b); }

// bfloat16 is the upper half of a float.
inline Lanes load(const uint16_t* from) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

// The columns of sixteen rows of sixteen: to[column * 16 + row].
inline void transpose(const Lanes (&rows)[16], float* to) {
  Lanes a[16], b[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
  }
  const auto pairs = [](Lanes x, Lanes y, bool high) {
    const __m512d p = _mm512_castps_pd(x), q = _mm512_castps_pd(y);
    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(p, q) : _mm512_unpacklo_pd(p, q));
  };
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      b[4 * i + 2 * j] = pairs(a[4 * i + j], a[4 * i + 2 + j], false);
      b[4 * i + 2 * j + 1] = pairs(a[4 * i + j], a[4 * i + 2 + j], true);
    }
  }
  // b[4 i + c] now holds column 4 l + c of rows 4 i ... 4 i + 3 in its 128-bit lane l.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const Lanes even01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88), odd01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xdd);
    const Lanes even23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
    const Lanes odd23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xdd);
    store(to + 16 * c, _mm512_shuffle_f32x4(even01, even23, 0x88));
    store(to + 16 * (4 + c), _mm512_shuffle_f32x4(odd01, odd23, 0x88));
    store(to + 16 * (8 + c), _mm512_shuffle_f32x4(even01, even23, 0xdd));
    store(to + 16 * (12 + c), _mm512_shuffle_f32x4(odd01, odd23, 0xdd));
  }
}

}  // namespace LENGTHWISE_PATH
