// The forward pass: a block of queries walks back over the keys until each of them has met its horizon.
#pragma once

#include "block.h"

namespace LENGTHWISE_PATH {

template <int BLOCK>
class Forward {
 public:
  // `norms` holds for each key the largest norm of this and all earlier keys, (batch, kv_heads, keys); it is null if
  // the caller knows a bound for all keys.
  Forward(const Arguments& arguments, const float* norms) : a_(arguments), norms_(norms) {}

  static int64_t scratch(const Arguments& a) { return padded(a.width) * 2 * (BLOCK + TILE) + 2 * TILE * GROUP; }

  static int64_t tasks(const Arguments& a) { return a.batch * a.heads * Block<BLOCK>::count(a); }

  // Tasks run head after head, so that a head's keys stay in the cache, and longest walks first, so that no long walk
  // is left for the end.
  void run(int64_t task, float* scratch) const {
    const int64_t blocks = Block<BLOCK>::count(a_), slot = task / blocks;
    const float* gates = a_.log_forget + slot * a_.queries;
    Block<BLOCK> block(a_, slot, task % blocks,
                       [&](int64_t row) { return a_.skip_tolerance > 0 ? -gates[row] : 0.0f; });
    State state(*this, block, scratch);
    for (int64_t tile = block.newest; tile >= 0 && !block.empty(); --tile) state.visit(tile);
    state.finish();
  }

 private:
  static constexpr int GROUPS = BLOCK / GROUP;

  struct State {
    State(const Forward& forward, Block<BLOCK>& block, float* scratch)
        : a(forward.a_),
          block(block),
          width(padded(a.width)),
          key(a.key, a, block.batch, block.kv_head),
          value(a.value, a, block.batch, block.kv_head),
          norms(forward.norms_ ? forward.norms_ + (block.batch * a.kv_heads + block.kv_head) * a.keys : nullptr),
          columns(scratch),
          output(columns + BLOCK * width),
          key_tile(output + BLOCK * width),
          value_tile(key_tile + TILE * width),
          weights(value_tile + TILE * width) {
      const Rows query(a.query, a, block.batch, block.head);
      for (int64_t i = 0; i < BLOCK * width; ++i) output[i] = 0;
      for (int g = 0; g < GROUPS; ++g) {
        float* packed = columns + g * GROUP * width;
        pack_columns(query, block.row + g * GROUP, packed);
        reaches(packed, a, reach + g * GROUP);
      }
      for (int lane = 0; lane < BLOCK; ++lane) {
        series[lane] = series_of(block.gate[lane]);
        const bool safe = block.row[lane] < 0 || reach[lane] * norm(block.position[lane]) <= SAFE;
        largest[lane] = safe ? 0 : UNSEEN;
        if (!safe) runs[lane / GROUP] |= 1u << lane % GROUP;
        total[lane] = 0;
        last[lane] = static_cast<int32_t>(block.newest);
      }
    }

    // At least the norm of every key up to a position.
    float norm(int64_t position) const { return norms ? norms[position] : static_cast<float>(a.largest_key_norm); }

    void visit(int64_t tile) {
      const float* keys = tile_of(key, tile * TILE, a.keys, key_tile);
      const float* values = tile_of(value, tile * TILE, a.keys, value_tile);
      int group[2], count = 0;
      for (int g = 0; g < GROUPS; ++g) {
        if (block.open[g] && block.seen(g, tile) > 0) group[count++] = g;
        if (count == 2 || (count == 1 && g == GROUPS - 1)) {
          const float* of[2];
          float* to[2];
          for (int i = 0; i < count; ++i)
            of[i] = columns + group[i] * GROUP * width, to[i] = weights + i * TILE * GROUP;
          const int seen = larger(block.seen(group[0], tile), block.seen(group[count - 1], tile));
          count == 2 ? products<2>(keys, seen, width, of, to) : products<1>(keys, seen, width, of, to);
          for (int i = 0; i < count; ++i) {
            weigh(group[i], tile, seen, to[i]);
            add_products({to[i], 1, GROUP, seen, 1, 0}, GROUP, values, width, output + group[i] * GROUP * width);
            close(group[i], tile);
          }
          count = 0;
        }
      }
    }

    // Turns products into weights, in place, for the keys of a tile that the group may see.
    void weigh(int group, int64_t tile, int seen, float* scores) {
      const bool hides = block.hides(group, tile), running = runs[group] != 0;
      if (running) {
        hides ? rescale<true>(group, tile, seen, scores) : rescale<false>(group, tile, seen, scores);
      } else {
        hides ? weigh<true>(group, tile, seen, scores) : weigh<false>(group, tile, seen, scores);
      }
    }

