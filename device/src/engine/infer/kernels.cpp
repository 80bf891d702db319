// The kernels for the target that the whole program is compiled for, and the choice at run time.
#include "engine/infer/kernels.h"

#include "engine/infer/attention.h"
#include "engine/infer/elementwise.h"
#include "engine/infer/product_f32.h"
#include "engine/infer/product_q8.h"
#include "engine/infer/product_q8_dsp.h"
#include "engine/infer/product_q8_mac16.h"
#include "engine/infer/rope.h"
#include "engine/simd/lanes_pack.h"
#if defined(__aarch64__)
#include "engine/simd/lanes_neon.h"
#endif

namespace ugpt::engine::infer {

#if defined(UGPT_HAS_AVX2)
extern const Kernels kAvx2Kernels;
#endif

namespace {

// Side by side, so that one need not wait for the result of the other.
using PlainLanes = Pack<ScalarLanes, 2>;
using ScoreLanes = Pack<ScalarLanes, 4>;

#if defined(__XTENSA__)
// The LX6 multiplies and adds into one accumulator, so more rows at once would only need more
// instructions.
constexpr std::size_t kRowsAtOnce = 1;
#else
constexpr std::size_t kRowsAtOnce = 4;
#endif

void scalar_product(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add) {
    if (w.format == Format::f32) {
        f32_product<ScalarLanes>(w, x, out, blocks, add);
    } else if (w.words_only) {
        q8_product<WordDot, kRowsAtOnce>(w, x, out, blocks, add);
    } else {
        q8_product<ByteDot, kRowsAtOnce>(w, x, out, blocks, add);
    }
}
constexpr Kernels kScalarKernels{"scalar",
                                 norm<PlainLanes>,
                                 quantise<InOrder>,
                                 scalar_product,
                                 turn,
                                 rotate,
                                 cache,
                                 attend<ScoreLanes, PlainLanes>,
                                 swiglu<PlainLanes>};

// Of kernels that read no weights by words only, or all weights so.
template <class Lanes, class Dot, std::size_t kRows>
void product(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add) {
    if (w.format == Format::f32) {
        f32_product<Lanes>(w, x, out, blocks, add);
    } else {
        q8_product<Dot, kRows>(w, x, out, blocks, add);
    }
}

#if defined(__ARM_FEATURE_SIMD32)
constexpr Kernels kDspKernels{"dsp",
                              norm<PlainLanes>,
                              quantise<EvenFirst>,
                              product<ScalarLanes, DspDot, 2>,
                              turn,
                              rotate,
                              cache,
                              attend<ScoreLanes, PlainLanes>,
                              swiglu<PlainLanes>};
#endif

#if defined(UGPT_HAS_MAC16)
constexpr Kernels kMac16Kernels{"mac16",
                                norm<PlainLanes>,
                                quantise<EvenFirst>,
                                product<ScalarLanes, Mac16Dot, 1>,
                                turn,
                                rotate,
                                cache,
                                attend<ScoreLanes, PlainLanes>,
                                swiglu<PlainLanes>};
#endif

#if defined(__aarch64__)
constexpr Kernels kNeonKernels{"neon",
                               norm<NeonLanes>,
                               quantise<InOrder>,
                               product<NeonLanes, ByteDot, 4>,
                               turn,
                               rotate,
                               cache,
                               attend<NeonLanes, NeonLanes>,
                               swiglu<NeonLanes>};
#endif

}  // namespace

KernelList available_kernels() {
    KernelList list;
    std::size_t count = 0;
#if defined(UGPT_HAS_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        list.sets[count++] = &kAvx2Kernels;
    }
#endif
#if defined(__aarch64__)
    list.sets[count++] = &kNeonKernels;
#endif
#if defined(__ARM_FEATURE_SIMD32)
    list.sets[count++] = &kDspKernels;
#endif
#if defined(UGPT_HAS_MAC16)
    list.sets[count++] = &kMac16Kernels;
#endif
    list.sets[count] = &kScalarKernels;
    return list;
}

}  // namespace ugpt::engine::infer
