// The task that owns the trainer: requests between steps, and steps for as long as they are due.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "app/exchange.h"
#include "app/link_task.h"
#include "app/shared.h"
#include "app/trainer.h"

namespace ugpt::app {

class TrainerTask {
  public:
    // `scratch` holds a body.
    TrainerTask(const Ports& ports, Shared& shared, std::span<Exchange> exchanges,
                std::span<std::uint8_t> scratch);

    // Returns when `shared.stop` is set.
    void run();

  private:
    void answer_next(std::uint8_t index);
    std::span<const std::uint8_t> answer_request(const rpc::Request& request);
    std::span<const std::uint8_t> answer_run(const rpc::Request& request);
    std::span<const std::uint8_t> answer_tensor(const rpc::Request& request);
    std::span<const std::uint8_t> answer_data(const rpc::Request& request);

    Refusal create(const rpc::CreateParams& params, rpc::CreateResult& result);
    Refusal model_info(rpc::ModelInfo& info);
    Refusal vocabulary_write(const rpc::VocabularyWriteParams& params);
    Refusal vocabulary_read(const rpc::VocabularyReadParams& params,
                            rpc::VocabularyReadResult& result);
    Refusal tensor_write(const rpc::TensorWriteParams& params);
    Refusal tensor_read(const rpc::TensorReadParams& params, rpc::TensorReadResult& result);
    Refusal evaluate(const rpc::EvaluateParams& params, rpc::EvaluateResult& result);
    Refusal curve(const rpc::CurveParams& params, rpc::CurveResult& result);
    Refusal data_begin(const rpc::DataSet& data);
    Refusal data_info(rpc::DataSet& data);
    Refusal sample(const rpc::SampleParams& params, rpc::SampleResult& result);

    const Ports ports_;
    Shared& shared_;
    std::span<Exchange> exchanges_;
    std::span<std::uint8_t> scratch_;
    Trainer trainer_;
    std::array<std::uint8_t, 2 * rpc::kBlockSizeMax> sampled_{};
    std::array<char, 256> failed_{};  // names of operations
    std::array<float, 256> values_{};  // on their way to or from a frame
};

}  // namespace ugpt::app
