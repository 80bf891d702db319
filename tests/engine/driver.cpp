// Runs the engine on what it reads, for tests written in Python.
//
// Standard input, little-endian: sixteen u32 (n_layer, n_embd, n_head, block_size, vocab_size,
// total_steps, batch, schedule, moments, recompute, warmup_steps, documents, held-out documents,
// samples, index into available_kernels or kModelsChoice, seed), eight f32 (learning_rate, beta1,
// beta2, epsilon, weight_decay, clip_norm, temperature, deviation), the weights in canonical order
// as f32, unless the deviation says that the engine draws them from the seed, then every document,
// every held-out one (u32 length, u32 tokens) and block_size f32 uniforms for every sample.
// Standard output: one f32 loss for every step; weights, first moments and second moments, each in
// canonical order, as f32; the f32 loss of every held-out document; for every sample u32 length and
// u32 tokens.
//
// With the argument `kernels`, it prints the names of available_kernels instead; with `self-test`,
// the names of the operations whose results are wrong.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/train/kernels.h"

using namespace ugpt::engine;

namespace {

constexpr std::uint32_t kModelsChoice = 0xffffffff;

template <typename T>
std::vector<T> take(std::size_t count) {
    std::vector<T> values(count);
    if (std::fread(values.data(), sizeof(T), count, stdin) != count) {
        std::fputs("driver: input ends early\n", stderr);
        std::exit(2);
    }
    return values;
}

template <typename T>
void give(const T* values, std::size_t count) {
    std::fwrite(values, sizeof(T), count, stdout);
}

std::vector<Token> take_document() {
    const std::uint32_t length = take<std::uint32_t>(1)[0];
    std::vector<Token> tokens;
    for (const std::uint32_t token : take<std::uint32_t>(length)) {
        tokens.push_back(static_cast<Token>(token));
    }
    return tokens;
}

void print_kernels() {
    const KernelList list = available_kernels();
    for (std::size_t i = 0; list.sets[i] != nullptr; ++i) {
        std::puts(list.sets[i]->name);
    }
}

void print_failed_operations() {
    const SelfTest test = run_self_test();
    for (std::size_t i = 0; i < kOperationCount; ++i) {
        const auto operation = static_cast<Operation>(i);
        if (test.failed_at(operation)) {
            std::puts(name_of(operation).data());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && argv[1] == std::string_view("kernels")) {
        print_kernels();
        return 0;
    }
    if (argc == 2 && argv[1] == std::string_view("self-test")) {
        print_failed_operations();
        return 0;
    }
    const auto head = take<std::uint32_t>(16);
    const auto rates = take<float>(8);
    const Shape shape{head[0], head[1], head[2], head[3], head[4]};
    const Recipe recipe{.learning_rate = rates[0],
                        .beta1 = rates[1],
                        .beta2 = rates[2],
                        .epsilon = rates[3],
                        .total_steps = head[5],
                        .batch = head[6],
                        .schedule = static_cast<Schedule>(head[7]),
                        .moments = static_cast<MomentFormat>(head[8]),
                        .activation_checkpointing = head[9] != 0,
                        .warmup_steps = head[10],
                        .weight_decay = rates[4],
                        .clip_norm = rates[5]};
    const std::uint32_t documents = head[11];
    const std::uint32_t held_out = head[12];
    const std::uint32_t samples = head[13];

    static std::byte memory[64 << 20];
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    Model model;
    if (!model.create(shape, recipe, arena)) {
        std::fputs("driver: the shape is wrong or does not fit\n", stderr);
        return 2;
    }
    if (head[14] != kModelsChoice) {
        const Kernels* kernels = available_kernels().sets[head[14]];
        if (kernels == nullptr || !model.use_kernels(*kernels)) {
            std::fputs("driver: no such kernels\n", stderr);
            return 2;
        }
    }
    if (const float deviation = rates[7]; deviation > 0) {
        model.init_weights(head[15], deviation);
    } else {
        for (std::size_t i = 0; i < model.parameter_count(); ++i) {
            const Parameter& parameter = model.parameter(i);
            model.write(parameter, TensorKind::weights, 0, take<float>(parameter.size()));
        }
    }
    for (std::uint32_t i = 0; i < documents; ++i) {
        if ((i + 1) % recipe.batch != 0) {
            model.accumulate(take_document());
            continue;
        }
        const float loss = model.train_step(take_document());
        give(&loss, 1);
    }
    for (const TensorKind kind :
         {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
        for (std::size_t i = 0; i < model.parameter_count(); ++i) {
            const Parameter& parameter = model.parameter(i);
            std::vector<float> values(parameter.size());
            model.read(parameter, kind, 0, values);
            give(values.data(), values.size());
        }
    }
    for (std::uint32_t i = 0; i < held_out; ++i) {
        const float loss = model.evaluate(take_document());
        give(&loss, 1);
    }
    for (std::uint32_t i = 0; i < samples; ++i) {
        const auto uniforms = take<float>(shape.block_size);
        std::vector<Token> out(shape.block_size);
        SampleRequest request;
        request.temperature = rates[6];
        request.uniforms = uniforms;
        const auto length = static_cast<std::uint32_t>(model.sample(request, out).length);
        give(&length, 1);
        const std::vector<std::uint32_t> tokens(out.begin(), out.begin() + length);
        give(tokens.data(), tokens.size());
    }
    return 0;
}
