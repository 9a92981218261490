// What a layer computes for each row of a tensor alone: RMSNorm, SwiGLU, entmax, and the turn of rotary positions, with
// their gradients.
// Each function computes the rows of a range.
#pragma once

#include <cmath>
#include <cstdint>

#include "lanes.h"
#include "rows.h"

namespace LENGTHWISE_PATH {

// Calls use(column, numbers) for each register of a row; the last one may have fewer numbers.
template <typename Use>
inline void along(int64_t width, Use use) {
  int64_t column = 0;
  for (; column + WIDTH <= width; column += WIDTH) use(column, WIDTH);
  if (column < width) use(column, static_cast<int>(width - column));
}
inline Lanes read(const float* from, int numbers) { return numbers == WIDTH ? load(from) : load(from, numbers); }
inline void write(float* to, Lanes a, int numbers) {
  if (numbers == WIDTH) return store(to, a);
  store(to, a, numbers);
}

// 1 / (1 + e^-x); 0 below -87, where it leaves the normal numbers, and for NaN, whose products are NaN anyway.
inline Lanes sigmoid(Lanes x) {
  const Lanes one = broadcast(1.0f), lowest = broadcast(-87.0f);
  const Lanes power = exp(minimum(broadcast(87.0f), maximum(lowest, subtract(broadcast(0), x))));
  return where_or_zero(at_most(lowest, x), divide(one, add(one, power)));
}

// output = silu(gate) * up, where each row of `input` is gate and up.
inline void swiglu(const Plain& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float *gate = a.input + 2 * row * a.width, *up = gate + a.width;
    float* output = a.output + row * a.width;
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes x = read(gate + column, numbers);
      write(output + column, multiply(multiply(x, sigmoid(x)), read(up + column, numbers)), numbers);
    });
  }
}

inline void swiglu_backward(const Plain& a, int64_t begin, int64_t end) {
  const Lanes one = broadcast(1.0f);
  for (int64_t row = begin; row < end; ++row) {
    const float *gate = a.input + 2 * row * a.width, *up = gate + a.width, *gradient = a.gradient + row * a.width;
    float *d_gate = a.d_input + 2 * row * a.width, *d_up = d_gate + a.width;
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes x = read(gate + column, numbers), s = sigmoid(x), silu = multiply(x, s);
      const Lanes g = read(gradient + column, numbers);
      const Lanes slope = multiply_add(silu, subtract(one, s), s);  // s (1 + x (1 - s))
      write(d_gate + column, multiply(multiply(g, read(up + column, numbers)), slope), numbers);
      write(d_up + column, multiply(g, silu), numbers);
    });
  }
}

// What a row is multiplied by: 1 / sqrt(mean of squares + epsilon).
inline float normaliser(const RmsNorm& a, const float* x) {
  Lanes squares = broadcast(0);
  along(a.width, [&](int64_t column, int numbers) {
    const Lanes each = read(x + column, numbers);
    squares = multiply_add(each, each, squares);
  });
  return 1.0f / std::sqrt(sum_of(squares) / static_cast<float>(a.width) + static_cast<float>(a.epsilon));
}

// The numbers times the weight, if there is one.
inline Lanes weighted(const RmsNorm& a, Lanes x, int64_t column, int numbers) {
  return a.weight ? multiply(x, read(a.weight + column, numbers)) : x;
}

// output = n * weight, where n is the normalised row.
inline void rms_norm(const RmsNorm& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.input + row * a.width;
    float* output = a.output + row * a.width;
    const Lanes scale = broadcast(normaliser(a, x));
    along(a.width, [&](int64_t column, int numbers) {
      write(output + column, weighted(a, multiply(read(x + column, numbers), scale), column, numbers), numbers);
    });
  }
}

// d_input = scale * (w g - n * mean(n w g)), for the gradient g of the output; n g is added to d_weight, if there is
// one.
inline void rms_norm_backward(const RmsNorm& a, int64_t begin, int64_t end, float* d_weight) {
  for (int64_t row = begin; row < end; ++row) {
    const float *x = a.input + row * a.width, *gradient = a.gradient + row * a.width;
    float* d_input = a.d_input + row * a.width;
    const Lanes scale = broadcast(normaliser(a, x));
    Lanes products = broadcast(0);
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes n = multiply(read(x + column, numbers), scale), g = read(gradient + column, numbers);
      products = multiply_add(n, weighted(a, g, column, numbers), products);
      if (d_weight) write(d_weight + column, multiply_add(n, g, read(d_weight + column, numbers)), numbers);
    });
    const Lanes mean = broadcast(sum_of(products) / static_cast<float>(a.width));
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes n = multiply(read(x + column, numbers), scale);
      const Lanes wg = weighted(a, read(gradient + column, numbers), column, numbers);
      write(d_input + column, multiply(scale, subtract(wg, multiply(n, mean))), numbers);
    });
  }
}