    template <bool HIDDEN>
    void weigh(int group, int64_t tile, int seen, float* scores) {
      for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
        Sight<HIDDEN> sight(block, lane, tile);
        Lanes sum = broadcast(0);
        for (int key = seen - 1; key >= 0; --key) {
          Lanes logit;
          const Mask kept = sight.keeps(key, load(scores + key * GROUP), &logit);
          const Lanes weight = weight_of(kept, logit, broadcast(0));
          sum = add(sum, weight);
          store(scores + key * GROUP, weight);
        }
        store(total + lane, add(load(total + lane), sum));
        store(block.newer + lane, sight.newer());
      }
    }

    // Does the same with a running maximum, for scores without a useful bound.
    template <bool HIDDEN>
    void rescale(int group, int64_t tile, int seen, float* scores) {
      for (int lane = group * GROUP; lane < (group + 1) * GROUP; lane += WIDTH, scores += WIDTH) {
        Sight<HIDDEN> sight(block, lane, tile);
        const Lanes before = load(largest + lane), minus_infinity = broadcast(-INFINITY);
        Lanes after = before;
        for (int key = seen - 1; key >= 0; --key) {
          Lanes logit;
          const Mask kept = sight.keeps(key, load(scores + key * GROUP), &logit);
          logit = where(kept, logit, minus_infinity);
          after = maximum(logit, after);
          store(scores + key * GROUP, logit);
        }
        // Lanes that need no maximum keep it at 0, so that their bits do not depend on the other lanes.
        after = where(mask_of(runs[group] >> lane % GROUP), after, before);
        const Mask all = mask_of(~0u);
        Lanes sum = broadcast(0);
        for (int key = seen - 1; key >= 0; --key) {
          const Lanes weight = weight_of(all, load(scores + key * GROUP), after);
          sum = add(sum, weight);
          store(scores + key * GROUP, weight);
        }
        alignas(64) float factor[WIDTH];
        const Lanes change = subtract(before, after);
        const Lanes by = where_or_zero(not_at_most(all, change, broadcast(LOWEST)), exp2(change));
        store(factor, by);
        store(total + lane, add(multiply(load(total + lane), by), sum));
        store(largest + lane, after);
        store(block.newer + lane, sight.newer());
        for (int i = 0; i < WIDTH; ++i) {
          if (factor[i] == 1) continue;
          float* row = output + (lane + i) * width;
          for (int64_t d = 0; d < width; d += WIDTH) store(row + d, multiply(load(row + d), broadcast(factor[i])));
        }
      }
    }

    // Closes the lanes that have met their horizon, or the first key of their document.
    void close(int group, int64_t tile) {
      const int64_t left = tile * TILE;
      const int first = group * GROUP;
      const float tolerance = static_cast<float>(a.skip_tolerance);
      unsigned done = 0;
      for (int lane = first; lane < first + GROUP && left > 0 && tolerance > 0; lane += WIDTH) {
        const Horizon horizon = {load(block.gate + lane), load(block.newer + lane), load(largest + lane),
                                 load(total + lane),      load(reach + lane),       load(series + lane)};
        done |= bits_of(horizon.met(norm(left - 1), left, tolerance)) << (lane - first);
      }
      for (int i = 0; i < GROUP; ++i) {
        if (!(block.open[group] >> i & 1)) continue;
        last[first + i] = static_cast<int32_t>(tile);
        if (left <= block.oldest[first + i]) done |= 1u << i;
      }
      block.open[group] &= ~done;
    }

    void finish() const {
      for (int lane = 0; lane < BLOCK; ++lane) {
        if (block.row[lane] < 0) continue;
        const int64_t at = block.at(lane);
        const float sum = total[lane], by = 1 / (sum == 0 ? 1 : sum);
        const float* row = output + lane * width;
        write_row(row, by, a, a.output + at * a.width);
        a.largest[at] = largest[lane];
        a.total[at] = sum;
        a.visited[at] = static_cast<float>(block.position[lane] / TILE - last[lane] + 1);
      }
    }

    const Arguments& a;
    Block<BLOCK>& block;
    const int64_t width;
    const Rows key, value;
    const float* norms;
    float *columns, *output, *key_tile, *value_tile, *weights;
    unsigned runs[GROUPS] = {};  // one bit for each lane that needs a running maximum
    alignas(64) float reach[BLOCK], series[BLOCK], largest[BLOCK], total[BLOCK];
    int32_t last[BLOCK];
  };

  const Arguments& a_;
  const float* norms_;
};

}  // namespace LENGTHWISE_PATH
