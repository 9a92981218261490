// What the kernels compute, written down once more: materialised, in double precision, without a thought for time.
#pragma once

#include <vector>

#include "../arguments.h"

// The inputs as numbers, contiguous: (batch, heads, queries, width) and (batch, kv_heads, keys, width).
struct Inputs {
  std::vector<double> query, key, value, gradient;
  bool exact = false;  // whether products of queries and keys are free of rounding in float32
};

// What a result should be, and how far from it a kernel may end up.
struct Expected {
  explicit Expected(int64_t size) : value(size), bound(size) {}
  std::vector<double> value, bound;
};

// In the order of the results of the backward pass, widths without padding.
struct Results {
  Expected output, d_query, d_key, d_value, d_log_forget;
};

// Sizes, gates, documents, limit, scale and tolerance come from the arguments; all numbers have to be finite, except
// that gates may be minus infinity.
//
// The bounds are those of a first-order analysis in float32: every product, sum and exponential puts its rounding unit
// times the sum of the absolute values of its terms on top of what its inputs carry. A key may be lost whole if its
// weight is below the tolerance. Where nothing is skipped, the errors of right kernels are a few hundredths of this.
Results attend(const Arguments& arguments, const Inputs& inputs);
