// Stick-breaking attention (arXiv 2410.17980): each key, from the newest to the oldest, takes the share sigmoid(score)
// of the weight that newer keys have left. A walk ends where nothing that counts is left.
#pragma once

#include "../block.h"

namespace LENGTHWISE_PATH {

// WIDTH lanes on their way through a tile.
template <bool HIDDEN>
class Stick {
 public:
  template <int BLOCK>
  Stick(const Block<BLOCK>& block, int lane, int64_t tile, float* left)
      : sight_(block, lane, tile),
        scale_(broadcast(static_cast<float>(block.arguments.scale) * LOG2_E)),
        left_(load(left)),
        to_(left) {}

  // The weight of the next key. `taken` and `kept` are its share of what was left, and the share that it leaves. A
  // share below 2^-24 leaves all.
  Lanes take(int key, Lanes product, Lanes* taken, Lanes* kept) {
    const Mask sees = sight_.of(key);
    Lanes rest;
    *taken = where_or_zero(sees, sigmoid_of(multiply(product, scale_), &rest));
    *kept = where(sees, rest, broadcast(1));
    const Lanes weight = multiply(left_, *taken), after = multiply(left_, *kept);
    left_ = where_or_zero(not_at_most(mask_of(~0u), after, broadcast(LEAST)), after);  // no subnormal numbers
    return weight;
  }

  void leave() const { store(to_, left_); }

 private:
  static constexpr float LEAST = 0x1p-100f;
  Sight<HIDDEN> sight_;
  Lanes scale_, left_;
  float* to_;
};

template <int BLOCK>
class StickForward : public Defaults {
 public:
  StickForward(const Arguments& a, const Block<BLOCK>& block, const float*) : a(a), block(block) {
    for (float& of : left) of = 1;
  }

  void start(int, const float*) {}

  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, float* scores, float*, int64_t) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      Stick<HIDDEN> stick(block, lane, tile, left + lane);
      Lanes taken, kept;
      for (int key = seen - 1; key >= 0; --key)
        store(scores + key * GROUP, stick.take(key, load(scores + key * GROUP), &taken, &kept));
      stick.leave();
    }
  }

  // All keys that remain share what is left.
  unsigned met(int group, int64_t, float tolerance) const {
    unsigned done = 0;
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH)
      done |= bits_of(at_most(load(left + lane), broadcast(tolerance))) << lane % GROUP;
    return done;
  }

  float finish(int lane, int64_t at) const {
    a.largest[at] = 0;
    a.total[at] = left[lane];
    return 1;
  }

 private:
  const Arguments& a;
  const Block<BLOCK>& block;
  alignas(64) float left[BLOCK];
};

template <int BLOCK>
class StickBackward : public Defaults {
 public:
  StickBackward(const Arguments&, const Block<BLOCK>& block) : block(block) {
    for (int lane = 0; lane < BLOCK; ++lane) left[lane] = 1, newer[lane] = 0;
  }

  float start(int lane, int64_t) { return block.row[lane] < 0 ? 0 : 1; }

  // With share t, weight w and gradient g of the weight, the gradient of a score is g w (1 - t) minus t times the sum
  // of g w over all older keys. That sum is `inner`, the sum over all keys, less those that the walk has seen.
  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, const float* inner, float* products, float* d_weights) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, products += WIDTH, d_weights += WIDTH) {
      Stick<HIDDEN> stick(block, lane, tile, left + lane);
      const Lanes all = load(inner + lane);
      Lanes sum = load(newer + lane);
      for (int key = seen - 1; key >= 0; --key) {
        Lanes taken, kept;
        const Lanes weight = stick.take(key, load(products + key * GROUP), &taken, &kept);
        const Lanes gained = multiply(weight, load(d_weights + key * GROUP));
        sum = add(sum, gained);
        const Lanes lost = multiply(taken, subtract(all, sum));
        store(products + key * GROUP, weight);
        store(d_weights + key * GROUP, subtract(multiply(gained, kept), lost));
      }
      store(newer + lane, sum);
      stick.leave();
    }
  }

 private:
  const Block<BLOCK>& block;
  alignas(64) float left[BLOCK], newer[BLOCK];
};

}  // namespace LENGTHWISE_PATH
