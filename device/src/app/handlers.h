// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
//
// What answers each method. A handler gets params that lie in their ranges and fills in the
// result, unless it returns an error. One that is nowhere defined is an error of the linker.
#pragma once

#include "app/call_error.h"
#include "rpc/messages.h"

namespace ugpt::app {

class LinkTask;
class Trainer;

CallError handle(LinkTask& owner, const rpc::HelloParams& params,
                 rpc::HelloResult& result);
CallError handle(LinkTask& owner, const rpc::PingParams& params,
                 rpc::PingResult& result);
CallError handle(LinkTask& owner, const rpc::SetBaudParams& params,
                 rpc::SetBaudResult& result);
CallError handle(LinkTask& owner, const rpc::ResetParams& params,
                 rpc::ResetResult& result);
CallError handle(LinkTask& owner, const rpc::StatusParams& params,
                 rpc::StatusResult& result);
CallError handle(LinkTask& owner, const rpc::LossesParams& params,
                 rpc::LossesResult& result);
CallError handle(LinkTask& owner, const rpc::PlanParams& params,
                 rpc::PlanResult& result);
CallError handle(Trainer& owner, const rpc::CreateParams& params,
                 rpc::CreateResult& result);
CallError handle(Trainer& owner, const rpc::ModelInfoParams& params,
                 rpc::ModelInfoResult& result);
CallError handle(Trainer& owner, const rpc::InitWeightsParams& params,
                 rpc::InitWeightsResult& result);
CallError handle(Trainer& owner, const rpc::VocabularyWriteParams& params,
                 rpc::VocabularyWriteResult& result);
CallError handle(Trainer& owner, const rpc::VocabularyReadParams& params,
                 rpc::VocabularyReadResult& result);
CallError handle(Trainer& owner, const rpc::TensorWriteParams& params,
                 rpc::TensorWriteResult& result);
CallError handle(Trainer& owner, const rpc::TensorReadParams& params,
                 rpc::TensorReadResult& result);
CallError handle(Trainer& owner, const rpc::WeightsDigestParams& params,
                 rpc::WeightsDigestResult& result);
CallError handle(Trainer& owner, const rpc::WeightsSavedParams& params,
                 rpc::WeightsSavedResult& result);
CallError handle(Trainer& owner, const rpc::SeekParams& params,
                 rpc::SeekResult& result);
CallError handle(LinkTask& owner, const rpc::DocumentsWriteParams& params,
                 rpc::DocumentsWriteResult& result);
CallError handle(Trainer& owner, const rpc::EvaluateParams& params,
                 rpc::EvaluateResult& result);
CallError handle(Trainer& owner, const rpc::TrainParams& params,
                 rpc::TrainResult& result);
CallError handle(Trainer& owner, const rpc::PauseParams& params,
                 rpc::PauseResult& result);
CallError handle(Trainer& owner, const rpc::StopParams& params,
                 rpc::StopResult& result);
CallError handle(Trainer& owner, const rpc::SaveParams& params,
                 rpc::SaveResult& result);
CallError handle(Trainer& owner, const rpc::SampleParams& params,
                 rpc::SampleResult& result);
CallError handle(Trainer& owner, const rpc::TextBeginParams& params,
                 rpc::TextBeginResult& result);
CallError handle(Trainer& owner, const rpc::TextPlanParams& params,
                 rpc::TextPlanResult& result);
CallError handle(Trainer& owner, const rpc::TextReadParams& params,
                 rpc::TextReadResult& result);
CallError handle(Trainer& owner, const rpc::TextStopParams& params,
                 rpc::TextStopResult& result);
CallError handle(Trainer& owner, const rpc::DataBeginParams& params,
                 rpc::DataBeginResult& result);
CallError handle(Trainer& owner, const rpc::DataWriteParams& params,
                 rpc::DataWriteResult& result);
CallError handle(Trainer& owner, const rpc::DataCommitParams& params,
                 rpc::DataCommitResult& result);
CallError handle(Trainer& owner, const rpc::DataInfoParams& params,
                 rpc::DataInfoResult& result);
CallError handle(Trainer& owner, const rpc::ImageBeginParams& params,
                 rpc::ImageBeginResult& result);
CallError handle(Trainer& owner, const rpc::ImageChecksumsParams& params,
                 rpc::ImageChecksumsResult& result);
CallError handle(Trainer& owner, const rpc::ImageWriteParams& params,
                 rpc::ImageWriteResult& result);
CallError handle(Trainer& owner, const rpc::ImageCommitParams& params,
                 rpc::ImageCommitResult& result);
CallError handle(Trainer& owner, const rpc::ImageInfoParams& params,
                 rpc::ImageInfoResult& result);
CallError handle(Trainer& owner, const rpc::ImageEraseParams& params,
                 rpc::ImageEraseResult& result);
CallError handle(Trainer& owner, const rpc::CurveParams& params,
                 rpc::CurveResult& result);
CallError handle(Trainer& owner, const rpc::AutorunParams& params,
                 rpc::AutorunResult& result);
CallError handle(Trainer& owner, const rpc::SelfTestParams& params,
                 rpc::SelfTestResult& result);
CallError handle(Trainer& owner, const rpc::ProfileParams& params,
                 rpc::ProfileResult& result);
}  // namespace ugpt::app
