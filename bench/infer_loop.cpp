// A loop around inference, to be timed or counted.
//
//     infer_loop IMAGE KERNELS TOKENS TEXTS [TEMPERATURE TOP_P]
//
// Writes TEXTS texts of TOKENS tokens each from an image of a model: with the likeliest token, or
// drawn with a seed; KERNELS names one of the sets, or is `best`. Prints one line: tokens, seconds
// of the processor spent in the loop, a digest of the texts. Wherever the engine enters a phase, it
// runs through mark_<phase>, so that a counter can tell them apart.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "engine/infer/kernels.h"
#include "store/model_image.h"

using namespace ugpt;
namespace infer = ugpt::engine::infer;

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
[[gnu::noinline]] void mark_logits() {
    asm volatile("");
}
[[gnu::noinline]] void mark_choice() {
    asm volatile("");
}
}

namespace {

class Marks : public engine::PhaseObserver {
  public:
    void enter(engine::Phase phase) override {
        switch (phase) {
            case engine::Phase::embedding:
                return mark_embedding();
            case engine::Phase::attention:
                return mark_attention();
            case engine::Phase::mlp:
                return mark_mlp();
            case engine::Phase::loss:
                return mark_logits();
            case engine::Phase::choice:
            case engine::Phase::adam:
            case engine::Phase::outside:
                return mark_choice();
        }
    }
};

std::span<const std::byte> read_file(const char* path) {
    alignas(store::ModelImage::kAlignment) static std::byte bytes[64 << 20];
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr) return {};
    const std::size_t size = std::fread(bytes, 1, sizeof(bytes), file);
    std::fclose(file);
    return {bytes, size};
}

bool use_kernels(infer::LanguageModel& model, const char* name) {
    if (std::strcmp(name, "best") == 0) return true;
    const infer::KernelList list = infer::available_kernels();
    for (std::size_t i = 0; list.sets[i] != nullptr; ++i) {
        if (std::strcmp(name, list.sets[i]->name) == 0) {
            model.use_kernels(*list.sets[i]);
            return true;
        }
    }
    return false;
}

// Of the processor, so that what else the machine does is left out.
double now_s() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int fail(const char* what) {
    std::puts(what);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5 && argc != 7) return fail("usage: see infer_loop.cpp");
    store::ModelImage image;
    if (image.open(read_file(argv[1])) != store::ImageFault::none) return fail("no whole image");
    std::vector<infer::Tensor> tensors;
    for (std::uint32_t i = 0; i < image.shape().tensor_count(); ++i)
        tensors.push_back(image.tensor(i));
    const auto tokens = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
    const auto texts = static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10));
    infer::Choice choice;
    if (argc == 7) {
        choice.temperature = std::strtof(argv[5], nullptr);
        choice.top_p = std::strtof(argv[6], nullptr);
    }

    alignas(64) static std::byte memory[64 << 20];
    const std::span<std::byte> block(memory);
    engine::Arena arena(std::span(&block, 1));
    infer::LanguageModel model;
    if (!model.create({image.shape(), image.norm_epsilon(), image.rope_steps(), tensors},
                      image.shape().context, arena))
        return fail("the model does not fit");
    if (!use_kernels(model, argv[2])) return fail("no such kernels");
    Marks marks;
    model.observe(&marks);

    std::uint32_t digest = 2166136261u;
    const double started_s = now_s();
    for (std::uint32_t text = 0; text < texts; ++text) {
        engine::Token token = image.vocabulary().bos;
        for (std::uint32_t position = 0; position < tokens; ++position) {
            static_cast<void>(model.forward(token, position));
            choice.uniform = infer::uniform_of(text, position);
            token = model.pick(choice).value_or(0);
            digest = (digest ^ token) * 16777619u;
        }
    }
    std::printf("%lu %.6f %08lx\n", static_cast<unsigned long>(tokens) * texts, now_s() - started_s,
                static_cast<unsigned long>(digest));
    return 0;
}
