// Compiled for the instruction set in its name, and run only if the processor has it.
#include "engine/infer/attention.h"
#include "engine/infer/elementwise.h"
#include "engine/infer/product_f32.h"
#include "engine/infer/product_q8_avx2.h"
#include "engine/infer/rope.h"

namespace ugpt::engine::infer {

namespace {

void product(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add) {
    if (w.format == Format::f32) {
        f32_product<Avx2Lanes>(w, x, out, blocks, add);
    } else {
        q8_product<Avx2Dot, 8>(w, x, out, blocks, add);
    }
}

}  // namespace

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels{"avx2",
                           norm<Avx2Lanes>,
                           quantise<InOrder>,
                           product,
                           turn,
                           rotate,
                           cache,
                           attend<Avx2Lanes, Avx2Lanes>,
                           swiglu<Avx2Lanes>};

}  // namespace ugpt::engine::infer
