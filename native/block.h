// A block of queries on its walk back over the keys: its rows, and the number of keys that each row has kept so far.
#pragma once

#include <cmath>

#include "tiles.h"

namespace LENGTHWISE_PATH {

// The gate in base 2, clipped because minus infinity times a count of 0 is NaN.
inline float gate_of(float log_forget) { return (log_forget < -1e30f ? -1e30f : log_forget) * LOG2_E; }
// At least 1 / (1 - 2^gate) (docs/horizon.md); without the absolute value a gate of 0 would give minus infinity.
inline float series_of(float gate) { return 1 + LOG2_E / std::fabs(gate); }
// A gate that is NaN keeps every key, so that the NaN shows in the output.
inline float limit_of(const Arguments& a, float gate) { return static_cast<float>(a.limit) + 0 * gate; }

// Rows are indices into (queries); positions count over the keys, and the last query stands at the last key.
template <int BLOCK>  // queries in a block; blocks start at positions that are multiples of BLOCK
struct Block {
  static constexpr int GROUPS = BLOCK / GROUP;

  const Arguments& arguments;
  int64_t batch, head, kv_head;
  int64_t slot;                         // index over (batch, head)
  int64_t newest;                       // tile of keys that the walk starts with
  int64_t row[BLOCK];                   // negative where a lane has no query
  unsigned open[GROUPS];                // one bit for each lane that still walks
  int32_t first[GROUPS], last[GROUPS];  // positions of the rows of a group
  alignas(64) int32_t position[BLOCK], document[BLOCK], oldest[BLOCK];
  alignas(64) float gate[BLOCK], limit[BLOCK], newer[BLOCK];

  // The `index`th block of a head, counted from the last. Rows with a similar `nearness` walk about equally far, so
  // they share a group and stop together; the rows that walk farthest come first.
  template <typename Nearness>
  Block(const Arguments& a, int64_t slot, int64_t index, Nearness nearness)
      : arguments(a), batch(slot / a.heads), head(slot % a.heads), kv_head(head / (a.heads / a.kv_heads)), slot(slot) {
    const int64_t offset = a.keys - a.queries;
    const int64_t corner = (a.keys - 1) / BLOCK * BLOCK - index * BLOCK;
    const int64_t start = larger(corner, offset), end = smaller(corner + BLOCK, a.keys);
    newest = (end - 1) / TILE;
    const int rows = static_cast<int>(end - start);
    int bucket[BLOCK], begin[BUCKETS + 1] = {};
    for (int i = 0; i < rows; ++i) ++begin[1 + (bucket[i] = bucket_of(nearness(start - offset + i)))];
    for (int i = 0; i < BUCKETS; ++i) begin[i + 1] += begin[i];
    for (int i = 0; i < rows; ++i) row[begin[bucket[i]]++] = start - offset + i;
    for (int lane = rows; lane < BLOCK; ++lane) row[lane] = -1;
    for (int g = 0; g < GROUPS; ++g) open[g] = 0, first[g] = INT32_MAX, last[g] = -1;
    for (int lane = 0; lane < BLOCK; ++lane) {
      const bool real = lane < rows;
      position[lane] = real ? static_cast<int32_t>(offset + row[lane]) : -1;
      document[lane] = real && a.document ? a.document[batch * a.keys + position[lane]] : 0;
      oldest[lane] = real && a.oldest ? a.oldest[batch * a.queries + row[lane]] : 0;
      gate[lane] = gate_of(real ? a.log_forget[slot * a.queries + row[lane]] : 0);
      limit[lane] = limit_of(a, gate[lane]);
      newer[lane] = 0;
      if (!real) continue;
      const int g = lane / GROUP;
      open[g] |= 1u << lane % GROUP;
      first[g] = smaller(first[g], position[lane]);
      last[g] = larger(last[g], position[lane]);
    }
  }

  // Four buckets per octave of nearness, from 2^-10 to 2^6.
  static constexpr int BUCKETS = 64;
  static int bucket_of(float nearness) {
    int32_t bits;
    __builtin_memcpy(&bits, &nearness, sizeof bits);
    return larger(0, smaller(BUCKETS - 1, (bits >> 21) - ((127 - 10) << 2)));
  }

  static int64_t count(const Arguments& a) { return (a.keys - 1) / BLOCK - (a.keys - a.queries) / BLOCK + 1; }

  int64_t at(int lane) const { return slot * arguments.queries + row[lane]; }

  bool empty() const {
    unsigned any = 0;
    for (int g = 0; g < GROUPS; ++g) any |= open[g];
    return any == 0;
  }

  // True if some key of a tile may be hidden from some lane of a group.
  bool hides(int group, int64_t tile) const { return arguments.document || first[group] < (tile + 1) * TILE - 1; }

