// Softmax on a walk: what turns logits into weights, forwards and backwards. How a product becomes a logit, and which
// keys are left out, is the rule of one mechanism, `Logits`. It is made of the arguments and a block, and has
//
// - keeps(key, product, &logit) of a View<HIDDEN>, made of the rule, the block, a first lane and a tile: which of WIDTH
//   lanes keep a key, and their logits in base 2. The keys of a tile come one after another, the newest first. In the
//   backward pass, learn(key, d_logit) follows. leave() is called after the last key.
// - met(...): the lanes whose remaining keys weigh at most `tolerance` of what was found.
// - most(lane, left), for entmax: the highest that is added to scores of the `left` oldest keys, in base 2.
//
// The rest has defaults (block.h):
//
// - IN_ORDER: true if the queries of a block have to stand in order.
// - slack(): how far the logit of a query's own key may lie below its score, in base 2.
// - spare(arguments): how many floats a block needs in the backward pass.
// - begin(spare): called at the start of a backward pass, with these floats.
// - enter(tile): called before a tile is weighed.
// - to_keys(d_logits, groups, tile, keys): in the backward pass, adds the gradient of what keys bring.
// - finish(lane, at, inner): writes the gradient of what a query brings. `inner` is the product of the output and its
//   gradient, divided by the denominator.
// - end(chain): called at the end of a block's backward pass.
#pragma once

#include <cmath>

#include "../block.h"

namespace LENGTHWISE_PATH {

// 2^(logit - largest) of a kept key; a weight too small to reach a result becomes zero.
inline Lanes weight_of(Mask kept, Lanes logit, Lanes largest) {
  const Lanes x = subtract(logit, largest);
  return where_or_zero(not_at_most(kept, x, broadcast(LOWEST)), exp2(x));
}

// The bound of a horizon is clipped to this number, because exp2 ends at 127. A denominator is at most 2^SAFE times the
// number of keys, so a bound this large is never met, clipped or not.
constexpr float HIGHEST = 126.0f;
// Factor that enlarges the norm of a query, for the rounding of sums: 335 times 2^-24, the worst case of norms and
// products of 160 numbers together. In wider rows, roundings cancel.
constexpr float MARGIN = 1.00002f;
// If no score of a row can be further from zero than this (base 2), its weights need no running maximum: the newest
// kept key alone gives the denominator 2^-SAFE or more, and weights below 2^LOWEST cannot change the denominator. A
// newest key with a bias takes its part of this.
constexpr float SAFE = 40.0f;
// First value of a running maximum; it is finite because minus infinity minus itself would be NaN.
constexpr float UNSEEN = -3e38f;

// 2^exponent, clipped to what exp2 takes. A NaN is the second argument of each minimum and maximum, so it is the
// result, and a row with NaN walks to the end.
inline Lanes clipped_exp2(Lanes exponent) {
  return exp2(maximum(broadcast(LOWEST), minimum(broadcast(HIGHEST), exponent)));
}

// The norm of each of sixteen rows packed in columns, times scale, in base 2: what no score exceeds per norm of a key.
inline void reaches(const float* columns, const Arguments& a, float* to) {
  const float unit = MARGIN * static_cast<float>(a.scale) * LOG2_E;
  for (int part = 0; part < GROUP; part += WIDTH) {
    Lanes squares = broadcast(0);
    for (int64_t d = 0; d < padded(a.width); ++d) {
      const Lanes x = load(columns + d * GROUP + part);
      squares = multiply_add(x, x, squares);
    }
    store(to + part, squares);
  }
  for (int lane = 0; lane < GROUP; ++lane) to[lane] = std::sqrt(to[lane]) * unit;
}

// What a sink adds to the denominator of a row. Beyond 2^HIGHEST, it is all of the denominator.
inline float sinks(const Arguments& a, int64_t at, float largest) {
  const float logit = a.sink ? a.sink[at] * LOG2_E - largest : -INFINITY;
  if (logit <= LOWEST) return 0;
  float all[WIDTH];
  store(all, exp2(minimum(broadcast(HIGHEST), broadcast(logit))));
  return all[0];
}

// True where the keys that remain, `left` of them, weigh at most `tolerance` of `total`, if none has a bias above this.
inline Mask outweighed(Lanes reach, float norm, Lanes bias, int64_t left, float tolerance, Lanes largest, Lanes total) {
  const Lanes bound = add(subtract(multiply(reach, broadcast(norm)), largest), bias);
  return at_most(multiply(clipped_exp2(bound), broadcast(static_cast<float>(left))),
                 multiply(broadcast(tolerance), total));
}

// What a kept logit weighs, and what it adds to the denominator. Both are divided by 2^largest, so that neither
// overflows. Softpick (softpick.h) has another such class.
struct Exponential {
  static constexpr float FIRST = UNSEEN;

