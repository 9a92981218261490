// Sigmoid attention (arXiv 2409.04431): the weight of a key is the sigmoid of its score plus a number of the query.
#pragma once

#include "../block.h"

namespace LENGTHWISE_PATH {

// The sigmoid, and what it leaves of 1, for WIDTH queries and the keys of a tile.
template <bool HIDDEN>
class Gate {
 public:
  template <int BLOCK>
  Gate(const Block<BLOCK>& block, int lane, int64_t tile, const float* offset)
      : sight_(block, lane, tile),
        scale_(broadcast(static_cast<float>(block.arguments.scale) * LOG2_E)),
        offset_(load(offset + lane)) {}

  Lanes of(int key, Lanes product, Lanes* rest) const {
    return where_or_zero(sight_.of(key), sigmoid_of(multiply_add(product, scale_, offset_), rest));
  }

 private:
  Sight<HIDDEN> sight_;
  Lanes scale_, offset_;
};

template <int BLOCK>
class SigmoidRule : public Defaults {
 public:
  SigmoidRule(const Arguments& a, const Block<BLOCK>& block) : a(a), block(block) {
    for (int lane = 0; lane < BLOCK; ++lane)
      offset[lane] = block.row[lane] < 0 ? 0 : a.offset[block.at(lane)] * LOG2_E, d_offset[lane] = 0;
  }

 protected:
  const Arguments& a;
  const Block<BLOCK>& block;
  alignas(64) float offset[BLOCK], d_offset[BLOCK];
};

template <int BLOCK>
class SigmoidForward : public SigmoidRule<BLOCK> {
 public:
  SigmoidForward(const Arguments& a, const Block<BLOCK>& block, const float*) : SigmoidRule<BLOCK>(a, block) {}

  void start(int, const float*) {}

  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, float* scores, float*, int64_t) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
      const Gate<HIDDEN> gate(this->block, lane, tile, this->offset);
      Lanes rest;
      for (int key = 0; key < seen; ++key) store(scores + key * GROUP, gate.of(key, load(scores + key * GROUP), &rest));
    }
  }

  // Keys do not compete, so nothing outweighs those that remain.
  unsigned met(int, int64_t, float) const { return 0; }

  float finish(int, int64_t at) const {
    this->a.largest[at] = 0;
    return this->a.total[at] = 1;
  }
};

template <int BLOCK>
class SigmoidBackward : public SigmoidRule<BLOCK> {
 public:
  using SigmoidRule<BLOCK>::SigmoidRule;

  float start(int lane, int64_t) const { return this->block.row[lane] < 0 ? 0 : 1; }

  template <bool HIDDEN>
  void weigh(int group, int64_t tile, int seen, const float*, float* products, float* d_weights) {
    for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, products += WIDTH, d_weights += WIDTH) {
      const Gate<HIDDEN> gate(this->block, lane, tile, this->offset);
      Lanes sum = broadcast(0);
      for (int key = 0; key < seen; ++key) {
        Lanes rest;
        const Lanes weight = gate.of(key, load(products + key * GROUP), &rest);
        const Lanes d_score = multiply(multiply(weight, rest), load(d_weights + key * GROUP));
        sum = add(sum, d_score);
        store(products + key * GROUP, weight);
        store(d_weights + key * GROUP, d_score);
      }
      store(this->d_offset + lane, add(load(this->d_offset + lane), sum));
    }
  }

  void finish(int lane, int64_t at, float) const { this->a.d_offset[at] = this->d_offset[lane]; }
};

}  // namespace LENGTHWISE_PATH
