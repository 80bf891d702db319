#include <algorithm>
#include <limits>

#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train.h"
#include "engine/train/layout.h"
#include "engine/train/model_state.h"
#include "engine/train/moments.h"
#include "engine/train/parts.h"

namespace ugpt::engine {

namespace {

constexpr ModelState kNoModel{};
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

void clear_moments(const ModelState& model) {
    const MomentFormat format = model.recipe.moments;
    for_each_matrix(model.network, [format](const Matrix& matrix) {
        const auto words = static_cast<std::size_t>(moment_words(format, matrix.size()));
        for (const Moments& moments : {matrix.first_moment, matrix.second_moment}) {
            if (format == MomentFormat::f32) {
                std::fill_n(moments.values, words, 0.0f);
            } else {
                moments.words.clear(words);
            }
        }
    });
}

// Tiny moments become +0, so that they do not stay denormal. Packed ones are never that small.
void flush_tiny(const ModelState& model) {
    if (model.recipe.moments != MomentFormat::f32) {
        return;
    }
    for_each_matrix(model.network, [](const Matrix& matrix) {
        float* first = matrix.first_moment.values;
        float* second = matrix.second_moment.values;
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            first[i] = first[i] < AdamStep::kTinyFirst && -first[i] < AdamStep::kTinyFirst
                           ? 0.0f
                           : first[i];
            second[i] = second[i] < AdamStep::kTinySecond ? 0.0f : second[i];
        }
    });
}

// Helpers take part as long as this lives.
class Together {
  public:
    explicit Together(const ModelState& model) : team_(*model.network.team) { team_.begin(); }
    ~Together() { team_.end(); }
    Together(const Together&) = delete;
    Together& operator=(const Together&) = delete;

  private:
    Team& team_;
};

Document document_of(const Shape& shape, std::span<const Token> text) {
    const std::size_t positions = std::min<std::size_t>(shape.block_size, text.size() + 1);
    return {text, shape.bos(), positions};
}

void finish_step(ModelState& model) {
    ++model.step;
    if (model.step % AdamStep::kFlushEvery == 0) {
        flush_tiny(model);
    }
    enter(model.network, Phase::outside);
}

// The sum of the sixteen chains, one chain itself.
float total_of(const SquareSums& squares) {
    float total = 0.0f;
    for (const float sum : squares.chains) {
        total = total + sum;
    }
    return total;
}

// The square root of a sum of squares; 0 if that is too small for inverse_root.
float norm_of(float squares) {
    if (!is_finite(squares)) {
        return squares;
    }
    return squares < 0x1p-125f ? 0.0f : squares * inverse_root<ScalarLanes>(squares);
}

// The factor of accumulated gradients: it averages them and clips the norm of their mean.
// `squares` is the sum of the squares of their sum.
float gradient_factor(float clip_norm, float average, float squares) {
    constexpr float kTooSmallToClip = 0x1p-100f;
    if (clip_norm <= 0.0f || squares <= kTooSmallToClip) {
        return average;
    }
    return std::min(average, clip_norm * inverse_root<ScalarLanes>(squares));
}

// Adds up the gradients and the loss of a document.
void add_gradients(ModelState& model, std::span<const Token> text) {
    const Document added = document_of(model.network.shape, text);
    const bool first = model.documents == 0;
    const float loss = model.kernels->forward(model.network, added);
    model.loss_sum = first ? loss : model.loss_sum + loss;
    if (is_finite(model.loss_sum)) {
        model.kernels->backward(model.network, {.adam = nullptr, .first = first}, added);
    }
    ++model.documents;
    enter(model.network, Phase::outside);
}

// The step with the gradients and losses that were accumulated.
float step_with_accumulated_gradients(ModelState& model, const StepOptions& options) {
    const float average = reciprocal<ScalarLanes>(static_cast<float>(model.documents));
    const float loss = model.loss_sum * average;
    const bool clips = model.recipe.clip_norm > 0.0f;
    model.documents = 0;
    if (!is_finite(loss)) {
        return kNaN;
    }
    enter(model.network, Phase::adam);
    float squares = 0.0f;
    if (clips || options.gradient_norm) {
        SquareSums sums;
        model.kernels->accumulated_squares(model.network, sums);
        squares = total_of(sums);
        if (clips && !is_finite(squares)) {
            enter(model.network, Phase::outside);
            return kNaN;
        }
        model.gradient_norm = norm_of(squares) * average;
    }
    model.correction.advance(model.recipe);
    const AdamStep step = AdamStep::at(model.step, model.correction, model.recipe);
    const float factor = gradient_factor(model.recipe.clip_norm, average, squares);
    model.kernels->apply_accumulated_gradients(model.network, step, factor);
    finish_step(model);
    return loss;
}

}  // namespace