  static Lanes shift(Lanes largest) { return largest; }
  static Lanes weigh(Mask kept, Lanes logit, Lanes largest, Lanes* mass) {
    return *mass = weight_of(kept, logit, largest);
  }
  static float total(float sum, float) { return sum; }
  // The weight again, and the gradient of its logit. `mean` is the mean of `d_weight` over the keys, by their weights;
  // the denominator divides both.
  static Lanes learn(Mask kept, Lanes logit, Lanes largest, Lanes d_weight, Lanes mean, Lanes* weight) {
    *weight = weight_of(kept, logit, largest);
    return multiply(*weight, subtract(d_weight, mean));
  }
};

// The norms of the keys that a block may see. `norms` is as in forward.h.
class Norms {
 public:
  template <int BLOCK>
  Norms(const Arguments& a, const Block<BLOCK>& block, const float* norms)
      : norms_(norms ? norms + (block.batch * a.kv_heads + block.kv_head) * a.keys : nullptr),
        largest_(static_cast<float>(a.largest_key_norm)) {}

  // At least the norm of every key up to a position.
  float up_to(int64_t position) const { return norms_ ? norms_[position] : largest_; }

 private:
  const float* norms_;
  float largest_;
};

template <int BLOCK, template <int> class Logits, typename Mass = Exponential>
class SoftmaxForward : public Defaults {
 public:
  SoftmaxForward(const Arguments& a, const Block<BLOCK>& block, const float* norms)
      : a(a), block(block), norms(a, block, norms), logits(a, block) {}

  static constexpr bool IN_ORDER = Logits<BLOCK>::IN_ORDER;

  // Begins a group, whose queries are packed in columns.
  void start(int group, const float* queries) {
    reaches(queries, a, reach + group * GROUP);
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; ++lane) {
      const bool safe = block.row[lane] < 0 || reach[lane] * norms.up_to(block.position[lane]) + logits.slack() <= SAFE;
      largest[lane] = safe ? 0 : Mass::FIRST;
      if (!safe) runs[group] |= 1u << lane % GROUP;
      total[lane] = 0;
    }
  }

  void enter(int64_t tile) { logits.enter(tile); }