// The same with minus infinity beyond the end of the row.
inline Lanes read_scores(const float* from, int numbers) {
  if (numbers == WIDTH) return load(from);
  return where(mask_of((1u << numbers) - 1), load(from, numbers), broadcast(-INFINITY));
}

// The weights p = max(0, z / 2 - threshold)^2 that sum to 1, for scores z (1.5-entmax, arXiv 1905.05702). The root of
// the sum is convex and falls with the threshold, so that the steps of Newton's method stay left of the solution. A row
// with NaN, or without a visible key, becomes NaN.
inline void entmax(const Plain& a, int64_t begin, int64_t end) {
  constexpr int STEPS = 9;  // as many as the formula takes
  const Lanes zero = broadcast(0);
  for (int64_t row = begin; row < end; ++row) {
    const float* scores = a.input + row * a.width;
    float* weights = a.output + row * a.width;
    Lanes most = broadcast(-INFINITY);
    along(a.width, [&](int64_t column, int numbers) { most = maximum(most, read_scores(scores + column, numbers)); });
    const Lanes highest = broadcast(largest_of(most));
    along(a.width, [&](int64_t column, int numbers) {
      write(weights + column, multiply(subtract(read(scores + column, numbers), highest), broadcast(0.5f)), numbers);
    });
    float threshold = -1;  // there, the highest key alone gives 1
    for (int step = 0; step < STEPS; ++step) {
      Lanes squares = zero, sum = zero;
      along(a.width, [&](int64_t column, int numbers) {
        const Lanes above = maximum(zero, subtract(read_scores(weights + column, numbers), broadcast(threshold)));
        squares = multiply_add(above, above, squares);
        sum = add(sum, above);
      });
      const float norm = std::sqrt(sum_of(squares)), more = norm * (norm - 1) / sum_of(sum);
      if (more <= 0) break;
      threshold += more;  // NaN stays
    }
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes above = maximum(zero, subtract(read(weights + column, numbers), broadcast(threshold)));
      write(weights + column, multiply(above, above), numbers);
    });
  }
}

// d_input = s (g - sum(s g) / sum(s)), for the roots s of the weights and the gradient g of the weights.
inline void entmax_backward(const Plain& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float *weights = a.output + row * a.width, *gradient = a.gradient + row * a.width;
    float* d_scores = a.d_input + row * a.width;
    Lanes products = broadcast(0), sum = broadcast(0);
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes root = square_root(read(weights + column, numbers));
      products = multiply_add(root, read(gradient + column, numbers), products);
      sum = add(sum, root);
    });
    const Lanes mean = broadcast(sum_of(products) / sum_of(sum));
    along(a.width, [&](int64_t column, int numbers) {
      const Lanes root = square_root(read(weights + column, numbers));
      write(d_scores + column, multiply(root, subtract(read(gradient + column, numbers), mean)), numbers);
    });
  }
}

// Turns the pairs of components (m, m + width / 2) of all heads of the tokens; a row is a token of a sequence.
inline void rotate(const Rotation& a, int64_t begin, int64_t end) {
  const int64_t half = a.width / 2;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t batch = row / a.tokens, token = row % a.tokens;
    const float *cosines = a.cosine + batch * a.angles_batch + token * half, *sines = cosines - a.cosine + a.sine;
    const float* from = static_cast<const float*>(a.input.data) + batch * a.input.batch + token * a.input.token;
    float* to = static_cast<float*>(a.output.data) + batch * a.output.batch + token * a.output.token;
    along(half, [&](int64_t column, int numbers) {
      const Lanes cosine = read(cosines + column, numbers), sine = read(sines + column, numbers);
      for (int64_t head = 0; head < a.heads; ++head) {
        const float* vector = from + head * a.input.head + column;
        float* turned = to + head * a.output.head + column;
        const Lanes first = read(vector, numbers), second = read(vector + half, numbers);
        write(turned, subtract(multiply(first, cosine), multiply(second, sine)), numbers);
        write(turned + half, add(multiply(first, sine), multiply(second, cosine)), numbers);
      }
    });
  }
}

}  // namespace LENGTHWISE_PATH
