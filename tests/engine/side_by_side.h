// The plain reference and the engine in step: the engine once for each of its sets of kernels, with
// activations kept and with activations recomputed. The first bit that differs is printed with its
// tensor, its step and its place.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/numeric/bits.h"
#include "engine/reference/training.h"
#include "engine/train.h"

namespace ugpt::check {

// A number of a test case that is a function of (stream, counter).
std::uint32_t random_number(std::uint64_t stream, std::uint64_t counter, std::uint32_t below);

struct Start {
    engine::Shape shape;
    engine::Recipe recipe;
    std::uint64_t seed = 42;
    float init_std = 0.08f;
    std::uint32_t completed_steps = 0;  // more than 0: as many, with moments of all magnitudes

    [[nodiscard]] std::string describe() const;
};

class SideBySide {
  public:
    explicit SideBySide(const Start& start);

    // Whether all have given the same bits so far. Once they have not, the rest does nothing.
    [[nodiscard]] bool same() const { return same_; }
    [[nodiscard]] std::size_t contestants() const { return contestants_.size(); }
    [[nodiscard]] const reference::Training& reference() const { return reference_; }

    // A training step, after which every weight and moment is compared, and the loss.
    float train(std::span<const engine::Token> text);
    void evaluate(std::span<const engine::Token> text);
    // Draws a text. Returns its length.
    std::size_t sample(const engine::SampleRequest& request);
    // Sets a weight of all to `value`; returns the one before.
    float poke(std::size_t parameter, std::size_t index, float value);

  private:
    struct Contestant {
        std::string name;
        std::vector<std::byte> memory;
        engine::Model model;
    };

    void add(const engine::Kernels& kernels, bool recompute);
    void set_moments();
    void compare_state();
    void compare_losses(const char* what, float expected, float actual, const Contestant& engine);
    void compare(const Contestant& engine, std::size_t parameter, const char* kind,
                 engine::TensorKind tensor, const float* expected);
    void report(const Contestant& engine, const std::string& what);
    [[nodiscard]] std::string name_of(std::size_t parameter) const;

    Start start_;
    reference::Training reference_;
    std::deque<Contestant> contestants_;  // they do not move
    bool same_ = true;
};

}  // namespace ugpt::check
