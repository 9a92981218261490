// 1.5-entmax (arXiv 1905.05702): the weight of a key is max(0, z / 2 - t)^2, with the threshold t of the row at which
// its weights sum to 1. Keys whose score z is 2 or more below the highest of the row weigh nothing, so that a bias of
// distance gives an exact horizon.
//
// `Logits` is a rule of softmax (softmax.h) that also has most(lane, left): the highest bias of the `left` oldest keys,
// and that keeps nothing from one tile to the next, because the backward pass walks twice.
#pragma once

#include <cmath>

#include "score.h"

namespace LENGTHWISE_PATH {

constexpr float HALF = 0.5f / LOG2_E;  // turns a logit in base 2 into z / 2

// The part of half a score that is above the threshold: the root of its weight.
inline Lanes above(Lanes half, Lanes threshold) { return maximum(broadcast(0), subtract(half, threshold)); }

// One bit for each sum of roots that is above 0, or NaN.
inline unsigned some(Lanes sum) { return ~bits_of(at_most(sum, broadcast(0))) & ((1u << WIDTH) - 1); }

template <int BLOCK, template <int> class Logits>
class EntmaxForward : public Defaults {
 public:
  static constexpr bool IN_ORDER = Logits<BLOCK>::IN_ORDER;
  static constexpr bool TWICE = true;

  EntmaxForward(const Arguments& a, const Block<BLOCK>& block, const float* norms)
      : a(a), block(block), norms(a, block, norms), logits(a, block) {
    for (int lane = 0; lane < BLOCK; ++lane) highest[lane] = UNSEEN, roots[lane] = 0;
  }

  void start(int group, const float* queries) { reaches(queries, a, reach + group * GROUP); }

  // Turns products into half scores, minus infinity for keys that are hidden.
  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, float* scores, float*, int64_t) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      Lanes most = load(highest + lane);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes logit;
        const Mask kept = view.keeps(key, load(scores + key * GROUP), &logit);
        const Lanes half = where(kept, multiply(logit, broadcast(HALF)), broadcast(-INFINITY));
        most = maximum(half, most);
        store(scores + key * GROUP, half);
      }
      store(highest + lane, most);
    }
  }

  // The lanes of a group whose remaining keys weigh nothing: there, the highest key alone would weigh 1.
  unsigned met(int group, int64_t left, float) const {
    unsigned done = 0;
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH) {
      const Lanes bound = add(multiply(load(reach + lane), broadcast(norms.up_to(left - 1))), logits.most(lane, left));
      const Lanes least = subtract(load(highest + lane), broadcast(1));
      done |= bits_of(at_most(multiply(bound, broadcast(HALF)), least)) << lane % GROUP;
    }
    return done;
  }

  // Finds the thresholds of a group by Newton's method. The root of the sum of the weights is convex and falls with the
  // threshold, so that every step stays left of the solution, and a tile without weights stays without.
  template <typename Scores>
  void solve(int group, int64_t oldest, Scores scores) {
    constexpr int STEPS = 9;  // as many as the formula takes
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; ++lane) threshold[lane] = highest[lane] - 1;
    for (int step = 0; step < STEPS; ++step) {
      alignas(64) float sums[GROUP] = {}, squares[GROUP] = {};
      for (int64_t tile = block.newest; tile >= oldest; --tile)
        add_up(group, block.seen(group, tile), scores(tile), sums, squares);
      bool moved = false;
      for (int i = 0; i < GROUP; ++i) {
        float& of = threshold[group * GROUP + i];
        const float before = of, norm = std::sqrt(squares[i]), more = norm * (norm - 1) / sums[i];
        if (sums[i] == 0 || more <= 0) continue;  // NaN stays
        moved = (of += more) != before || moved;
      }
      if (!moved) break;
    }
  }

  // Turns half scores into weights, and returns whether any of them is above 0, or NaN.
  bool weights(int group, int seen, float* scores) {
    unsigned any = 0;
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      const Lanes of = load(threshold + lane);
      Lanes sum = broadcast(0);
      for (int key = 0; key < seen; ++key) {
        const Lanes root = above(load(scores + key * GROUP), of);
        sum = add(sum, root);
        store(scores + key * GROUP, multiply(root, root));
      }
      any |= some(sum);
      store(roots + lane, add(load(roots + lane), sum));
    }
    return any != 0;
  }

  float finish(int lane, int64_t at) const {
    a.largest[at] = threshold[lane], a.total[at] = roots[lane];
    return 1;
  }

 private:
  void add_up(int group, int seen, const float* scores, float* sums, float* squares) const {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP;
         lane += WIDTH, scores += WIDTH, sums += WIDTH, squares += WIDTH) {
      const Lanes of = load(threshold + lane);
      Lanes sum = load(sums), square = load(squares);
      for (int key = 0; key < seen; ++key) {
        const Lanes root = above(load(scores + key * GROUP), of);
        sum = add(sum, root), square = multiply_add(root, root, square);
      }
      store(sums, sum), store(squares, square);
    }
  }

  const Arguments& a;
  const Block<BLOCK>& block;
  const Norms norms;
  Logits<BLOCK> logits;
  alignas(64) float reach[BLOCK], highest[BLOCK], threshold[BLOCK], roots[BLOCK];
};

