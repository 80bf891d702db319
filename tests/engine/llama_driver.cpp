// Runs inference on an image of a model, for tests written in Python (llama_driver.py).
//
//   llama-driver kernels              the names of available_kernels, then `reference`
//   llama-driver check IMAGE          the fault of the image, which tensor it means, its digests
//   llama-driver logits IMAGE KERNELS CONTEXT   tokens -> the logits behind each of them
//   llama-driver greedy IMAGE KERNELS CONTEXT   prompt -> itself and what follows, CONTEXT tokens
//   llama-driver encode IMAGE         texts -> for each the number of its tokens, and they
//   llama-driver decode IMAGE         token -> for each token u32 length and bytes, as a stream
//
// Standard input and output are little-endian u32 and f32; a text is its length and its bytes. With
// `reference` for KERNELS the plain reference computes.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "driver_io.h"
#include "engine/infer/kernels.h"
#include "engine/reference/llama.h"
#include "store/model_image.h"

using namespace ugpt;
using namespace ugpt::driver;
namespace infer = ugpt::engine::infer;

namespace {

// A file in memory that begins where an image may.
class Image {
  public:
    explicit Image(const char* path) {
        std::FILE* file = std::fopen(path, "rb");
        if (file == nullptr) fail("cannot read the image");
        memory_.resize(32 << 20);
        void* start = memory_.data();
        std::size_t room = memory_.size();
        std::align(store::ModelImage::kAlignment, 1, start, room);
        const std::size_t size = std::fread(start, 1, room, file);
        std::fclose(file);
        bytes_ = {static_cast<std::byte*>(start), size};
        fault = image.open(bytes_);
    }
    void need() const {
        if (fault != store::ImageFault::none) fail("the image has a fault");
    }

    store::ModelImage image;
    store::ImageFault fault;

  private:
    std::vector<std::byte> memory_;
    std::span<std::byte> bytes_;
};

std::vector<std::uint32_t> rest_of_input() {
    std::vector<std::uint32_t> words;
    std::uint32_t word = 0;
    while (std::fread(&word, sizeof(word), 1, stdin) == 1) words.push_back(word);
    return words;
}

// The engine, or the plain reference, behind one call.
class Model {
  public:
    virtual ~Model() = default;
    virtual std::vector<float> next(std::uint32_t token) = 0;
};

class EngineModel : public Model {
  public:
    EngineModel(const store::ModelImage& image, const infer::Kernels& kernels,
                std::uint32_t context)
        : memory_(64 << 20) {
        for (std::uint32_t i = 0; i < image.shape().tensor_count(); ++i)
            tensors_.push_back(image.tensor(i));
        const std::span<std::byte> block(memory_);
        engine::Arena arena(std::span(&block, 1));
        if (!model_.create({image.shape(), image.norm_epsilon(), image.rope_steps(), tensors_},
                           context, arena))
            fail("the model does not fit");
        model_.use_kernels(kernels);
    }
    std::vector<float> next(std::uint32_t token) override {
        const auto logits = model_.forward(static_cast<engine::Token>(token), position_++);
        return {logits.begin(), logits.end()};
    }

  private:
    std::vector<std::byte> memory_;
    std::vector<infer::Tensor> tensors_;
    infer::LanguageModel model_;
    std::uint32_t position_ = 0;
};

// Unpacks a tensor into rows, the plainest way.
reference::LlamaMatrix unpack(const infer::Tensor& tensor) {
    reference::LlamaMatrix matrix{tensor.rows, tensor.cols, {}, {}, {}};
    const auto* floats = reinterpret_cast<const float*>(tensor.data);
    const std::size_t rows = tensor.rows, cols = tensor.cols;
    if (tensor.format != infer::Format::q8) {
        const std::size_t step = tensor.format == infer::Format::vector ? 1 : 8;
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < cols; ++c)
                matrix.values.push_back(floats[(r / step * cols + c) * step + r % step]);
        return matrix;
    }
    const std::size_t groups = (cols + 255) / 256;
    matrix.scales.assign(floats, floats + groups * rows);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(floats + groups * rows);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < cols; ++c)
            matrix.weights.push_back(bytes[r * ((cols + 3) / 4 * 4) + c] - 128);
    return matrix;
}

