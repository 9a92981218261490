// The interface between Python and C++: plain pointers, sizes and strides. The Python side declares the same structure,
// and compares its size before the first call.
#pragma once

#include <cstdint>

// What a kernel reports about the numbers it found.
enum Finding : int32_t {
  NOT_FINITE = 1,      // a number of the output, or of the gradient of the query, is not finite
  GATE_ABOVE_ONE = 2,  // a gate is above 1, and nothing has been computed
};

// What a product of a query and a key weighs; native/rules has a file for each.
enum Rule : int64_t {
  THRESHOLD_RELATIVE = 0,
  FORGETTING = 1,
  STICK_BREAKING = 2,
  DISTANCE_BIAS = 3,
  SIGMOID = 4,
  SOFTPICK = 5,
  ENTMAX = 6,
  RELATIVE_BIAS = 7
};

// Numbers before the first and after the last bias: lanes without a query, and keys ahead, read some of them; so it is
// with numbers of distances.
constexpr int64_t BIAS_MARGIN = 256;

// A (batch, heads, tokens, width) tensor whose last dimension is contiguous; strides are in elements.
struct Tensor {
  void* data;
  int64_t batch, head, token;
};

struct Arguments {
  int64_t rule;
  int64_t batch, heads, kv_heads, queries, keys, width;
  int64_t bfloat16;  // dtype of query, key and value: 1 for bfloat16, 0 for float32; all other arrays are float32
  int64_t threads;
  int64_t strict;  // 1 if a query sees the keys before its own only, else 0
  Tensor query, key, value;
  const float* log_forget;  // (batch, heads, queries), for THRESHOLD_RELATIVE; this and all arrays below are contiguous
  const double* forgotten;  // (batch, heads, keys), for FORGETTING: running sums of logarithms of gates, never rising
  const float* bias;        // (batch, heads, BIAS_MARGIN + keys + BIAS_MARGIN), for DISTANCE_BIAS, and for ENTMAX if
                            // there are biases: the highest finite one is 0
  const float* highest_bias;  // (batch, heads, keys + BIAS_MARGIN): the highest bias of this and all longer distances
  int64_t bends;              // for RELATIVE_BIAS: number of knots
  const float* knots;         // (batch, bends), rising
  const float *slopes, *intercepts;  // (batch, heads, bends + 1)
  const float* beyond;  // (batch, heads, bends + 1): the highest bias on all later segments, and at the end; at most 0
  const float* distance;    // (batch, BIAS_MARGIN + keys + BIAS_MARGIN): a number of each distance, never falling
  const float* length;      // (batch, queries): what divides these numbers, positive
  const float* offset;      // (batch, heads, queries), for SIGMOID: added to each score of a query
  const float* sink;        // (batch, heads, queries), for softmax: one more logit, of attending to nothing; or null
  const int32_t* document;  // (batch, keys), or null
  const int32_t* oldest;    // (batch, queries): position of the first key of a query's document, or null
  double limit, scale;      // the score is product * scale; THRESHOLD_RELATIVE keeps products greater than limit
  double skip_tolerance;    // 0 visits every key
  double largest_key_norm;  // a bound on the norm of every key; if it is negative, the norms are computed
  float* output;            // (batch, heads, queries, width)
  // (batch, heads, queries): largest logit (base 2) and denominator; STICK_BREAKING: 0, and the weight left at the end;
  // SIGMOID: 0 and 1; ENTMAX: the threshold, and the sum of the roots of weights
  float *largest, *total;
  float* visited;    // (batch, heads, queries): tiles of keys, the query's own and those before it
  int32_t* finding;  // set to NOT_FINITE or GATE_ABOVE_ONE if a kernel finds it
  // The backward pass reads output, largest, total and visited, and:
  const float* gradient;           // (batch, heads, queries, width), of output
  float* d_query;                  // (batch, heads, queries, width)
  float *d_key, *d_value;          // (batch, kv_heads, keys, width rounded up to sixteen), zeros before the call
  float* d_log_forget;             // (batch, heads, queries), for THRESHOLD_RELATIVE
  float* d_forgotten;              // (batch, heads, keys), for FORGETTING, zeros before the call
  float* d_bias;                   // (batch, heads, keys), for rules with biases, zeros before the call
  float *d_slopes, *d_intercepts;  // (batch, heads, bends + 1), for RELATIVE_BIAS, zeros before the call
  float* d_distance;               // (batch, heads, keys), for RELATIVE_BIAS, zeros before the call
  float* d_length;                 // (batch, heads, queries), for RELATIVE_BIAS
  float* d_offset;                 // (batch, heads, queries), for SIGMOID
  float* d_sink;                   // (batch, heads, queries), if there is a sink
};
