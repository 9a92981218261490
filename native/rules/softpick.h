// Softpick (arXiv 2504.20966): weights in proportion to relu(e^z - 1), over the sum of all |e^z - 1|.
#pragma once

#include "score.h"

namespace LENGTHWISE_PATH {

struct Pick {
  static constexpr float FIRST = 0;  // the 1 that is subtracted stands beside the scores
  static constexpr float EPS = 1e-8f;

  // A whole number, so that powers of two stay exact.
  static Lanes shift(Lanes largest) { return round(largest); }

  static Lanes weigh(Mask kept, Lanes logit, Lanes largest, Lanes* mass) {
    Lanes power;
    const Lanes excess = less_one(logit, largest, &power);
    const Lanes weight = where_or_zero(positive(kept, excess), excess);
    *mass = where_or_zero(seen(kept, logit), maximum(subtract(broadcast(0), excess), excess));
    return weight;
  }

  static float total(float sum, float largest) {
    return sum + (largest <= -LOWEST ? __builtin_ldexpf(EPS, -static_cast<int>(largest)) : 0);
  }

  // As in torch, |x| and relu(x) have the gradient 0 at 0.
  static Lanes learn(Mask kept, Lanes logit, Lanes largest, Lanes d_weight, Lanes mean, Lanes* weight) {
    Lanes power;
    const Lanes excess = less_one(logit, largest, &power);
    const Mask gains = positive(kept, excess), loses = both(kept, at_most(excess, broadcast(-0x1p-126f)));
    *weight = where_or_zero(gains, excess);
    // The power of a hidden key may be infinite.
    const Lanes slope = where_or_zero(kept, power);
    return multiply(slope, where(gains, subtract(d_weight, mean), where_or_zero(loses, mean)));
  }

 private:
  static Mask positive(Mask kept, Lanes excess) { return not_at_most(kept, excess, broadcast(0)); }
  // A hidden key has the logit minus infinity where a running maximum was needed.
  static Mask seen(Mask kept, Lanes logit) { return not_at_most(kept, logit, broadcast(UNSEEN)); }

  // (2^logit - 1) / 2^largest, without cancellation near 0; and 2^logit / 2^largest.
  static Lanes less_one(Lanes logit, Lanes largest, Lanes* power) {
    const Lanes lowest = broadcast(LOWEST), x = maximum(lowest, logit), whole = round(x);
    const Lanes unit = times_power_of_two(broadcast(1), maximum(lowest, subtract(broadcast(0), largest)));
    const Lanes scale = times_power_of_two(broadcast(1), maximum(lowest, subtract(whole, largest)));
    const Lanes fraction = multiply(power_of_two_less_one(subtract(x, whole)), scale);
    *power = add(fraction, scale);
    return add(fraction, subtract(scale, unit));
  }
};

}  // namespace LENGTHWISE_PATH
