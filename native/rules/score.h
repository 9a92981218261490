// The score alone as a logit.
#pragma once

#include "softmax.h"

namespace LENGTHWISE_PATH {

template <int BLOCK>
class Score : public Defaults {
 public:
  Score(const Arguments& a, const Block<BLOCK>&) : scale(broadcast(static_cast<float>(a.scale) * LOG2_E)) {}

  template <bool HIDDEN>
  class View {
   public:
    View(const Score& of, const Block<BLOCK>& block, int lane, int64_t tile)
        : sight_(block, lane, tile), scale_(of.scale) {}

    Mask keeps(int key, Lanes product, Lanes* logit) const {
      *logit = multiply(product, scale_);
      return sight_.of(key);
    }
    void learn(int, Lanes) const {}
    void leave() const {}

   private:
    Sight<HIDDEN> sight_;
    Lanes scale_;
  };

  // Nothing is added to a score.
  Lanes most(int, int64_t) const { return broadcast(0); }
  // In softpick, keys with negative scores count in the denominator, however far they are.
  Mask met(int, Lanes, float, int64_t, float, Lanes, Lanes) const { return mask_of(0); }

 private:
  Lanes scale;
};

}  // namespace LENGTHWISE_PATH
