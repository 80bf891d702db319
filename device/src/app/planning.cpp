#include "app/planning.h"

#include <algorithm>
#include <array>
#include <limits>

#include "app/convert.h"
#include "store/checkpoint.h"

namespace ugpt::app {

engine::Arena measuring_arena(port::Platform& platform) {
    const auto blocks = platform.memory_blocks();
    std::array<std::size_t, engine::Arena::kMaxBlocks> sizes{};
    for (std::size_t i = 0; i < blocks.size(); ++i) sizes[i] = blocks[i].size();
    return engine::Arena::measuring(std::span(sizes).first(blocks.size()),
                                    platform.word_memory().size());
}

engine::Plan plan_model(port::Platform& platform, const engine::Shape& shape,
                        const engine::Recipe& recipe, std::uint32_t vocabulary_bytes,
                        std::uint32_t cores) {
    engine::Arena arena = measuring_arena(platform);
    (void)arena.take(vocabulary_bytes);
    return engine::Model::plan(shape, recipe, arena, cores);
}

std::uint64_t nanoseconds(std::uint64_t cycles, std::uint32_t clock_hz) {
    constexpr std::uint64_t kNsPerS = 1'000'000'000;
    if (clock_hz == 0) return 0;
    return cycles / clock_hz * kNsPerS + cycles % clock_hz * kNsPerS / clock_hz;
}

rpc::Plan describe_plan(port::Platform& platform, std::uint32_t cores, const rpc::Shape& rpc_shape,
                        const rpc::Recipe& rpc_recipe, std::uint32_t vocabulary_bytes,
                        std::uint16_t positions) {
    const engine::Shape shape = to_engine(rpc_shape);
    const engine::Recipe recipe = to_engine(rpc_recipe);
    const std::size_t length =
        positions == 0 ? shape.block_size : std::min<std::size_t>(positions, shape.block_size);
    const std::uint32_t hz = platform.chip().cost_hz;
    std::uint64_t available = 0;
    for (const auto& block : platform.memory_blocks()) available += block.size();
    if (recipe.moments != engine::MomentFormat::f32) available += platform.word_memory().size();
    const engine::Plan plan = plan_model(platform, shape, recipe, vocabulary_bytes, cores);
    return {.parameters = saturated(plan.parameters),
            .weights_bytes = saturated(plan.weights_bytes),
            .moments_bytes = saturated(plan.moments_bytes),
            .gradients_bytes = saturated(plan.gradients_bytes),
            .activations_bytes = saturated(plan.activations_bytes),
            .vocabulary_bytes = vocabulary_bytes,
            .total_bytes = saturated(std::uint64_t{plan.total_bytes} + vocabulary_bytes),
            .available_bytes = saturated(available),
            .missing_bytes = saturated(plan.missing_bytes),
            .checkpoint_bytes = saturated(
                store::CheckpointStore::size_bytes(shape, recipe.moments, vocabulary_bytes)),
            .fits = plan.fits(),
            .step_ns =
                nanoseconds(engine::batch_cycles(shape, recipe, length, platform.chip().cores), hz),
            .token_ns = nanoseconds(engine::sample_cycles(shape, recipe, length), hz) / length};
}

std::uint64_t plan_text(port::Platform& platform, const engine::infer::Shape& shape,
                        std::uint32_t positions) {
    engine::Arena arena = measuring_arena(platform);
    return engine::infer::LanguageModel::plan(shape, positions, arena).missing_bytes;
}

std::uint32_t saturated(std::uint64_t value) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace ugpt::app