class ReferenceModel : public Model {
  public:
    explicit ReferenceModel(const store::ModelImage& image) {
        const infer::Shape& shape = image.shape();
        std::uint32_t index = 0;
        const auto matrix = [&] { return unpack(image.tensor(index++)); };
        const auto norm = [&] { return matrix().values; };
        reference::LlamaWeights weights;
        weights.embedding = matrix();
        for (std::uint32_t l = 0; l < shape.n_layer; ++l) {
            reference::LlamaLayer& layer = weights.layers.emplace_back();
            layer.attention_norm = norm();
            for (auto* part : {&layer.wq, &layer.wk, &layer.wv, &layer.wo}) *part = matrix();
            layer.mlp_norm = norm();
            for (auto* part : {&layer.w1, &layer.w2, &layer.w3}) *part = matrix();
        }
        weights.final_norm = norm();
        weights.classifier = shape.tied_classifier ? weights.embedding : matrix();
        weights.rope_steps.assign(image.rope_steps().begin(), image.rope_steps().end());
        model_.emplace(reference::LlamaShape{shape.n_layer, shape.n_embd, shape.n_head,
                                             shape.n_kv_head, shape.n_hidden, shape.vocab_size,
                                             shape.context, image.norm_epsilon()},
                       std::move(weights));
    }
    std::vector<float> next(std::uint32_t token) override { return model_->next(token); }

  private:
    std::optional<reference::Llama> model_;
};

std::unique_ptr<Model> make_model(const store::ModelImage& image, std::string_view kernels,
                                  std::uint32_t context) {
    if (kernels == "reference") return std::make_unique<ReferenceModel>(image);
    const infer::KernelList list = infer::available_kernels();
    for (std::size_t i = 0; list.sets[i] != nullptr; ++i)
        if (kernels == list.sets[i]->name)
            return std::make_unique<EngineModel>(image, *list.sets[i], context);
    fail("no such kernels");
}

void print_kernels() {
    const infer::KernelList list = infer::available_kernels();
    for (std::size_t i = 0; list.sets[i] != nullptr; ++i) std::puts(list.sets[i]->name);
    std::puts("reference");
}

void print_check(const Image& file) {
    std::printf("%d %u\n", static_cast<int>(file.fault), file.image.faulty_tensor());
    if (file.fault != store::ImageFault::none) return;
    for (const auto& digest : {file.image.digest(), file.image.computed_digest()}) {
        for (const std::uint8_t byte : digest) std::printf("%02x", byte);
        std::puts("");
    }
    std::printf("%.*s\n%.*s\n", static_cast<int>(file.image.name().size()),
                file.image.name().data(), static_cast<int>(file.image.licence().size()),
                file.image.licence().data());
}

void run_logits(Model& model) {
    for (const std::uint32_t token : rest_of_input()) give<float>(model.next(token));
}

void run_greedy(Model& model, std::uint32_t context) {
    std::vector<std::uint32_t> tokens = rest_of_input();
    for (std::uint32_t t = 0; t + 1 < context; ++t) {
        const std::vector<float> logits = model.next(tokens[t]);
        if (t + 1 == tokens.size()) {
            const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
            tokens.push_back(static_cast<std::uint32_t>(best));
        }
    }
    give<std::uint32_t>(tokens);
}

void run_encode(const engine::Vocabulary& vocabulary) {
    std::uint32_t length = 0;
    while (std::fread(&length, sizeof(length), 1, stdin) == 1) {
        const std::vector<char> text = take<char>(length);
        const std::string_view view(text.data(), text.size());
        std::vector<engine::Token> tokens(engine::most_tokens(view)), scratch(tokens.size());
        tokens.resize(engine::encode(vocabulary, view, tokens, scratch));
        give_sample(tokens);
    }
}

void give_text(std::string_view text) {
    const auto length = static_cast<std::uint32_t>(text.size());
    give<std::uint32_t>({&length, 1});
    give<char>({text.data(), text.size()});
}

void run_decode(const engine::Vocabulary& vocabulary) {
    engine::Utf8Stream stream;
    engine::Token previous = vocabulary.bos;
    char byte = 0;
    for (const std::uint32_t word : rest_of_input()) {
        const auto token = static_cast<engine::Token>(word);
        std::string text;
        for (const char c : engine::decode(vocabulary, previous, token, byte))
            text += stream.put(c);
        give_text(text);
        previous = token;
    }
    give_text(stream.finish());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "kernels") {
        print_kernels();
        return 0;
    }
    if (argc < 3) fail("which image?");
    const Image file(argv[2]);
    if (what == "check") {
        print_check(file);
        return 0;
    }
    file.need();
    if (what == "encode") {
        run_encode(file.image.vocabulary());
        return 0;
    }
    if (what == "decode") {
        run_decode(file.image.vocabulary());
        return 0;
    }
    if (argc < 5) fail("which kernels and context?");
    const auto context = static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10));
    const auto model = make_model(file.image, argv[3], context);
    if (what == "logits") {
        run_logits(*model);
    } else if (what == "greedy") {
        run_greedy(*model, context);
    } else {
        fail("what to do?");
    }
    return 0;
}
