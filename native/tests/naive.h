// An independent computation of what the kernels compute: materialised, in double precision, and slow.
#pragma once

#include <vector>

#include "../arguments.h"

// The inputs as numbers, contiguous: (batch, heads, queries, width) and (batch, kv_heads, keys, width).
struct Inputs {
  std::vector<double> query, key, value, gradient;
  bool exact = false;  // true if products of queries and keys need no rounding in float32
};

// The expected value of each result, and the largest allowed error of a kernel.
struct Expected {
  explicit Expected(int64_t size) : value(size), bound(size) {}
  std::vector<double> value, bound;
};

// The results in the order of the backward pass, with widths without padding.
struct Results {
  Expected output, d_query, d_key, d_value, d_log_forget, d_forgotten, d_bias, d_offset, d_sink, d_slopes, d_intercepts,
      d_distance, d_length;
};

// Sizes, gates, documents, limit, scale and tolerance come from the arguments; all numbers have to be finite, except
// that gates may be minus infinity.
//
// The bounds come from a first-order analysis in float32: every product, sum and exponential adds its rounding unit
// times the sum of the absolute values of its terms to the errors of its inputs. A key may be lost whole if its weight
// is below the tolerance. If nothing is skipped, the errors of correct kernels are a few hundredths of these bounds.
Results attend(const Arguments& arguments, const Inputs& inputs);
