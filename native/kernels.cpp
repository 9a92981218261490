// The kernels, compiled once for each instruction path.
#include "kernels.h"

#include "backward.h"
#include "decode.h"
#include "forward.h"
#include "rules/distance_bias.h"
#include "rules/forgetting.h"
#include "rules/stick_breaking.h"
#include "rules/threshold_relative.h"

namespace LENGTHWISE_PATH {

constexpr int64_t SPAN = 4096;  // number of keys whose norms are one task

int64_t norm_tasks(const Arguments& a) { return a.batch * a.kv_heads * ((a.keys + SPAN - 1) / SPAN); }

// The norm of each key, (batch, kv_heads, keys).
void norms(const Arguments& a, float* to, int64_t task) {
  const int64_t spans = (a.keys + SPAN - 1) / SPAN, head = task / spans, first = task % spans * SPAN;
  const int64_t end = smaller(first + SPAN, a.keys);
  const Rows rows(a.key, a, head / a.kv_heads, head % a.kv_heads);
  for (int64_t key = first; key < end; ++key) {
    Lanes squares = broadcast(0);
    for (int64_t column = 0; column < a.width; column += WIDTH) {
      const Lanes x = rows.lanes(key, column);
      squares = multiply_add(x, x, squares);
    }
    float each[WIDTH], sum = 0;
    store(each, squares);
    for (int i = 0; i < WIDTH; ++i) sum += each[i];
    to[head * a.keys + key] = std::sqrt(sum);
  }
}

#ifndef LENGTHWISE_LONG
#define LENGTHWISE_LONG 4096  // the sanitizers' build sets fewer keys, so that it reaches long walks
#endif

// Long walks that may not stop early use larger blocks of queries, because a block reads the keys from memory once.
bool long_walks(const Arguments& a) { return a.skip_tolerance == 0 && a.keys > LENGTHWISE_LONG; }

template <int BLOCK>
struct ThresholdRelativeWalk {
  using Forwards = Forward<BLOCK, SoftmaxForward<BLOCK, ThresholdRelative>>;
  using Backwards = Backward<BLOCK, SoftmaxBackward<BLOCK, ThresholdRelative>>;
};
template <int BLOCK>
struct ForgettingWalk {
  using Forwards = Forward<BLOCK, SoftmaxForward<BLOCK, Forgetting>>;
  using Backwards = Backward<BLOCK, SoftmaxBackward<BLOCK, Forgetting>>;
};
template <int BLOCK>
struct DistanceBiasWalk {
  using Forwards = Forward<BLOCK, SoftmaxForward<BLOCK, DistanceBias>>;
  using Backwards = Backward<BLOCK, SoftmaxBackward<BLOCK, DistanceBias>>;
};
template <int BLOCK>
struct StickBreakingWalk {
  using Forwards = Forward<BLOCK, StickForward<BLOCK>>;
  using Backwards = Backward<BLOCK, StickBackward<BLOCK>>;
};

// Tasks and memory are the same for all rules.
template <int BLOCK>
using Any = ThresholdRelativeWalk<BLOCK>;

int64_t forward_tasks(const Arguments& a) {
  return long_walks(a) ? Any<128>::Forwards::tasks(a) : Any<64>::Forwards::tasks(a);
}

int64_t forward_scratch(const Arguments& a) {
  return long_walks(a) ? Any<128>::Forwards::scratch(a) : Any<64>::Forwards::scratch(a);
}

template <template <int> class Walk>
void forward_by(const Arguments& a, const float* norms, int64_t task, float* scratch) {
  if (long_walks(a))
    typename Walk<128>::Forwards(a, norms).run(task, scratch);
  else
    typename Walk<64>::Forwards(a, norms).run(task, scratch);
}

void forward(const Arguments& a, const float* norms, int64_t task, float* scratch) {
  switch (a.rule) {
    case FORGETTING:
      return forward_by<ForgettingWalk>(a, norms, task, scratch);
    case STICK_BREAKING:
      return forward_by<StickBreakingWalk>(a, norms, task, scratch);
    case DISTANCE_BIAS:
      return forward_by<DistanceBiasWalk>(a, norms, task, scratch);
    default:
      return forward_by<ThresholdRelativeWalk>(a, norms, task, scratch);
  }
}

int64_t backward_tasks(const Arguments& a) {
  return long_walks(a) ? Any<128>::Backwards::tasks(a) : Any<64>::Backwards::tasks(a);
}

int64_t backward_scratch(const Arguments& a) {
  return long_walks(a) ? Any<128>::Backwards::scratch(a) : Any<64>::Backwards::scratch(a);
}

template <template <int> class Walk>
void backward_by(const Arguments& a, std::atomic<int32_t>* passed, int64_t task, float* scratch) {
  if (long_walks(a))
    typename Walk<128>::Backwards(a, passed).run(task, scratch);
  else
    typename Walk<64>::Backwards(a, passed).run(task, scratch);
}

void backward(const Arguments& a, std::atomic<int32_t>* passed, int64_t task, float* scratch) {
  switch (a.rule) {
    case FORGETTING:
      return backward_by<ForgettingWalk>(a, passed, task, scratch);
    case STICK_BREAKING:
      return backward_by<StickBreakingWalk>(a, passed, task, scratch);
    case DISTANCE_BIAS:
      return backward_by<DistanceBiasWalk>(a, passed, task, scratch);
    default:
      return backward_by<ThresholdRelativeWalk>(a, passed, task, scratch);
  }
}

void decode_prepare(const Arguments& a, const float* norms, int64_t index, FewRow& row, float* scratch) {
  Decode(a, norms).prepare(index, row, scratch);
}

void decode_visit(const Arguments& a, const float* norms, int64_t unit, int64_t range, const FewRow* rows,
                  int64_t count, Found* found, float* scratch) {
  Decode(a, norms).visit(unit, range, rows, count, found, scratch);
}

void decode_join(const Arguments& a, const float* norms, int64_t unit, int64_t range, const Found& there, FewRow& row) {
  Decode(a, norms).join(unit, range, there, row);
}

void decode_finish(const Arguments& a, int64_t index, const FewRow& row) { Decode(a, nullptr).finish(index, row); }

extern const Kernels kernels;
const Kernels kernels = {
    LENGTHWISE_NAME,  norm_tasks, norms,           forward_tasks,  forward_scratch, forward,     backward_tasks,
    backward_scratch, backward,   Decode::scratch, decode_prepare, decode_visit,    decode_join, decode_finish,
};

}  // namespace LENGTHWISE_PATH
