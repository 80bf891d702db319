#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "check.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train.h"
#include "engine/train/kernels.h"
#include "model_state.h"

using namespace ugpt::engine;

namespace {

// A model with its own memory.
struct Owned {
    std::vector<std::byte> memory;
    Model model;

    explicit Owned(const Shape& shape, const Recipe& recipe = {}) : memory(4u << 20) {
        const std::span<std::byte> block(memory);
        Arena arena(std::span(&block, 1));
        CHECK(model.create(shape, recipe, arena));
        model.init_weights(42, 0.08f);
    }
};

std::vector<Token> random_text(const Shape& shape, std::uint64_t number) {
    std::vector<Token> text(random_bits(5, number, 0) % (shape.block_size + 1));
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<Token>(random_bits(5, number, i + 1) % (shape.vocab_size - 1));
    }
    return text;
}

std::vector<Token> sample_of(Model& model, const SampleRequest& request) {
    std::vector<Token> out(model.shape().block_size);
    out.resize(model.sample(request, out).length);
    return out;
}

// Shapes whose sizes are no multiples of any vector width, and the standard one.
const std::array<Shape, 6> kShapes{{{1, 16, 4, 16, 27},
                                    {2, 12, 2, 8, 11},
                                    {3, 10, 1, 5, 40},
                                    {1, 36, 4, 33, 70},
                                    {2, 4, 4, 20, 3},
                                    {1, 3, 1, 1, 2}}};

}  // namespace

