// The plain reference, second half: the loss, the backward pass and Adam.
#pragma once

#include <cstdint>
#include <span>

#include "engine/reference/model.h"

namespace ugpt::reference {

// How the learning rate changes after the warm-up, until it reaches zero at step total_steps.
enum class Schedule { linear, cosine, constant };

struct Recipe {
    float learning_rate = 0.01f;
    float beta1 = 0.85f;
    float beta2 = 0.99f;
    float epsilon = 1e-8f;
    std::uint32_t total_steps = 1000;
    Schedule schedule = Schedule::linear;
    std::uint32_t warmup_steps = 0;
    float weight_decay = 0.0f;
};

// A model in training.
struct Training {
    Shape shape;
    Recipe recipe;
    Parameters weights;
    Parameters first_moment;   // the running sum of gradients, without the factor (1 - beta1)
    Parameters second_moment;  // that of their squares, without the factor (1 - beta2)
    std::uint32_t step = 0;    // steps completed

    Training(const Shape& s, const Recipe& r)
        : shape(s), recipe(r), weights(s), first_moment(s), second_moment(s) {}
};

// The mean loss over the positions of a text, given as its tokens without BOS.
float evaluate(const Training& training, std::span<const Token> text);

// One step on a text: the gradients of all weights, then Adam. Returns the mean loss before the
// step; NaN if that is not finite, and then nothing has changed.
float train_step(Training& training, std::span<const Token> text);

}  // namespace ugpt::reference