template <int BLOCK, template <int> class Logits>
class EntmaxBackward : public Defaults {
 public:
  static constexpr bool IN_ORDER = Logits<BLOCK>::IN_ORDER;
  static constexpr bool TWICE = true;

  EntmaxBackward(const Arguments& a, const Block<BLOCK>& block) : a(a), block(block), logits(a, block) {}

  static int64_t spare(const Arguments& a) { return Logits<BLOCK>::spare(a); }
  void begin(float* spare) { logits.begin(spare); }

  // Begins a lane, and returns 0 if it has no weights.
  float start(int lane, int64_t at) {
    const bool sees = block.row[lane] >= 0 && a.total[at] != 0;
    threshold[lane] = sees ? a.largest[at] : 0, roots[lane] = sees ? a.total[at] : 1, gained[lane] = 0;
    return sees ? 1 : 0;
  }

  // Turns products into the roots s of weights, and adds up s g over the keys, for the gradients g of weights.
  template <bool HIDDEN>
  void sum(int group, int64_t tile, int seen, float* products, const float* d_weights) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, products += WIDTH, d_weights += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      const Lanes of = load(threshold + lane);
      Lanes all = load(gained + lane);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes logit;
        const Mask kept = view.keeps(key, load(products + key * GROUP), &logit);
        const Lanes root = where_or_zero(kept, above(multiply(logit, broadcast(HALF)), of));
        all = multiply_add(root, load(d_weights + key * GROUP), all);
        store(products + key * GROUP, root);
      }
      store(gained + lane, all);
    }
  }

  // The gradient of a score is s (g - sum(s g) / sum(s)). Returns whether any weight is above 0, or NaN.
  template <bool HIDDEN>
  bool weigh(int group, int64_t tile, int seen, const float*, float* kept_roots, float* d_weights) {
    unsigned any = 0;
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, kept_roots += WIDTH, d_weights += WIDTH) {
      typename Logits<BLOCK>::template View<HIDDEN> view(logits, block, lane, tile);
      const Lanes mean = divide(load(gained + lane), load(roots + lane));
      Lanes sum = broadcast(0);
      for (int key = seen - 1; key >= 0; --key) {
        const Lanes root = load(kept_roots + key * GROUP);
        const Lanes d_score = multiply(root, subtract(load(d_weights + key * GROUP), mean));
        sum = add(sum, root);
        view.learn(key, d_score);
        store(kept_roots + key * GROUP, multiply(root, root));
        store(d_weights + key * GROUP, d_score);
      }
      any |= some(sum);
    }
    return any != 0;
  }

  template <typename Chain>
  void end(Chain& chain) const {
    logits.end(chain);
  }

 private:
  const Arguments& a;
  const Block<BLOCK>& block;
  Logits<BLOCK> logits;
  alignas(64) float threshold[BLOCK], roots[BLOCK], gained[BLOCK];
};

}  // namespace LENGTHWISE_PATH