const ModelState& Model::state() const {
    return empty() ? kNoModel : *state_;
}

Plan Model::plan(const Shape& shape, const Recipe& recipe, Arena arena, std::uint32_t cores) {
    return lay_out(shape, recipe, arena, cores).plan;
}

bool Model::create(const Shape& shape, const Recipe& recipe, Arena& arena, Team* team) {
    Team& used = team == nullptr ? alone_ : *team;
    state_ = shape.valid() ? lay_out(shape, recipe, arena, used.cores()).state : nullptr;
    if (empty()) {
        return false;
    }
    state_->network.team = &used;
    return true;
}

const Shape& Model::shape() const {
    return state().network.shape;
}

const Recipe& Model::recipe() const {
    return state().recipe;
}

std::uint32_t Model::step() const {
    return state().step;
}

std::optional<float> Model::gradient_norm() const {
    return state().gradient_norm;
}

void Model::init_weights(std::uint64_t seed, float init_std) {
    std::uint64_t index = 0;
    for_each_matrix(state_->network, [&](const Matrix& matrix) {
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            matrix.weights[i] = random_normal(seed, 0, index++) * init_std;
        }
    });
    clear_moments(*state_);
    set_step(0);
}

void Model::set_step(std::uint32_t step) {
    state_->step = step;
    state_->correction = BiasCorrection::after(step, state_->recipe);
    state_->documents = 0;
    state_->gradient_norm.reset();
}

float Model::evaluate(std::span<const Token> text, std::span<float> losses) {
    const Together together(*state_);
    const Network& net = state_->network;
    const Document document = document_of(net.shape, text);
    const float loss = state_->kernels->forward(net, document);
    if (!losses.empty()) {
        std::copy_n(net.target_logits, document.positions, losses.begin());
    }
    enter(net, Phase::outside);
    return loss;
}

void Model::accumulate(std::span<const Token> text) {
    const Together together(*state_);
    add_gradients(*state_, text);
}

float Model::train_step(std::span<const Token> text, const StepOptions& options) {
    ModelState& model = *state_;
    const Together together(model);
    model.gradient_norm.reset();
    if (accumulates_gradients(model.recipe)) {
        add_gradients(model, text);
        return step_with_accumulated_gradients(model, options);
    }
    const Document trained = document_of(model.network.shape, text);
    const float loss = model.kernels->forward(model.network, trained);
    if (!is_finite(loss)) {
        enter(model.network, Phase::outside);
        return kNaN;
    }
    enter(model.network, Phase::adam);
    model.correction.advance(model.recipe);
    const AdamStep step = AdamStep::at(model.step, model.correction, model.recipe);
    SquareSums sums;
    const Update update{.adam = &step, .squares = options.gradient_norm ? &sums : nullptr};
    model.kernels->backward(model.network, update, trained);
    if (options.gradient_norm) {
        model.gradient_norm = norm_of(total_of(sums));
    }
    finish_step(model);
    return loss;
}

const Kernels& Model::kernels() const {
    return *state_->kernels;
}

bool Model::use_kernels(const Kernels& kernels) {
    if (state_->network.stride % kernels.lanes != 0) {
        return false;
    }
    state_->kernels = &kernels;
    return true;
}

void Model::observe(PhaseObserver* observer) {
    if (!empty()) {
        state_->network.observer = observer;
    }
}

}  // namespace ugpt::engine
