#include "chosen.h"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace portable {
extern const Kernels kernels;
}
#if defined(LENGTHWISE_HAS_AVX2)
namespace avx2 {
extern const Kernels kernels;
}
#endif
#if defined(LENGTHWISE_HAS_AVX512)
namespace avx512 {
extern const Kernels kernels;
}
#endif

namespace {

// The paths that this processor can run, the fastest first.
std::vector<const Kernels*> paths() {
  std::vector<const Kernels*> all;
#if defined(LENGTHWISE_HAS_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    all.push_back(&avx512::kernels);
#endif
#if defined(LENGTHWISE_HAS_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back(&avx2::kernels);
#endif
  all.push_back(&portable::kernels);
  return all;
}

// LENGTHWISE_NATIVE names a path; the result is null if this machine does not have the named path.
const Kernels* choose() {
  const char* wanted = std::getenv("LENGTHWISE_NATIVE");
  for (const Kernels* kernels : paths())
    if (!wanted || !std::strcmp(wanted, kernels->name)) return kernels;
  return nullptr;
}

}  // namespace

const Kernels* chosen_if_any() {
  static const Kernels* const kernels = choose();
  return kernels;
}
const Kernels& chosen() { return *chosen_if_any(); }
