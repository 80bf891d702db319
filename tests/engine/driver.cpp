// Runs the engine on what it reads (driver_io.h), for tests written in Python; with the arguments
// `threads N` in so many.
//
// With the argument `kernels`, it prints the names of available_kernels instead; with `self-test`,
// the names of the operations whose results are wrong.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "driver_io.h"
#include "engine/train.h"
#include "engine/train/kernels.h"
#include "threads.h"

using ugpt::Threads;
using namespace ugpt::engine;
using namespace ugpt::driver;

namespace {

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
    std::optional<Threads> threads;
    if (argc == 3 && argv[1] == std::string_view("threads")) {
        threads.emplace(static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    }
    const Request asked = take_request();

    static std::byte memory[64 << 20];
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    Model model;
    if (!model.create(asked.shape, asked.recipe, arena, threads ? &threads->team : nullptr)) {
        fail("the shape is wrong or does not fit");
    }
    if (asked.kernels != kModelsChoice) {
        const Kernels* kernels = available_kernels().sets[asked.kernels];
        if (kernels == nullptr || !model.use_kernels(*kernels)) {
            fail("no such kernels");
        }
    }
    if (asked.init_std > 0) {
        model.init_weights(asked.seed, asked.init_std);
    } else {
        for (std::size_t i = 0; i < model.parameter_count(); ++i) {
            const Parameter& parameter = model.parameter(i);
            model.write(parameter, TensorKind::weights, 0, take<float>(parameter.size()));
        }
    }
    for (std::uint32_t i = 0; i < asked.documents; ++i) {
        if ((i + 1) % asked.recipe.batch != 0) {
            model.accumulate(take_document());
            continue;
        }
        give_loss(model.train_step(take_document()));
    }
    for (const TensorKind kind :
         {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
        for (std::size_t i = 0; i < model.parameter_count(); ++i) {
            const Parameter& parameter = model.parameter(i);
            std::vector<float> values(parameter.size());
            model.read(parameter, kind, 0, values);
            give<float>(values);
        }
    }
    for (std::uint32_t i = 0; i < asked.held_out; ++i) {
        give_loss(model.evaluate(take_document()));
    }
    for (std::uint32_t i = 0; i < asked.samples; ++i) {
        const auto uniforms = take<float>(asked.shape.block_size);
        std::vector<Token> out(asked.shape.block_size);
        SampleRequest request;
        request.temperature = asked.temperature;
        request.uniforms = uniforms;
        out.resize(model.sample(request, out).length);
        give_sample(out);
    }
    return 0;
}
