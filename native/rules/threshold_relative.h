// Threshold relative attention (arXiv 2503.23174): a key is kept if its score is above the threshold, and its logit
// falls with the number of newer kept keys, by the query's own gate.
#pragma once

#include "softmax.h"

namespace LENGTHWISE_PATH {

// The gate in base 2, clipped because minus infinity times a count of 0 is NaN.
inline float gate_of(float log_forget) { return (log_forget < -1e30f ? -1e30f : log_forget) * LOG2_E; }
// At least 1 / (1 - 2^gate) (docs/horizon.md); without the absolute value a gate of 0 would give minus infinity.
inline float series_of(float gate) { return 1 + LOG2_E / std::fabs(gate); }
// A gate that is NaN keeps every key, so that the NaN shows in the output.
inline float limit_of(const Arguments& a, float gate) { return static_cast<float>(a.limit) + 0 * gate; }

// The test that stops a walk, in base 2: docs/horizon.md has the bound and its proof.
struct Horizon {
  Lanes gate, newer, largest, total;  // the weights are relative to 2^largest
  Lanes reach;                        // norm of the query times scale, in base 2
  Lanes series;                       // series_of the gate

  Mask met(float norm, int64_t left, float tolerance) const {
    const Lanes bound = subtract(multiply(reach, broadcast(norm)), largest);
    const Lanes terms = minimum(broadcast(static_cast<float>(left)), series);
    return at_most(multiply(clipped_exp2(multiply_add(gate, newer, bound)), terms),
                   multiply(broadcast(tolerance), total));
  }
};

template <int BLOCK>
class ThresholdRelative : public Defaults {
 public:
  ThresholdRelative(const Arguments& a, const Block<BLOCK>& block) : a(a) {
    for (int lane = 0; lane < BLOCK; ++lane) {
      gate[lane] = gate_of(block.row[lane] < 0 ? 0 : a.log_forget[block.at(lane)]);
      limit[lane] = limit_of(a, gate[lane]);
      series[lane] = series_of(gate[lane]);
      newer[lane] = d_gate[lane] = 0;
    }
  }

  template <bool HIDDEN>
  class View {
   public:
    View(ThresholdRelative& of, const Block<BLOCK>& block, int lane, int64_t tile)
        : sight_(block, lane, tile),
          gate_(load(of.gate + lane)),
          limit_(load(of.limit + lane)),
          scale_(broadcast(static_cast<float>(of.a.scale) * LOG2_E)),
          newer_(load(of.newer + lane)),
          before_(newer_),
          d_gate_(broadcast(0)),
          keep_newer_(of.newer + lane),
          keep_d_gate_(of.d_gate + lane) {}

    // The logit is s + log_forget * (c - 1). The count c - 1 is that of newer kept keys, so that no logit exceeds its
    // score.
    Mask keeps(int key, Lanes product, Lanes* logit) {
      const Mask kept = not_at_most(sight_.of(key), product, limit_);
      *logit = multiply_add(gate_, newer_, multiply(product, scale_));
      before_ = newer_;
      newer_ = add_where(kept, newer_, broadcast(1));
      return kept;
    }
    void learn(int, Lanes d_logit) { d_gate_ = multiply_add(d_logit, before_, d_gate_); }
    void leave() const {
      store(keep_newer_, newer_);
      store(keep_d_gate_, add(load(keep_d_gate_), d_gate_));
    }

   private:
    Sight<HIDDEN> sight_;
    Lanes gate_, limit_, scale_, newer_, before_, d_gate_;
    float *keep_newer_, *keep_d_gate_;
  };

  Mask met(int lane, Lanes reach, float norm, int64_t left, float tolerance, Lanes largest, Lanes total) const {
    const Horizon horizon = {load(gate + lane), load(newer + lane), largest, total, reach, load(series + lane)};
    return horizon.met(norm, left, tolerance);
  }

  void finish(int lane, int64_t at, float) const { a.d_log_forget[at] = d_gate[lane]; }

 private:
  const Arguments& a;
  alignas(64) float gate[BLOCK], limit[BLOCK], series[BLOCK], newer[BLOCK], d_gate[BLOCK];
};

}  // namespace LENGTHWISE_PATH
