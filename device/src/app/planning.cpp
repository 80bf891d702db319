#include "app/planning.h"

#include <algorithm>
#include <array>
#include <limits>

#include "app/convert.h"
#include "store/checkpoint.h"

namespace ugpt::app {

engine::Plan plan_model(MemoryBlocks blocks, const engine::Shape& shape,
                        const engine::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    std::array<std::size_t, engine::Arena::kMaxBlocks> sizes{};
    for (std::size_t i = 0; i < blocks.size(); ++i) sizes[i] = blocks[i].size();
    engine::Arena arena = engine::Arena::measuring(std::span(sizes).first(blocks.size()));
    (void)arena.take(vocabulary_bytes);
    return engine::Model::plan(shape, recipe, arena);
}

rpc::Plan describe_plan(port::Platform& platform, const rpc::Shape& shape,
                        const rpc::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    const auto blocks = platform.memory_blocks();
    std::uint64_t available = 0;
    for (const auto& block : blocks) available += block.size();
    const engine::Plan plan =
        plan_model(blocks, to_engine(shape), to_engine(recipe), vocabulary_bytes);
    return {.parameters = saturated(plan.parameters),
            .weights_bytes = saturated(plan.weights_bytes),
            .moments_bytes = saturated(plan.moments_bytes),
            .gradients_bytes = saturated(plan.gradients_bytes),
            .activations_bytes = saturated(plan.activations_bytes),
            .vocabulary_bytes = vocabulary_bytes,
            .total_bytes = saturated(std::uint64_t{plan.total_bytes} + vocabulary_bytes),
            .available_bytes = saturated(available),
            .missing_bytes = saturated(plan.missing_bytes),
            .checkpoint_bytes =
                saturated(store::CheckpointStore::size_bytes(to_engine(shape), vocabulary_bytes)),
            .fits = plan.fits()};
}

std::uint32_t saturated(std::uint64_t value) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace ugpt::app
