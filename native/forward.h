// The forward pass: a block of queries walks back over the keys until each of them has met its horizon. What a product
// weighs is the rule of a mechanism.
//
// A rule whose weights depend on all scores of a row is TWICE: on the first walk its weigh(...) turns products into
// scores, which are kept; then solve(...) finds what a row's weights have in common, and on the second walk
// weights(...) turns the scores of a group and a tile into weights, or returns false if all of them are 0.
#pragma once

#include "block.h"

namespace LENGTHWISE_PATH {

template <int BLOCK, typename Rule>
class Forward {
 public:
  // `norms` holds for each key the largest norm of this and all earlier keys, (batch, kv_heads, keys); it is null if
  // the caller knows a bound for all keys.
  Forward(const Arguments& arguments, const float* norms) : a_(arguments), norms_(norms) {}

  static int64_t scratch(const Arguments& a) {
    const int64_t kept = Rule::TWICE ? (a.keys + TILE - 1) / TILE * GROUPS : 2;
    return padded(a.width) * 2 * (BLOCK + TILE) + kept * TILE * GROUP;
  }

  static int64_t tasks(const Arguments& a) { return a.batch * a.heads * Block<BLOCK>::count(a); }

  // Tasks run head after head, so that a head's keys stay in the cache, and longest walks first, so that no long walk
  // is left for the end.
  void run(int64_t task, float* scratch) const {
    const int64_t blocks = Block<BLOCK>::count(a_), slot = task / blocks;
    const float* gates = a_.log_forget ? a_.log_forget + slot * a_.queries : nullptr;
    Block<BLOCK> block(a_, slot, task % blocks, [&](int64_t row) {
      return !Rule::IN_ORDER && gates && a_.skip_tolerance > 0 ? -gates[row] : 0.0f;
    });
    State state(*this, block, scratch);
    for (int64_t tile = block.newest; tile >= 0 && !block.empty(); --tile) state.visit(tile);
    if constexpr (Rule::TWICE) state.attend();
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
          rule(a, block, forward.norms_),
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
        rule.start(g, packed);
      }
      for (int32_t& tile : last) tile = static_cast<int32_t>(block.newest);
    }

    void visit(int64_t tile) {
      rule.enter(tile);
      const float* keys = tile_of(key, tile * TILE, a.keys, key_tile);
      const float* values = tile_of(value, tile * TILE, a.keys, value_tile);
      int group[2], count = 0;
      for (int g = 0; g < GROUPS; ++g) {
        if (block.open[g] && block.seen(g, tile) > 0) group[count++] = g;
        if (count == 2 || (count == 1 && g == GROUPS - 1)) {
          const float* of[2];
          float* to[2];
          for (int i = 0; i < count; ++i) {
            of[i] = columns + group[i] * GROUP * width;
            to[i] = Rule::TWICE ? kept(group[i], tile) : weights + i * TILE * GROUP;
          }
          const int seen = larger(block.seen(group[0], tile), block.seen(group[count - 1], tile));
          count == 2 ? products<2>(keys, seen, width, of, to) : products<1>(keys, seen, width, of, to);
          for (int i = 0; i < count; ++i) {
            weigh(group[i], tile, seen, to[i]);
            if (!Rule::TWICE) add(group[i], to[i], seen, values);
            close(group[i], tile);
          }
          count = 0;
        }
      }
    }

    // The second walk, group by group, so that the scores of a group stay in the cache.
    void attend() {
      for (int g = 0; g < GROUPS; ++g) {
        int64_t oldest = block.newest + 1;
        for (int lane = g * GROUP; lane < (g + 1) * GROUP; ++lane)
          if (block.row[lane] >= 0) oldest = smaller<int64_t>(oldest, last[lane]);
        const auto scores = [&](int64_t tile) { return kept(g, tile); };
        rule.solve(g, oldest, scores);
        for (int64_t tile = block.newest; tile >= oldest; --tile) {
          const int seen = block.seen(g, tile);
          if (!rule.weights(g, seen, scores(tile))) continue;
          add(g, scores(tile), seen, tile_of(value, tile * TILE, a.keys, value_tile));
        }
      }
    }

    float* kept(int group, int64_t tile) const { return weights + (tile * GROUPS + group) * TILE * GROUP; }

    void add(int group, const float* of, int seen, const float* values) {
      add_products({of, 1, GROUP, seen, 1, 0}, GROUP, values, width, output + group * GROUP * width);
    }

    void weigh(int group, int64_t tile, int seen, float* scores) {
      if (block.hides(group, tile))
        rule.template weigh<true>(group, tile, seen, scores, output, width);
      else
        rule.template weigh<false>(group, tile, seen, scores, output, width);
    }

    // Closes the lanes that have met their horizon, or the first key of their document.
    void close(int group, int64_t tile) {
      const int64_t left = tile * TILE;
      const int first = group * GROUP;
      const float tolerance = static_cast<float>(a.skip_tolerance);
      unsigned done = left > 0 && tolerance > 0 ? rule.met(group, left, tolerance) : 0;
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
        write_row(output + lane * width, rule.finish(lane, at), a, a.output + at * a.width);
        a.visited[at] = static_cast<float>(block.position[lane] / TILE - last[lane] + 1);
      }
    }

    const Arguments& a;
    Block<BLOCK>& block;
    const int64_t width;
    const Rows key, value;
    Rule rule;
    float *columns, *output, *key_tile, *value_tile, *weights;
    int32_t last[BLOCK];
  };

  const Arguments& a_;
  const float* norms_;
};

}  // namespace LENGTHWISE_PATH
