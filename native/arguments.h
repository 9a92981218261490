// What crosses the border between Python and C++: plain pointers, sizes and strides. The Python side declares the same
// structure, and compares its size before the first call.
#pragma once

#include <cstdint>

// What a kernel may have to say of the numbers it met.
enum Finding : int32_t {
  NOT_FINITE = 1,      // some number of the output, or of the gradient of the query
  GATE_ABOVE_ONE = 2,  // nothing has been computed
};

// A (batch, heads, tokens, width) tensor whose last dimension is contiguous; strides in elements.
struct Tensor {
  void* data;
  int64_t batch, head, token;
};

struct Arguments {
  int64_t batch, heads, kv_heads, queries, keys, width;
  int64_t bfloat16;  // query, key and value: 1 for bfloat16, 0 for float32; all else is float32
  int64_t threads;
  Tensor query, key, value;
  const float* log_forget;  // (batch, heads, queries), contiguous, as is everything that follows
  const int32_t* document;  // (batch, keys), or null
  const int32_t* oldest;    // (batch, queries): position of the first key of a query's document, or null
  double limit, scale;      // a product greater than limit is kept; times scale, it is the score
  double skip_tolerance;    // 0 visits every key
  double largest_key_norm;  // of any key, or negative: then the norms are computed
  float* output;            // (batch, heads, queries, width)
  float *largest, *total;   // (batch, heads, queries): largest logit (base 2) and denominator
  float* visited;           // (batch, heads, queries): tiles of keys, the query's own and those before it
  int32_t* finding;         // set to NOT_FINITE or GATE_ABOVE_ONE where that is so
  // The backward pass reads the output and the three after it, and:
  const float* gradient;   // (batch, heads, queries, width), of output
  float* d_query;          // (batch, heads, queries, width)
  float *d_key, *d_value;  // (batch, kv_heads, keys, width rounded up to sixteen), zeros at first
  float* d_log_forget;     // (batch, heads, queries)
};