TEST(a_plan_is_what_create_takes) {
    std::vector<std::byte> memory(4u << 20);
    for (const Shape& shape : kShapes) {
        const std::array<std::size_t, 2> sizes{200'000, 3'000'000};
        const Plan plan = Model::plan(shape, {}, Arena::measuring(sizes));
        CHECK(plan.fits());
        const std::array blocks{std::span(memory).first(sizes[0]),
                                std::span(memory).subspan(sizes[0] / 64 * 64 + 64, sizes[1])};
        Arena arena(blocks);
        Model model;
        CHECK(model.create(shape, {}, arena));
        CHECK(arena.taken_bytes() == plan.total_bytes);
        CHECK(plan.total_bytes == plan.weights_bytes + plan.moments_bytes + plan.gradients_bytes +
                                      plan.activations_bytes);
        std::size_t parameters = 0;
        for (std::size_t i = 0; i < model.parameter_count(); ++i) {
            parameters += model.parameter(i).size();
        }
        CHECK(parameters == plan.parameters);
    }
}

TEST(the_standard_model_has_4192_parameters) {
    const std::array<std::size_t, 2> esp32{168 * 1024, 104 * 1024};
    const Plan plan = Model::plan(Shape{}, {}, Arena::measuring(esp32));
    CHECK(plan.parameters == 4192);
    CHECK(plan.fits());
}

// What docs/performance.md says of the largest models.
TEST(large_models_fit_the_plain_esp32) {
    const std::array<std::size_t, 2> esp32{168 * 1024, 104 * 1024};
    const auto parameters = [&](const Shape& shape, MomentFormat moments, bool checkpointing) {
        Recipe recipe;
        recipe.moments = moments;
        recipe.activation_checkpointing = checkpointing;
        const Plan plan = Model::plan(shape, recipe, Arena::measuring(esp32, 44 * 1024), 2);
        return plan.fits() ? plan.parameters : 0;
    };
    CHECK(parameters({1, 36, 4, 16, 27}, MomentFormat::f32, false) == 18'072);
    CHECK(parameters({11, 12, 4, 16, 27}, MomentFormat::f32, true) == 19'848);
    CHECK(parameters({1, 48, 4, 16, 27}, MomentFormat::bf16, false) == 31'008);
    CHECK(parameters({19, 12, 4, 16, 27}, MomentFormat::bf16, true) == 33'672);
    CHECK(parameters({1, 52, 4, 16, 27}, MomentFormat::q8, false) == 36'088);
    CHECK(parameters({9, 20, 4, 16, 27}, MomentFormat::q8, true) == 44'600);
}

TEST(what_does_not_fit_says_by_how_much) {
    const std::array<std::size_t, 1> size{40'000};
    const Plan plan = Model::plan(Shape{}, {}, Arena::measuring(size));
    CHECK(!plan.fits());
    CHECK(plan.missing_bytes > 0 && plan.missing_bytes < plan.total_bytes);
    std::vector<std::byte> memory(40'000);
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    Model model;
    CHECK(!model.create(Shape{}, {}, arena));
    CHECK(model.empty());
    CHECK(!model.find("wte"));
    CHECK(model.parameter_count() == 0 && model.step() == 0);
}

TEST(absurd_shapes_do_not_fit) {
    const std::array<std::size_t, 1> size{1u << 30};
    for (const Shape& shape :
         {Shape{1, 65536, 1, 65536, 65536}, Shape{4'000'000'000u, 16, 4, 16, 27},
          Shape{1, 4'000'000'000u, 1, 4'000'000'000u, 4'000'000'000u},
          Shape{65536, 65536, 65536, 65536, 65536}}) {
        const Plan plan = Model::plan(shape, {.batch = 2}, Arena::measuring(size));
        CHECK(!plan.fits());
        CHECK(plan.total_bytes > 100'000'000 && plan.missing_bytes > plan.total_bytes / 2);
    }
}

TEST(invalid_shapes_are_refused) {
    std::vector<std::byte> memory(100'000);
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    Model model;
    CHECK(!model.create({1, 16, 3, 16, 27}, {}, arena));
    CHECK(!model.create({0, 16, 4, 16, 27}, {}, arena));
    CHECK(arena.taken_bytes() == 0);
}

TEST(parameters_have_their_names) {
    const Owned owned({2, 8, 2, 4, 5});
    const std::vector<std::string> names{"wte",
                                         "wpe",
                                         "lm_head",
                                         "layer0.attn_wq",
                                         "layer0.attn_wk",
                                         "layer0.attn_wv",
                                         "layer0.attn_wo",
                                         "layer0.mlp_fc1",
                                         "layer0.mlp_fc2",
                                         "layer1.attn_wq",
                                         "layer1.attn_wk",
                                         "layer1.attn_wv",
                                         "layer1.attn_wo",
                                         "layer1.mlp_fc1",
                                         "layer1.mlp_fc2"};
    CHECK(owned.model.parameter_count() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto found = owned.model.find(names[i]);
        CHECK(found && found->index == i);
        CHECK(found->weights.data() == owned.model.parameter(i).weights.data());
    }
    for (const char* name : {"", "wt", "wtee", "layer2.attn_wq", "layer.attn_wq", "layer00.attn_wq",
                             "layer0attn_wq", "layer0.attn_wqq", "layer99999999999.attn_wq"}) {
        CHECK(!owned.model.find(name));
    }
    CHECK(owned.model.find("layer1.mlp_fc1")->rows == 32);
    CHECK(owned.model.find("layer1.mlp_fc2")->cols == 32);
    CHECK(owned.model.find("wpe")->rows == 4);
}

namespace {

// Recipes that take every way through the optimiser.
const std::array<Recipe, 5> kRecipes{
    {{},
     {.batch = 3, .weight_decay = 0.1f, .clip_norm = 1.0f},
     {.moments = MomentFormat::bf16, .activation_checkpointing = true},
     {.schedule = Schedule::cosine, .moments = MomentFormat::q8, .warmup_steps = 5},
     {.batch = 2,
      .moments = MomentFormat::q8,
      .activation_checkpointing = true,
      .weight_decay = 0.01f}}};

// Trains on random texts and returns the losses as bits.
std::vector<std::uint32_t> train(Model& model, std::uint64_t first, std::uint64_t count) {
    std::vector<std::uint32_t> losses;
    const std::uint64_t batch = model.recipe().batch;
    for (std::uint64_t i = first; i < first + count; ++i) {
        for (std::uint64_t k = 1; k < batch; ++k) {
            model.accumulate(random_text(model.shape(), i * batch + k));
        }
        losses.push_back(bits_of(model.train_step(random_text(model.shape(), i * batch))));
    }
    return losses;
}

}  // namespace

TEST(all_instruction_sets_give_the_same_bits) {
    const KernelList list = available_kernels();
    for (const Shape& shape : kShapes) {
        for (const Recipe& recipe : kRecipes) {
            std::vector<std::uint32_t> expected;
            std::vector<std::uint32_t> expected_losses;
            for (std::size_t k = 0; list.sets[k] != nullptr; ++k) {
                Owned owned(shape, recipe);
                if (!owned.model.use_kernels(*list.sets[k])) {
                    continue;
                }
                // Once past a step that flushes tiny moments.
                const bool flushes = shape == kShapes[0] && recipe == Recipe{};
                const auto losses = train(owned.model, 0, flushes ? 260 : 20);
                const auto state = state_of(owned.model);
                if (expected.empty()) {
                    expected = state;
                    expected_losses = losses;
                }
                CHECK(losses == expected_losses);
                CHECK(state == expected);
            }
        }
    }
}

TEST(samples_are_the_same_with_all_instruction_sets) {
    const KernelList list = available_kernels();
    for (const bool checkpointing : {false, true}) {
        for (const Shape& shape : kShapes) {
            std::vector<std::vector<Token>> expected;
            for (std::size_t k = 0; list.sets[k] != nullptr; ++k) {
                Owned owned(shape, {.activation_checkpointing = checkpointing});
                if (!owned.model.use_kernels(*list.sets[k])) {
                    continue;
                }
                std::vector<std::vector<Token>> samples;
                for (std::uint32_t number = 0; number < 10; ++number) {
                    samples.push_back(sample_of(owned.model, {.seed = 1,
                                                              .sample_index = number,
                                                              .temperature = 1.0f,
                                                              .prompt = {},
                                                              .uniforms = {}}));
                }
                if (expected.empty()) {
                    expected = samples;
                }
                CHECK(samples == expected);
            }
        }
    }
}

TEST(what_was_read_can_be_written_back) {
    for (const Recipe& recipe : kRecipes) {
        for (const Shape& shape : kShapes) {
            Owned from(shape, recipe);
            train(from.model, 0, 7);
            Owned to(shape, recipe);
            train(to.model, 3, 2);  // other moments, to be overwritten
            for (std::size_t i = 0; i < from.model.parameter_count(); ++i) {
                const Parameter& source = from.model.parameter(i);
                const Parameter& target = to.model.parameter(i);
                for (const TensorKind kind :
                     {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
                    for (std::size_t place = 0; place < source.size(); place += 192) {
                        std::vector<float> values(
                            std::min<std::size_t>(192, source.size() - place));
                        from.model.read(source, kind, place, values);
                        to.model.write(target, kind, place, values);
                    }
                }
            }
            CHECK(state_of(from.model) == state_of(to.model));
            to.model.set_step(from.model.step());
            CHECK(train(from.model, 10, 5) == train(to.model, 10, 5));
            CHECK(state_of(from.model) == state_of(to.model));
        }
    }
}

TEST(what_was_accumulated_can_be_dropped) {
    const Shape shape{1, 8, 2, 8, 5};
    const std::vector<Token> text{0, 1, 2};
    Owned plain(shape, {.batch = 2});
    Owned interrupted(shape, {.batch = 2});
    interrupted.model.accumulate(std::vector<Token>{3, 3, 3});
    interrupted.model.set_step(0);
    interrupted.model.accumulate(text);
    sample_of(interrupted.model, {});
    interrupted.model.evaluate(text);
    plain.model.accumulate(text);
    CHECK(bits_of(plain.model.train_step(text)) == bits_of(interrupted.model.train_step(text)));
    CHECK(state_of(plain.model) == state_of(interrupted.model));
}

TEST(a_batch_with_a_loss_that_is_not_finite_updates_nothing) {
    Owned owned({1, 8, 2, 8, 5}, {.batch = 2});
    const std::vector<Token> bad{0, 1};
    const std::vector<Token> good{2, 2};
    const float weight = owned.model.find("wte")->weights[0];
    owned.model.find("wte")->weights[0] = INFINITY;
    owned.model.accumulate(bad);
    owned.model.find("wte")->weights[0] = weight;
    const auto before = state_of(owned.model);
    const float loss = owned.model.train_step(good);
    CHECK(loss != loss);
    CHECK(owned.model.step() == 0);
    CHECK(state_of(owned.model) == before);
    owned.model.accumulate(good);
    CHECK(is_finite(owned.model.train_step(good)));
    CHECK(owned.model.step() == 1);
}

TEST(smaller_moments_and_shared_activations_take_less_memory) {
    const std::array<std::size_t, 1> size{4u << 20};
    const Shape shape{3, 20, 2, 16, 27};
    const auto plan = [&](const Recipe& recipe) {
        return Model::plan(shape, recipe, Arena::measuring(size));
    };
    const Plan f32 = plan({});
    const Plan bf16 = plan({.moments = MomentFormat::bf16});
    const Plan q8 = plan({.moments = MomentFormat::q8});
    const Plan shared = plan({.activation_checkpointing = true});
    const Plan batch = plan({.batch = 4});
    CHECK(bf16.moments_bytes * 2 < f32.moments_bytes + 64 * 50);
    CHECK(q8.moments_bytes * 100 < f32.moments_bytes * 30);
    CHECK(shared.activations_bytes * 3 < f32.activations_bytes * 2);
    CHECK(batch.gradients_bytes >= f32.gradients_bytes + 4 * f32.parameters);
}

namespace {

// The norm of the gradient, from the first moments after a first step.
double norm_of_first_moments(const Model& model) {
    double squares = 0.0;
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        std::vector<float> values(model.parameter(i).size());
        model.read(model.parameter(i), TensorKind::first_moment, 0, values);
        for (const float value : values) {
            squares += static_cast<double>(value) * static_cast<double>(value);
        }
    }
    return std::sqrt(squares);
}

// The gradient norm of a first step on random texts.
float norm_of_first_step(Model& model) {
    for (std::uint64_t k = 1; k < model.recipe().batch; ++k) {
        model.accumulate(random_text(model.shape(), k));
    }
    model.train_step(random_text(model.shape(), 0), {.gradient_norm = true});
    return model.gradient_norm().value_or(-1.0f);
}

}  // namespace

TEST(the_gradient_norm_is_that_of_the_mean_gradient) {
    for (const Shape& shape : kShapes) {
        for (const std::uint32_t batch : {1u, 3u}) {
            for (const float clip_norm : {0.0f, 1e6f}) {
                Owned owned(shape, {.batch = batch, .clip_norm = clip_norm});
                const auto norm = static_cast<double>(norm_of_first_step(owned.model));
                const double expected = norm_of_first_moments(owned.model);
                CHECK_NEAR(norm / expected, 1.0, 2e-6);
            }
        }
    }
}

TEST(the_gradient_norm_is_measured_before_clipping) {
    Owned plain(Shape{}, {.clip_norm = 1e6f});
    Owned clipped(Shape{}, {.clip_norm = 1e-3f});
    const float norm = norm_of_first_step(plain.model);
    CHECK(norm > 1e-2f);
    CHECK(bits_of(norm_of_first_step(clipped.model)) == bits_of(norm));
}

TEST(the_gradient_norm_has_the_same_bits_everywhere) {
    const KernelList list = available_kernels();
    for (const Shape& shape : kShapes) {
        for (const std::uint32_t batch : {1u, 2u}) {
            float expected = 0.0f;
            for (const MomentFormat moments :
                 {MomentFormat::f32, MomentFormat::bf16, MomentFormat::q8}) {
                for (std::size_t k = 0; list.sets[k] != nullptr; ++k) {
                    Owned owned(shape, {.batch = batch, .moments = moments});
                    if (!owned.model.use_kernels(*list.sets[k])) {
                        continue;
                    }
                    const float norm = norm_of_first_step(owned.model);
                    CHECK(norm > 0.0f);
                    expected = expected == 0.0f ? norm : expected;
                    CHECK(bits_of(norm) == bits_of(expected));
                }
            }
        }
    }
}

TEST(measuring_the_gradient_norm_changes_nothing) {
    for (const Recipe& recipe : kRecipes) {
        const Shape& shape = kShapes[1];
        Owned plain(shape, recipe);
        Owned measured(shape, recipe);
        for (std::uint64_t i = 0; i < 20; ++i) {
            for (Model* model : {&plain.model, &measured.model}) {
                for (std::uint64_t k = 1; k < recipe.batch; ++k) {
                    model->accumulate(random_text(shape, 10 * i + k));
                }
            }
            const auto text = random_text(shape, 10 * i);
            CHECK(bits_of(plain.model.train_step(text)) ==
                  bits_of(measured.model.train_step(text, {.gradient_norm = true})));
            CHECK(plain.model.gradient_norm().has_value() == (recipe.clip_norm > 0.0f));
            CHECK(measured.model.gradient_norm().has_value());
        }
        CHECK(state_of(plain.model) == state_of(measured.model));
    }
}

TEST(the_gradient_norm_is_that_of_the_last_step) {
    Owned owned({1, 8, 2, 8, 5});
    const std::vector<Token> text{0, 1, 2};
    CHECK(!Model().gradient_norm());
    CHECK(!owned.model.gradient_norm());
    owned.model.train_step(text, {.gradient_norm = true});
    CHECK(owned.model.gradient_norm());
    owned.model.evaluate(text);
    CHECK(owned.model.gradient_norm());
    owned.model.train_step(text);
    CHECK(!owned.model.gradient_norm());
    owned.model.train_step(text, {.gradient_norm = true});
    owned.model.set_step(0);
    CHECK(!owned.model.gradient_norm());
    owned.model.train_step(text, {.gradient_norm = true});
    owned.model.find("lm_head")->weights[0] = INFINITY;
    owned.model.train_step(text, {.gradient_norm = true});
    CHECK(!owned.model.gradient_norm());
}

TEST(evaluation_gives_the_loss_of_each_position) {
    for (const Shape& shape : kShapes) {
        Owned owned(shape);
        train(owned.model, 0, 3);
        const auto before = state_of(owned.model);
        for (std::size_t length = 0; length <= shape.block_size; ++length) {
            std::vector<Token> text(length);
            for (std::size_t i = 0; i < length; ++i) {
                text[i] = static_cast<Token>(random_bits(6, 0, i) % (shape.vocab_size - 1));
            }
            const std::size_t positions = std::min<std::size_t>(length + 1, shape.block_size);
            std::vector<float> losses(shape.block_size + 1, -1.0f);
            const float mean = owned.model.evaluate(text, losses);
            CHECK(bits_of(mean) == bits_of(owned.model.evaluate(text)));
            float sum = 0.0f;
            for (std::size_t t = 0; t < positions; ++t) {
                CHECK(losses[t] > 0.0f);
                sum = sum + losses[t];
            }
            const float average = reciprocal<ScalarLanes>(static_cast<float>(positions));
            CHECK(bits_of(mean) == bits_of(sum * average));
            CHECK(losses[positions] == -1.0f);
            // A longer text has the same losses up to where the other ended.
            if (length < shape.block_size) {
                std::vector<float> longer(shape.block_size);
                text.push_back(Token{0});
                owned.model.evaluate(text, longer);
                CHECK(std::equal(longer.begin(), longer.begin() + static_cast<long>(length),
                                 losses.begin()));
            }
        }
        CHECK(state_of(owned.model) == before);
    }
}

TEST(memory_left_behind_does_not_matter) {
    for (const Shape& shape : kShapes) {
        Owned fresh(shape);
        Owned used(shape);
        // Longer texts leave something in every buffer.
        std::vector<Token> text(shape.block_size, Token{0});
        used.model.train_step(text);
        sample_of(
            used.model,
            {.seed = 1, .sample_index = 1, .temperature = 1.0f, .prompt = {}, .uniforms = {}});
        used.model.init_weights(42, 0.08f);
        for (std::uint64_t i = 0; i < 20; ++i) {
            CHECK(bits_of(fresh.model.train_step(random_text(shape, i))) ==
                  bits_of(used.model.train_step(random_text(shape, i))));
        }
        CHECK(state_of(fresh.model) == state_of(used.model));
    }
}

TEST(training_can_be_taken_up_where_it_was_left) {
    const Shape shape{2, 12, 2, 8, 11};
    Owned whole(shape);
    Owned first(shape);
    for (std::uint64_t i = 0; i < 300; ++i) {
        whole.model.train_step(random_text(shape, i));
        if (i < 200) {
            first.model.train_step(random_text(shape, i));
        }
    }
    Owned second(shape);
    for (std::size_t i = 0; i < first.model.parameter_count(); ++i) {
        const Parameter& parameter = first.model.parameter(i);
        for (const TensorKind kind :
             {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
            std::vector<float> values(parameter.size());
            first.model.read(parameter, kind, 0, values);
            second.model.write(second.model.parameter(i), kind, 0, values);
        }
    }
    second.model.set_step(200);
    CHECK(second.model.step() == 200);
    for (std::uint64_t i = 200; i < 300; ++i) {
        second.model.train_step(random_text(shape, i));
    }
    CHECK(state_of(whole.model) == state_of(second.model));
}

TEST(tiny_moments_become_zero_every_256_steps) {
    const Shape shape;
    Owned owned(shape);
    // The row of a token that no text has, so that its gradient is zero.
    const std::size_t row = 25 * shape.n_embd;
    const Parameter wte = *owned.model.find("wte");
    const auto moments = [&](TensorKind kind) {
        std::vector<float> values(wte.size());
        owned.model.read(wte, kind, 0, values);
        return values;
    };
    auto first = moments(TensorKind::first_moment);
    auto second = moments(TensorKind::second_moment);
    first[row] = -0x1p-61f;
    first[row + 1] = -0x1p-50f;
    second[row] = 0x1p-101f;
    second[row + 1] = 0x1p-90f;
    owned.model.write(wte, TensorKind::first_moment, 0, first);
    owned.model.write(wte, TensorKind::second_moment, 0, second);
    owned.model.set_step(254);
    const std::vector<Token> text{0, 1};
    owned.model.train_step(text);
    first = moments(TensorKind::first_moment);
    second = moments(TensorKind::second_moment);
    CHECK(first[row] < 0.0f && second[row] > 0.0f);
    owned.model.train_step(text);
    first = moments(TensorKind::first_moment);
    second = moments(TensorKind::second_moment);
    CHECK(bits_of(first[row]) == 0 && bits_of(second[row]) == 0);
    CHECK(first[row + 1] < 0.0f && second[row + 1] > 0.0f);
}

TEST(a_loss_that_is_not_finite_updates_nothing) {
    const Shape shape;
    for (const char* name : {"wte", "wpe", "lm_head", "layer0.attn_wq", "layer0.attn_wk",
                             "layer0.attn_wv", "layer0.attn_wo", "layer0.mlp_fc2"}) {
        for (const float poison : {INFINITY, NAN}) {
            Owned owned(shape);
            owned.model.find(name)->weights[0] = poison;
            const auto before = state_of(owned.model);
            const std::vector<Token> text{0, 1, 0, 2};
            const float loss = owned.model.train_step(text);
            CHECK(loss != loss);
            CHECK(owned.model.step() == 0);
            CHECK(state_of(owned.model) == before);
        }
    }
}

TEST(a_gradient_whose_norm_overflows_updates_nothing) {
    Owned owned({1, 4, 2, 4, 5}, {.clip_norm = 1.0f});
    const Parameter head = *owned.model.find("lm_head");
    for (std::size_t i = 0; i < head.size(); ++i) head.weights[i] = i % 3 == 0 ? -1e25f : 1e25f;
    const auto before = state_of(owned.model);
    const std::vector<Token> text{0, 3, 1};
    CHECK(is_finite(owned.model.evaluate(text)));
    const float loss = owned.model.train_step(text);
    CHECK(loss != loss);
    CHECK(owned.model.step() == 0);
    CHECK(state_of(owned.model) == before);
}

TEST(training_lowers_the_loss) {
    const Shape shape{1, 8, 2, 8, 5};
    Recipe recipe;
    recipe.total_steps = 200;
    Owned owned(shape, recipe);
    const std::vector<Token> text{0, 1, 2, 3, 0, 1};
    const float first = owned.model.train_step(text);
    CHECK_NEAR(static_cast<double>(first), std::log(5.0), 0.2);
    float last = first;
    for (int i = 1; i < 200; ++i) {
        last = owned.model.train_step(text);
    }
    CHECK(last < 0.05f);
    SampleRequest request;
    request.temperature = 0.1f;
    CHECK(sample_of(owned.model, request) == text);
}

TEST(the_learning_rate_ends_at_zero) {
    const Shape shape{1, 8, 2, 8, 5};
    Recipe recipe;
    recipe.total_steps = 3;
    Owned owned(shape, recipe);
    const std::vector<Token> text{0, 1, 2};
    for (int i = 0; i < 3; ++i) {
        owned.model.train_step(text);
    }
    const std::span<float> weights = owned.model.find("wte")->weights;
    const std::vector<float> before(weights.begin(), weights.end());
    owned.model.train_step(text);
    CHECK(std::ranges::equal(weights, before));
    CHECK(owned.model.step() == 4);
}

TEST(samples_depend_on_seed_and_number_alone) {
    const Shape shape;
    Owned owned(shape);
    const SampleRequest request{
        .seed = 7, .sample_index = 3, .temperature = 1.0f, .prompt = {}, .uniforms = {}};
    const auto once = sample_of(owned.model, request);
    SampleRequest other = request;
    other.sample_index = 4;
    CHECK(sample_of(owned.model, other) != once);
    other = request;
    other.seed = 8;
    CHECK(sample_of(owned.model, other) != once);
    CHECK(sample_of(owned.model, request) == once);
}

TEST(samples_take_the_uniforms_given) {
    const Shape shape;
    Owned owned(shape);
    std::vector<float> uniforms(shape.block_size);
    for (std::size_t i = 0; i < uniforms.size(); ++i) {
        uniforms[i] = random_uniform(9, 2, i);
    }
    SampleRequest request{
        .seed = 9, .sample_index = 2, .temperature = 0.7f, .prompt = {}, .uniforms = uniforms};
    const auto given = sample_of(owned.model, request);
    request.uniforms = {};
    CHECK(sample_of(owned.model, request) == given);
    // 0 draws the first token, just below 1 the last, which is BOS.
    std::ranges::fill(uniforms, 0.0f);
    request.uniforms = uniforms;
    CHECK(sample_of(owned.model, request) == std::vector<Token>(shape.block_size, Token{0}));
    std::ranges::fill(uniforms, 1.0f - 0x1p-24f);
    std::vector<Token> out(shape.block_size);
    const Sample sample = owned.model.sample(request, out);
    CHECK(sample.length == 0 && sample.ended);
}

TEST(a_sample_follows_its_prompt) {
    const Shape shape{1, 8, 2, 6, 5};
    Owned owned(shape);
    const std::vector<float> zeros(shape.block_size, 0.0f);
    const std::vector<Token> prompt{1, 2, 3, 1};
    const SampleRequest request{
        .seed = 0, .sample_index = 0, .temperature = 1.0f, .prompt = prompt, .uniforms = zeros};
    CHECK(sample_of(owned.model, request) == (std::vector<Token>{0, 0}));
}

// The single-position forward pass must see what the training pass sees: with the prompt forced,
// the probability of the next token follows from the loss of two texts that differ in length by
// one.
TEST(sampling_and_training_agree_on_the_logits) {
    const Shape shape{2, 16, 4, 16, 27};
    Recipe recipe;
    recipe.learning_rate = 0.0f;
    Owned owned(shape, recipe);
    owned.model.init_weights(3, 0.5f);
    const std::vector<Token> text{5, 1, 20, 7, 3};
    // n * loss(text) - sum of the losses of its first n - 1 predictions = -log p(BOS | text)
    const double whole = 6.0 * static_cast<double>(owned.model.train_step(text));
    const Token next = 9;
    std::vector<Token> longer = text;
    longer.push_back(next);
    const double extended = 7.0 * static_cast<double>(owned.model.train_step(longer));
    CHECK(std::isfinite(whole) && std::isfinite(extended));
    // Uniforms just around the probability of BOS, the last token, tell its size.
    double low = 0.0;
    double high = 1.0;
    for (int i = 0; i < 22; ++i) {
        const double middle = (low + high) / 2.0;
        const std::vector<float> uniforms(shape.block_size, static_cast<float>(middle));
        std::vector<Token> out(shape.block_size);
        const Sample sample = owned.model.sample({.seed = 0,
                                                  .sample_index = 0,
                                                  .temperature = 1.0f,
                                                  .prompt = text,
                                                  .uniforms = uniforms},
                                                 out);
        (sample.ended && sample.length == 0 ? high : low) = middle;
    }
    // Score the same text with one target changed: the last prediction is BOS against `next`.
    Owned scored(shape, recipe);
    scored.model.init_weights(3, 0.5f);
    const std::vector<Token> without(text.begin(), text.end());
    const double last = whole - [&] {
        // The first five predictions are the same in a block that ends before BOS.
        Owned cut({2, 16, 4, 5, 27}, recipe);
        for (std::size_t i = 0; i < cut.model.parameter_count(); ++i) {
            const Parameter& to = cut.model.parameter(i);
            std::vector<float> values(to.size());
            scored.model.read(scored.model.parameter(i), TensorKind::weights, 0, values);
            cut.model.write(to, TensorKind::weights, 0, values);
        }
        return 5.0 * static_cast<double>(cut.model.train_step(without));
    }();
    CHECK_NEAR(1.0 - high, std::exp(-last), 2e-5);
}
