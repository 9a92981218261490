// Softmax with a bias for each distance and head (ALiBi, T5, KERPLE, ...), and the gradient of that bias.
#pragma once

#include "softmax.h"

namespace LENGTHWISE_PATH {

// Lanes are neighbouring queries, so the biases of a key lie side by side in the table.
template <int BLOCK>
class DistanceBias : public Defaults {
 public:
  static constexpr bool IN_ORDER = true;

  DistanceBias(const Arguments& a, const Block<BLOCK>& block)
      : a(a),
        slot(block.slot),
        start(block.position[0]),
        end_position(start + BLOCK),
        biases(a.bias + slot * (a.keys + 2 * BIAS_MARGIN) + BIAS_MARGIN),
        highest(a.highest_bias + slot * (a.keys + BIAS_MARGIN)) {}

  // The gradient of this block's biases.
  static int64_t spare(const Arguments& a) { return a.keys + 2 * BIAS_MARGIN; }
  void begin(float* spare) {
    d_biases = spare + BIAS_MARGIN;
    for (int64_t distance = -BIAS_MARGIN; distance < end_position; ++distance) d_biases[distance] = 0;
  }

  // How far the bias of a query's own key is below the highest of all, which is 0, in base 2. If some bias is NaN or
  // above 0, no row does without a running maximum.
  float slack() const { return highest[0] <= 0 ? -biases[0] * LOG2_E : INFINITY; }

  template <bool HIDDEN>
  class View {
   public:
    View(DistanceBias& of, const Block<BLOCK>& block, int lane, int64_t tile)
        : sight_(block, lane, tile),
          of_(of),
          distance_(of.start + lane - tile * TILE),
          biases_(of.biases + distance_),
          scale_(broadcast(static_cast<float>(of.a.scale) * LOG2_E)) {}

    Mask keeps(int key, Lanes product, Lanes* logit) const {
      *logit = multiply_add(product, scale_, multiply(load(biases_ - key), broadcast(LOG2_E)));
      return sight_.of(key);
    }
    void learn(int key, Lanes d_logit) const {
      float* to = of_.d_biases + distance_ - key;
      store(to, add(load(to), d_logit));
    }
    void leave() const {}

   private:
    Sight<HIDDEN> sight_;
    const DistanceBias& of_;
    int64_t distance_;
    const float* biases_;
    Lanes scale_;
  };

  // No remaining key has a bias above the highest of all distances from the newest of them on.
  Lanes most(int lane, int64_t left) const {
    return multiply(load(highest + start + lane - (left - 1)), broadcast(LOG2_E));
  }
  Mask met(int lane, Lanes reach, float norm, int64_t left, float tolerance, Lanes largest, Lanes total) const {
    return outweighed(reach, norm, most(lane, left), left, tolerance, largest, total);
  }

  // Adds what a block has found to the gradient of its head, after all earlier blocks of the head.
  template <typename Chain>
  void end(Chain& chain) const {
    chain.wait_for_the_block_before();
    float* to = a.d_bias + slot * a.keys;
    for (int64_t distance = 0; distance < smaller(end_position, a.keys); ++distance) to[distance] += d_biases[distance];
    chain.end();
  }

 private:
  const Arguments& a;
  int64_t slot, start, end_position;
  const float *biases, *highest;
  float* d_biases = nullptr;
};

}  // namespace LENGTHWISE_PATH
