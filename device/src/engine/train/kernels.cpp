// The kernels for the target that the whole program is compiled for, and the choice at run time.
#if defined(__XTENSA__)
// The kernels are written in an order for which sixteen registers are enough. Scheduling before
// register allocation, and moving expressions to their use, make GCC spill and copy; the final
// value of a pointer need not be computed, because the loop leaves it behind; and a call of memcpy
// takes longer than copying the few values of a feature.
#pragma GCC optimize("no-schedule-insns", "no-tree-ter", "no-tree-scev-cprop", \
                     "no-tree-loop-distribute-patterns")
#endif

#include "engine/train/kernels.h"

#include "engine/train.h"
#if defined(__aarch64__)
#include "engine/simd/lanes_neon.h"
#endif
#include "engine/numeric/self_test_lanes.h"
#include "engine/simd/lanes_pack.h"
#include "engine/train/pass.h"

namespace ugpt::engine {

#if defined(UGPT_HAS_AVX2)
extern const Kernels kAvx2Kernels;
#endif
#if defined(UGPT_HAS_AVX512)
extern const Kernels kAvx512Kernels;
#endif

namespace {

// Two at a time, so that one need not wait for the result of the other.
using PlainLanes = Pack<ScalarLanes, 2>;
constexpr Kernels kScalarKernels{"scalar",
                                 PlainLanes::kWidth,
                                 forward<PlainLanes>,
                                 backward<PlainLanes>,
                                 accumulated_squares,
                                 apply_accumulated_gradients<PlainLanes>,
                                 decode<PlainLanes>,
                                 self_test_lanes<ScalarLanes>};
#if defined(__aarch64__)
constexpr Kernels kNeonKernels{"neon",
                               NeonLanes::kWidth,
                               forward<NeonLanes>,
                               backward<NeonLanes>,
                               accumulated_squares,
                               apply_accumulated_gradients<NeonLanes>,
                               decode<NeonLanes>,
                               self_test_lanes<NeonLanes>};
#endif

}  // namespace

KernelList available_kernels() {
    KernelList list;
    std::size_t count = 0;
#if defined(UGPT_HAS_AVX512)
    if (__builtin_cpu_supports("avx512f")) {
        list.sets[count++] = &kAvx512Kernels;
    }
#endif
#if defined(UGPT_HAS_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        list.sets[count++] = &kAvx2Kernels;
    }
#endif
#if defined(__aarch64__)
    list.sets[count++] = &kNeonKernels;
#endif
    list.sets[count] = &kScalarKernels;
    return list;
}

const Kernels& best_kernels(std::size_t stride) {
    const KernelList list = available_kernels();
    std::size_t i = 0;
    while (stride % list.sets[i]->lanes != 0) {
        ++i;
    }
    return *list.sets[i];
}

SelfTest test_kernels(const KernelList& list) {
    LanesTest tests[KernelList::kMost];
    std::size_t count = 0;
    for (; list.sets[count] != nullptr; ++count) {
        tests[count] = list.sets[count]->self_test;
    }
    return test_arithmetic({tests, count});
}

SelfTest run_self_test() {
    return test_kernels(available_kernels());
}

}  // namespace ugpt::engine
