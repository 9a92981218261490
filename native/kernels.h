// The kernels of one instruction path, as the library calls them.
#pragma once

#include <atomic>

#include "arguments.h"
#include "few.h"
#include "rows.h"

struct Kernels {
  const char* name;
  int64_t (*norm_tasks)(const Arguments&);
  void (*norms)(const Arguments&, float* norms, int64_t task);
  int64_t (*forward_tasks)(const Arguments&);
  int64_t (*forward_scratch)(const Arguments&);  // floats for each thread
  void (*forward)(const Arguments&, const float* norms, int64_t task, float* scratch);
  int64_t (*backward_tasks)(const Arguments&);
  int64_t (*backward_scratch)(const Arguments&);
  void (*backward)(const Arguments&, std::atomic<int32_t>* passed, int64_t task, float* scratch);
  int64_t (*decode_scratch)(const Arguments&);
  void (*decode_prepare)(const Arguments&, const float* norms, int64_t index, FewRow& row, float* scratch);
  void (*decode_visit)(const Arguments&, const float* norms, int64_t unit, int64_t range, const FewRow* rows,
                       int64_t count, Found* found, float* scratch);
  void (*decode_join)(const Arguments&, const float* norms, int64_t unit, int64_t range, const Found& there,
                      FewRow& row);
  void (*decode_finish)(const Arguments&, int64_t index, const FewRow& row);
  void (*swiglu)(const Plain&, int64_t begin, int64_t end);
  void (*swiglu_backward)(const Plain&, int64_t begin, int64_t end);
  void (*rms_norm)(const RmsNorm&, int64_t begin, int64_t end);
  void (*rms_norm_backward)(const RmsNorm&, int64_t begin, int64_t end, float* d_weight);
  void (*entmax)(const Plain&, int64_t begin, int64_t end);
  void (*entmax_backward)(const Plain&, int64_t begin, int64_t end);
  void (*rotate)(const Rotation&, int64_t begin, int64_t end);
};