  // Number of keys of a tile, from its first key on, that some lane of a group may see; rounded up, at most TILE.
  int seen(int group, int64_t tile) const {
    if (last[group] < tile * TILE) return 0;
    return static_cast<int>(smaller<int64_t>(TILE, (last[group] - tile * TILE) / GROUP * GROUP + GROUP));
  }
};

// The keys of a tile as seen from WIDTH neighbouring lanes of a block, one key after another from the newest.
template <bool HIDDEN>
class Sight {
 public:
  template <int BLOCK>
  Sight(const Block<BLOCK>& block, int first_lane, int64_t tile)
      : position_(block.position + first_lane),
        document_(block.document + first_lane),
        documents_(block.arguments.document ? block.arguments.document + block.batch * block.arguments.keys : nullptr),
        keys_(block.arguments.keys),
        first_key_(tile * TILE),
        open_(mask_of(block.open[first_lane / GROUP] >> first_lane % GROUP)),
        gate_(load(block.gate + first_lane)),
        limit_(load(block.limit + first_lane)),
        scale_(broadcast(static_cast<float>(block.arguments.scale) * LOG2_E)),
        newer_(load(block.newer + first_lane)) {}

  // The keep decision of a key, and in base 2 the logit s + log_forget * (c - 1). The count c - 1 is that of newer kept
  // keys, so that no logit exceeds its score.
  Mask keeps(int key, Lanes product, Lanes* logit) {
    Mask among = open_;
    if (HIDDEN) {
      const int64_t at = first_key_ + key;
      among = both(among, at_least(position_, static_cast<int32_t>(at)));
      if (documents_) among = both(among, equal(document_, at < keys_ ? documents_[at] : -1));
    }
    const Mask kept = not_at_most(among, product, limit_);
    *logit = multiply_add(gate_, newer_, multiply(product, scale_));
    before_ = newer_;
    newer_ = add_where(kept, newer_, broadcast(1));
    return kept;
  }

  Lanes newer() const { return newer_; }        // kept keys so far
  Lanes newer_than() const { return before_; }  // keys kept before the last call of keeps

 private:
  const int32_t *position_, *document_, *documents_;
  int64_t keys_, first_key_;
  Mask open_;
  Lanes gate_, limit_, scale_, newer_, before_;
};

// 2^(logit - largest) of a kept key; a weight too small to reach a result becomes zero.
inline Lanes weight_of(Mask kept, Lanes logit, Lanes largest) {
  const Lanes x = subtract(logit, largest);
  return where_or_zero(not_at_most(kept, x, broadcast(LOWEST)), exp2(x));
}

// The bound of a horizon is clipped to this number, because exp2 ends at 127. A denominator is at most 2^SAFE times the
// number of keys, so a bound this large is never met, clipped or not.
constexpr float HIGHEST = 126.0f;
// Factor that enlarges the norm of a query, for the rounding of sums: 335 times 2^-24, the worst case of norms and
// products of 160 numbers together. In wider rows, roundings cancel.
constexpr float MARGIN = 1.00002f;

// The test that stops a walk, in base 2: docs/horizon.md has the bound and its proof.
struct Horizon {
  Lanes gate, newer, largest, total;  // the weights are relative to 2^largest
  Lanes reach;                        // norm of the query times scale, in base 2
  Lanes series;                       // series_of the gate

  // A NaN is the second argument of each minimum and maximum, so it is the result, and a row with NaN walks to the end.
  Mask met(float norm, int64_t left, float tolerance) const {
    const Lanes bound = subtract(multiply(reach, broadcast(norm)), largest);
    const Lanes next = maximum(broadcast(LOWEST), minimum(broadcast(HIGHEST), multiply_add(gate, newer, bound)));
    const Lanes terms = minimum(broadcast(static_cast<float>(left)), series);
    return at_most(multiply(exp2(next), terms), multiply(broadcast(tolerance), total));
  }
};

// The `reach` of sixteen rows packed in columns.
inline void reaches(const float* columns, const Arguments& a, float* to) {
  const float unit = MARGIN * static_cast<float>(a.scale) * LOG2_E;
  for (int part = 0; part < GROUP; part += WIDTH) {
    Lanes squares = broadcast(0);
    for (int64_t d = 0; d < padded(a.width); ++d) {
      const Lanes x = load(columns + d * GROUP + part);
      squares = multiply_add(x, x, squares);
    }
    store(to + part, squares);
  }
  for (int lane = 0; lane < GROUP; ++lane) to[lane] = std::sqrt(to[lane]) * unit;
}

// If no score of a row can be further from zero than this (base 2), its weights need no running maximum: the newest
// kept key alone gives the denominator 2^-SAFE or more, and weights below 2^LOWEST cannot change the denominator.
constexpr float SAFE = 40.0f;
// First value of a running maximum; it is finite because minus infinity minus itself would be NaN.
constexpr float UNSEEN = -3e38f;

}  // namespace LENGTHWISE_PATH
