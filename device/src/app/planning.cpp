#include "app/planning.h"

#include <array>

namespace ugpt::app {

engine::Plan plan_model(MemoryBlocks blocks, const engine::Shape& shape,
                        const engine::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    std::array<std::size_t, engine::Arena::kMaxBlocks> sizes{};
    for (std::size_t i = 0; i < blocks.size(); ++i) sizes[i] = blocks[i].size();
    engine::Arena arena = engine::Arena::measuring(std::span(sizes).first(blocks.size()));
    (void)arena.take(vocabulary_bytes);
    return engine::Model::plan(shape, recipe, arena);
}

}  // namespace ugpt::app