  // Turns products into weights, in place, for the keys of a tile that the group may see.
  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, float* scores, float* output, int64_t width) {
    if (runs[group])
      rescale<HIDDEN>(group, tile, seen, scores, output, width);
    else
      weigh<HIDDEN>(group, tile, seen, scores);
  }

  // The lanes of a group that have met their horizon when `left` keys remain.
  unsigned met(int group, int64_t left, float tolerance) const {
    unsigned done = 0;
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH) {
      const Mask mask = logits.met(lane, load(reach + lane), norms.up_to(left - 1), left, tolerance,
                                   load(largest + lane), load(total + lane));
      done |= bits_of(mask) << lane % GROUP;
    }
    return done;
  }

  // The factor of a lane's output; and what the backward pass reads again.
  float finish(int lane, int64_t at) const {
    a.largest[at] = largest[lane];
    const float all = a.total[at] = Mass::total(total[lane], largest[lane]) + sinks(a, at, largest[lane]);
    return 1 / (all == 0 ? 1 : all);
  }

 private:
  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, float* scores) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      Lanes sum = broadcast(0);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes logit;
        const Mask kept = view.keeps(key, load(scores + key * GROUP), &logit);
        Lanes mass;
        store(scores + key * GROUP, Mass::weigh(kept, logit, broadcast(0), &mass));
        sum = add(sum, mass);
      }
      store(total + lane, add(load(total + lane), sum));
      view.leave();
    }
  }

  // Does the same with a running maximum, for scores without a useful bound.
  template <bool HIDDEN>
  void rescale(int group, int64_t tile, int seen, float* scores, float* output, int64_t width) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      const Lanes before = load(largest + lane), minus_infinity = broadcast(-INFINITY);
      Lanes after = before;
      for (int key = seen - 1; key >= 0; --key) {
        Lanes logit;
        const Mask kept = view.keeps(key, load(scores + key * GROUP), &logit);
        logit = where(kept, logit, minus_infinity);
        after = maximum(logit, after);
        store(scores + key * GROUP, logit);
      }
      view.leave();
      // Lanes that need no maximum keep it at 0, so that their bits do not depend on the other lanes.
      after = where(mask_of(runs[group] >> lane % GROUP), Mass::shift(after), before);
      const Mask all = mask_of(~0u);
      Lanes sum = broadcast(0);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes mass;
        store(scores + key * GROUP, Mass::weigh(all, load(scores + key * GROUP), after, &mass));
        sum = add(sum, mass);
      }
      alignas(64) float factor[WIDTH];
      const Lanes change = subtract(before, after);
      const Lanes by = where_or_zero(not_at_most(all, change, broadcast(LOWEST)), exp2(change));
      store(factor, by);
      store(total + lane, add(multiply(load(total + lane), by), sum));
      store(largest + lane, after);
      for (int i = 0; i < WIDTH; ++i) {
        if (factor[i] == 1) continue;
        float* row = output + (lane + i) * width;
        for (int64_t d = 0; d < width; d += WIDTH) store(row + d, multiply(load(row + d), broadcast(factor[i])));
      }
    }
  }

  const Arguments& a;
  const Block<BLOCK>& block;
  const Norms norms;
  Logits<BLOCK> logits;
  unsigned runs[Block<BLOCK>::GROUPS] = {};  // one bit for each lane that needs a running maximum
  alignas(64) float reach[BLOCK], largest[BLOCK], total[BLOCK];
};

template <int BLOCK, template <int> class Logits, typename Mass = Exponential>
class SoftmaxBackward : public Defaults {
 public:
  SoftmaxBackward(const Arguments& a, const Block<BLOCK>& block) : a(a), block(block), logits(a, block) {}

  static constexpr bool IN_ORDER = Logits<BLOCK>::IN_ORDER;

  static int64_t spare(const Arguments& a) { return Logits<BLOCK>::spare(a); }
  void begin(float* spare) { logits.begin(spare); }

  // Begins a lane, and returns the factor of its weights: 0 if it has kept no key. The denominator divides the
  // gradient's rows instead of the weights, which is one division per row.
  float start(int lane, int64_t at) {
    const bool sees = block.row[lane] >= 0 && a.total[at] != 0;
    largest[lane] = block.row[lane] < 0 ? 0 : a.largest[at];
    return sees ? 1 / a.total[at] : 0;
  }

  void enter(int64_t tile) { logits.enter(tile); }

  // Turns products into weights, and gradients of weights into gradients of logits, in place. `inner` is the product of
  // each row of the output with its gradient.
  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, const float* inner, float* products, float* d_weights) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, products += WIDTH, d_weights += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      const Lanes shift = load(largest + lane), mean = load(inner + lane);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes logit, weight;
        const Mask kept = view.keeps(key, load(products + key * GROUP), &logit);
        const Lanes d_logit = Mass::learn(kept, logit, shift, load(d_weights + key * GROUP), mean, &weight);
        view.learn(key, d_logit);
        store(products + key * GROUP, weight);
        store(d_weights + key * GROUP, d_logit);
      }
      view.leave();
    }
  }

  void to_keys(const float* d_logits, int groups, int64_t tile, int keys) const {
    logits.to_keys(d_logits, groups, tile, keys);
  }
  void finish(int lane, int64_t at, float inner) const {
    if (a.sink) a.d_sink[at] = -sinks(a, at, largest[lane]) * inner;
    logits.finish(lane, at, inner);
  }
  template <typename Chain>
  void end(Chain& chain) {
    logits.end(chain);
  }

 private:
  const Arguments& a;
  const Block<BLOCK>& block;
  Logits<BLOCK> logits;
  alignas(64) float largest[BLOCK];
};

}  // namespace LENGTHWISE_PATH
