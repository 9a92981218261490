// The interface between Python and C++: plain pointers, sizes and strides. The Python side declares the same structure,
// and compares its size before the first call.
#pragma once

#include <cstdint>

// What a kernel reports about the numbers it found.
enum Finding : int32_t {
  NOT_FINITE = 1,      // a number of the output, or of the gradient of the query, is not finite
  GATE_ABOVE_ONE = 2,  // a gate is above 1, and nothing has been computed
};

// A (batch, heads, tokens, width) tensor whose last dimension is contiguous; strides are in elements.
struct Tensor {
  void* data;
  int64_t batch, head, token;
};

struct Arguments {
  int64_t batch, heads, kv_heads, queries, keys, width;
  int64_t bfloat16;  // dtype of query, key and value: 1 for bfloat16, 0 for float32; all other arrays are float32
  int64_t threads;
  Tensor query, key, value;
  const float* log_forget;  // (batch, heads, queries); this and all arrays below are contiguous
  const int32_t* document;  // (batch, keys), or null
  const int32_t* oldest;    // (batch, queries): position of the first key of a query's document, or null
  double limit, scale;      // a key is kept if its product is greater than limit; the score is product * scale
  double skip_tolerance;    // 0 visits every key
  double largest_key_norm;  // a bound on the norm of every key; if it is negative, the norms are computed
  float* output;            // (batch, heads, queries, width)
  float *largest, *total;   // (batch, heads, queries): largest logit (base 2) and denominator
  float* visited;           // (batch, heads, queries): tiles of keys, the query's own and those before it
  int32_t* finding;         // set to NOT_FINITE or GATE_ABOVE_ONE if a kernel finds it
  // The backward pass reads output, largest, total and visited, and:
  const float* gradient;   // (batch, heads, queries, width), of output
  float* d_query;          // (batch, heads, queries, width)
  float *d_key, *d_value;  // (batch, kv_heads, keys, width rounded up to sixteen), zeros before the call
  float* d_log_forget;     // (batch, heads, queries)
};
