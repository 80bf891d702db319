// The kernels of the target the whole program is compiled for, and the choice at run time.
#include "engine/kernels.h"

#if defined(__aarch64__)
#include "engine/lanes_neon.h"
#endif
#include "engine/pass.h"

namespace ugpt::engine {

#if defined(UGPT_HAS_AVX2)
extern const Kernels kAvx2Kernels;
#endif
#if defined(UGPT_HAS_AVX512)
extern const Kernels kAvx512Kernels;
#endif

namespace {

constexpr Kernels kScalarKernels{"scalar", 1, forward<ScalarLanes>, backward<ScalarLanes>, decode};
#if defined(__aarch64__)
constexpr Kernels kNeonKernels{"neon", NeonLanes::kWidth, forward<NeonLanes>, backward<NeonLanes>,
                               decode};
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

}  // namespace ugpt::engine
