// Forgetting attention (arXiv 2503.02130), and every bias that falls by the same amount from token to token, such as
// ALiBi: the logit of query i and key j is s + C_i - C_j, where C, the running sum of logarithms of gates, never rises.
#pragma once

#include "softmax.h"

namespace LENGTHWISE_PATH {

template <int BLOCK>
class Forgetting : public Defaults {
 public:
  Forgetting(const Arguments& a, const Block<BLOCK>& block)
      : a(a), sums(a.forgotten + block.slot * a.keys), first_sum(block.slot * a.keys) {
    const int64_t corner = block.first_position() / BLOCK * BLOCK;
    from = sums[corner];
    for (int lane = 0; lane < BLOCK; ++lane)
      split(block.row[lane] < 0 ? corner : block.position[lane], &own_whole[lane], &own_rest[lane]);
  }

  void enter(int64_t tile) {
    const int64_t first = tile * TILE;
    for (int key = 0; key < TILE; ++key) split(smaller(first + key, a.keys - 1), &whole[key], &rest[key]);
  }

  template <bool HIDDEN>
  class View {
   public:
    View(Forgetting& of, const Block<BLOCK>& block, int lane, int64_t tile)
        : sight_(block, lane, tile),
          of_(of),
          own_whole_(load(of.own_whole + lane)),
          own_rest_(load(of.own_rest + lane)),
          scale_(broadcast(static_cast<float>(of.a.scale) * LOG2_E)) {}

    Mask keeps(int key, Lanes product, Lanes* logit) const {
      const Lanes rests = subtract(own_rest_, broadcast(of_.rest[key]));
      const Lanes between = add(subtract(own_whole_, broadcast(of_.whole[key])), rests);
      *logit = multiply_add(product, scale_, between);
      return sight_.of(key);
    }
    void learn(int, Lanes) const {}
    void leave() const {}

   private:
    Sight<HIDDEN> sight_;
    const Forgetting& of_;
    Lanes own_whole_, own_rest_, scale_;
  };

  // No remaining key has forgotten less than the newest of them (docs/horizon.md).
  Mask met(int lane, Lanes reach, float norm, int64_t left, float tolerance, Lanes largest, Lanes total) const {
    float oldest, more;
    split(left - 1, &oldest, &more);
    const Lanes between =
        add(subtract(load(own_whole + lane), broadcast(oldest)), subtract(load(own_rest + lane), broadcast(more)));
    return outweighed(reach, norm, between, left, tolerance, largest, total);
  }

  // The gradient of C_j is minus the sum of the gradients of the key's logits. That of C_i is zero without a sink: a
  // softmax does not see what is added to all logits of a row. With one, the caller adds minus the gradient of the
  // sink.
  void to_keys(const float* d_logits, int groups, int64_t tile, int keys) const {
    for (int key = 0; key < keys; ++key) {
      Lanes sum = broadcast(0);
      for (int g = 0; g < groups; ++g)
        for (int part = 0; part < GROUP; part += WIDTH)
          sum = add(sum, load(d_logits + (g * TILE + key) * GROUP + part));
      a.d_forgotten[first_sum + tile * TILE + key] -= sum_of(sum);
    }
  }

 private:
  // A sum in base 2, relative to that of a key which is the same for a row in every call and no later than the row: a
  // later gate changes no bit of an earlier row. Sums grow with the sequence, so they are subtracted in double
  // precision; then the whole parts of a difference that counts are exact, and the rests are rounded by 2^-26.
  void split(int64_t position, float* integer, float* fraction) const {
    const double sum = (sums[position] - from) * 1.4426950408889634;
    const double nearest = std::nearbyint(sum);
    *integer = static_cast<float>(nearest), *fraction = static_cast<float>(sum - nearest);
  }

  const Arguments& a;
  const double* sums;
  int64_t first_sum;
  double from;
  alignas(64) float own_whole[BLOCK], own_rest[BLOCK];
  float whole[TILE], rest[TILE];
};

}  // namespace LENGTHWISE_PATH
