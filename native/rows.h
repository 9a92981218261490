// The arguments of what is computed for each row alone, as Python passes them. All arrays are float32, and contiguous
// if they have no strides.
#pragma once

#include "arguments.h"

struct Swiglu {
  int64_t rows, width, threads;  // the width of the output
  const float* input;            // (rows, 2, width): gate and up
  float* output;                 // (rows, width)
  const float* gradient;         // (rows, width), of the output
  float* d_input;                // (rows, 2, width)
};

struct RmsNorm {
  int64_t rows, width, threads;
  double epsilon;
  const float *input, *weight;  // (rows, width), and (width) or null
  float* output;                // (rows, width)
  const float* gradient;        // (rows, width), of the output
  float *d_input, *d_weight;    // (rows, width), and (width) or null
};

struct Entmax {
  int64_t rows, width, threads;
  const float* input;     // (rows, width): scores, minus infinity for hidden keys
  float* output;          // (rows, width): weights; the backward pass reads them again
  const float* gradient;  // (rows, width), of the output
  float* d_input;         // (rows, width)
};

struct Rotation {
  int64_t batch, heads, tokens, width, threads;
  int64_t angles_batch;        // numbers from the angles of one sequence to the next, or 0
  const float *cosine, *sine;  // (batch or 1, tokens, width / 2)
  Tensor input, output;
};
