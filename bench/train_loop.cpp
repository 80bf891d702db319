// A loop around the engine, to be timed or counted.
//
//     train_loop train|sample N_LAYER N_EMBD N_HEAD BLOCK_SIZE VOCAB_SIZE COUNT POSITIONS
//                MOMENTS RECOMPUTE
//
// Trains COUNT steps, or draws COUNT texts from a model that has been trained for 1,000. POSITIONS
// 0 trains on the documents that documents.inc holds, cut to the block; any other number on texts
// of exactly so many positions. MOMENTS is a MomentFormat, RECOMPUTE 0 or 1. Prints one line:
// positions trained or tokens drawn, seconds spent in the loop, a digest of the losses or texts.
//
// To be counted without an operating system, it is built with -DUGPT_ARGUMENTS='"train","1",...' in
// place of a command line, and leaves the clock alone. With -DUGPT_TEAM work is divided for two
// cores, with -DUGPT_THREADS=N over N threads. Built with -DUGPT_MARK_PHASES, it runs through
// mark_<phase> wherever the engine enters a phase, so that a counter can tell them apart.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "documents.inc"
#include "engine/train.h"
#if defined(UGPT_THREADS)
#include "app/team_helper.h"
#include "port/posix/helper.h"
#endif

using namespace ugpt::engine;

extern "C" {
[[gnu::noinline]] void mark_embedding() {
    asm volatile("");
}
[[gnu::noinline]] void mark_attention() {
    asm volatile("");
}
[[gnu::noinline]] void mark_mlp() {
    asm volatile("");
}
[[gnu::noinline]] void mark_loss() {
    asm volatile("");
}
[[gnu::noinline]] void mark_adam() {
    asm volatile("");
}
[[gnu::noinline]] void mark_outside() {
    asm volatile("");
}
}

namespace {

#if defined(UGPT_MARK_PHASES)
class Marks : public PhaseObserver {
  public:
    void enter(Phase phase) override {
        switch (phase) {
            case Phase::embedding:
                return mark_embedding();
            case Phase::attention:
                return mark_attention();
            case Phase::mlp:
                return mark_mlp();
            case Phase::loss:
                return mark_loss();
            case Phase::adam:
                return mark_adam();
            case Phase::choice:
            case Phase::outside:
                return mark_outside();
        }
    }
};
#endif

#if defined(UGPT_TEAM)
// The second core of a team that never comes: one does all pieces, each with its claim, and a
// counter tells what two would do.
class AbsentHelper : public Helper {
  public:
    std::uint32_t count() const override { return 1; }
    void employ(void (*work)(void*, std::uint32_t), void* context) override {
        work_ = work;
        context_ = context;
    }
    void wake(std::uint32_t) override { called_ = true; }
    void relax() override {
        if (called_) work_(context_, 1);
        called_ = false;
    }

  private:
    void (*work_)(void*, std::uint32_t) = nullptr;
    void* context_ = nullptr;
    bool called_ = false;
};
#endif

struct Digest {
    std::uint32_t value = 2166136261u;
    void add(std::uint32_t word) { value = (value ^ word) * 16777619u; }
};

struct Tally {
    std::uint32_t work = 0;  // positions or tokens
    Digest digest;
};

Tally train(Model& model, std::uint32_t steps, std::size_t positions) {
    static Token text[256];
    const Shape& shape = model.shape();
    Tally tally;
    for (std::uint32_t step = 0; step < steps; ++step) {
        const std::size_t document = step % kDocuments;
        std::size_t length = kOffsets[document + 1] - kOffsets[document];
        for (std::size_t i = 0; i < length && i < shape.block_size; ++i) {
            text[i] = static_cast<Token>(kText[kOffsets[document] + i] % shape.bos());
        }
        if (positions > 0) {
            length = positions - 1;
            for (std::size_t i = 0; i < length; ++i) {
                text[i] =
                    static_cast<Token>(kText[(step * 7 + i) % kOffsets[kDocuments]] % shape.bos());
            }
        }
        length = length < shape.block_size ? length : shape.block_size;
        const float loss = model.train_step(std::span<const Token>(text, length));
        std::uint32_t bits;
        std::memcpy(&bits, &loss, sizeof(bits));
        tally.digest.add(bits);
        tally.work += static_cast<std::uint32_t>(length + 1 < shape.block_size ? length + 1
                                                                               : shape.block_size);
    }
    return tally;
}

Tally sample(Model& model, std::uint32_t texts) {
    static Token out[256];
    Tally tally;
    for (std::uint32_t i = 0; i < texts; ++i) {
        SampleRequest request;
        request.seed = 1;
        request.sample_index = i;
        const Sample sample = model.sample(request, out);
        for (std::size_t t = 0; t < sample.length; ++t) {
            tally.digest.add(out[t]);
        }
        tally.work += static_cast<std::uint32_t>(sample.length + (sample.ended ? 1 : 0));
    }
    return tally;
}

double now_s() {
#if defined(UGPT_ARGUMENTS)
    return 0.0;
#else
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
#endif
}

int run(const char* const* arguments) {
    const auto number = [arguments](int i) {
        return static_cast<std::uint32_t>(std::strtoul(arguments[i], nullptr, 10));
    };
    const Shape shape{number(1), number(2), number(3), number(4), number(5)};
    const std::uint32_t count = number(6);
    Recipe recipe;
    recipe.total_steps = count > 1000 ? count : 1000;
    recipe.moments = static_cast<MomentFormat>(number(8));
    recipe.activation_checkpointing = number(9) != 0;

    alignas(64) static std::byte memory[UGPT_MEMORY_BYTES];
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    static Model model;
#if defined(UGPT_TEAM)
    AbsentHelper helper;
    Team team(&helper);
    Team* const used = &team;
#elif defined(UGPT_THREADS)
    ugpt::port::posix::ThreadHelper threads(UGPT_THREADS - 1);
    ugpt::app::TeamHelper helper(threads);
    Team team(&helper);
    Team* const used = &team;
#else
    Team* const used = nullptr;
#endif
    if (!model.create(shape, recipe, arena, used)) {
        std::puts("the shape is wrong or does not fit: try a larger --memory-bytes");
        return 2;
    }
    model.init_weights(42, 0.08f);
#if defined(UGPT_MARK_PHASES)
    Marks marks;
    model.observe(&marks);
#endif
    const bool sampling = std::strcmp(arguments[0], "sample") == 0;
    if (sampling) {
        train(model, kDocuments, number(7));
    }
    const double started_s = now_s();
    const Tally tally = sampling ? sample(model, count) : train(model, count, number(7));
    std::printf("%lu %.6f %08lx\n", static_cast<unsigned long>(tally.work), now_s() - started_s,
                static_cast<unsigned long>(tally.digest.value));
    return 0;
}

}  // namespace

int main([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {
#if defined(UGPT_ARGUMENTS)
    const char* const arguments[] = {UGPT_ARGUMENTS};
    return run(arguments);
#else
    if (argc != 11) {
        std::puts("usage: see train_loop.cpp");
        return 2;
    }
    return run(argv + 1);
#endif
}
