// The kernels, compiled once for each instruction path.
#include "kernels.h"

#include "backward.h"
#include "decode.h"
#include "forward.h"
#include "rowwise.h"
#include "rules/distance_bias.h"
#include "rules/entmax.h"
#include "rules/forgetting.h"
#include "rules/relative_bias.h"
#include "rules/sigmoid.h"
#include "rules/softpick.h"
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
    to[head * a.keys + key] = std::sqrt(sum_of(squares));
  }
}

#ifndef LENGTHWISE_LONG
#define LENGTHWISE_LONG 4096  // the sanitizers' build sets fewer keys, so that it reaches long walks
#endif

// Long walks that may not stop early use larger blocks of queries, because a block reads the keys from memory once.
bool long_walks(const Arguments& a) { return a.skip_tolerance == 0 && a.keys > LENGTHWISE_LONG; }

template <int BLOCK, typename ForwardRule, typename BackwardRule>
struct Walk {
  using Forwards = Forward<BLOCK, ForwardRule>;
  using Backwards = Backward<BLOCK, BackwardRule>;
};
template <int BLOCK, template <int> class Logits, typename Mass = Exponential>
using SoftmaxWalk = Walk<BLOCK, SoftmaxForward<BLOCK, Logits, Mass>, SoftmaxBackward<BLOCK, Logits, Mass>>;

template <int BLOCK, template <int> class Logits>
using EntmaxWalk = Walk<BLOCK, EntmaxForward<BLOCK, Logits>, EntmaxBackward<BLOCK, Logits>>;

template <int BLOCK, typename Use>
auto with_rule(const Arguments& a, Use use) {
  switch (a.rule) {
    case FORGETTING:
      return use(SoftmaxWalk<BLOCK, Forgetting>{});
    case STICK_BREAKING:
      return use(Walk<BLOCK, StickForward<BLOCK>, StickBackward<BLOCK>>{});
    case DISTANCE_BIAS:
      return use(SoftmaxWalk<BLOCK, DistanceBias>{});
    case SIGMOID:
      return use(Walk<BLOCK, SigmoidForward<BLOCK>, SigmoidBackward<BLOCK>>{});
    case SOFTPICK:
      return use(SoftmaxWalk<BLOCK, Score, Pick>{});
    case RELATIVE_BIAS:
      return use(SoftmaxWalk<BLOCK, RelativeBias>{});
    case ENTMAX:
      return a.bias ? use(EntmaxWalk<BLOCK, DistanceBias>{}) : use(EntmaxWalk<BLOCK, Score>{});
    default:
      return use(SoftmaxWalk<BLOCK, ThresholdRelative>{});
  }
}

// Calls `use` with the walk that the arguments ask for.
template <typename Use>
auto with_walk(const Arguments& a, Use use) {
  return long_walks(a) ? with_rule<128>(a, use) : with_rule<64>(a, use);
}

int64_t forward_tasks(const Arguments& a) {
  return with_walk(a, [&](auto walk) { return decltype(walk)::Forwards::tasks(a); });
}

int64_t forward_scratch(const Arguments& a) {
  return with_walk(a, [&](auto walk) { return decltype(walk)::Forwards::scratch(a); });
}

void forward(const Arguments& a, const float* norms, int64_t task, float* scratch) {
  with_walk(a, [&](auto walk) { typename decltype(walk)::Forwards(a, norms).run(task, scratch); });
}

int64_t backward_tasks(const Arguments& a) {
  return with_walk(a, [&](auto walk) { return decltype(walk)::Backwards::tasks(a); });
}

int64_t backward_scratch(const Arguments& a) {
  return with_walk(a, [&](auto walk) { return decltype(walk)::Backwards::scratch(a); });
}

void backward(const Arguments& a, std::atomic<int32_t>* passed, int64_t task, float* scratch) {
  with_walk(a, [&](auto walk) { typename decltype(walk)::Backwards(a, passed).run(task, scratch); });
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
    LENGTHWISE_NAME, norm_tasks,       norms,    forward_tasks,   forward_scratch, forward,
    backward_tasks,  backward_scratch, backward, Decode::scratch, decode_prepare,  decode_visit,
    decode_join,     decode_finish,    swiglu,   swiglu_backward, rms_norm,        rms_norm_backward,
    entmax,          entmax_backward,  rotate,
};

}  // namespace LENGTHWISE_PATH
