// The arguments of what is computed for each row alone, as Python passes them. All arrays are float32, and contiguous
// if they have no strides.
#pragma once

#include "arguments.h"

// SwiGLU, whose input is (rows, 2, width), gate and up; and entmax, whose input is scores, minus infinity for hidden
// keys.
struct Plain {
  int64_t rows, width, threads;  // the width of the output
  const float* input;
  float* output;          // (rows, width); entmax reads it again in the backward pass
  const float* gradient;  // (rows, width), of the output
  float* d_input;         // as the input
};

struct RmsNorm {
  int64_t rows, width, threads;
  double epsilon;
  const float *input, *weight;  // (rows, width), and (width) or null
  float* output;                // (rows, width)
  const float* gradient;        // (rows, width), of the output
  float *d_input, *d_weight;    // (rows, width), and (width) or null
};

struct Rotation {
  int64_t batch, heads, tokens, width, threads;
  int64_t angles_batch;        // numbers from the angles of one sequence to the next, or 0
  const float *cosine, *sine;  // (batch or 1, tokens, width / 2)
  Tensor input, output;
};
