// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "app/handlers.h"

#include "app/dispatch.h"

namespace ugpt::app {

constinit const std::array<Route, rpc::kMethods.size()> kRoutes{{
    {.link = answer<LinkTask, rpc::HelloParams>},
    {.link = answer<LinkTask, rpc::PingParams>},
    {.link = answer<LinkTask, rpc::SetBaudParams>},
    {.link = answer<LinkTask, rpc::ResetParams>},
    {.link = answer<LinkTask, rpc::StatusParams>},
    {.link = answer<LinkTask, rpc::LossesParams>},
    {.link = answer<LinkTask, rpc::PlanParams>},
    {.trainer = answer<Trainer, rpc::CreateParams>},
    {.trainer = answer<Trainer, rpc::ModelInfoParams>},
    {.trainer = answer<Trainer, rpc::InitWeightsParams>},
    {.trainer = answer<Trainer, rpc::VocabularyWriteParams>},
    {.trainer = answer<Trainer, rpc::VocabularyReadParams>},
    {.trainer = answer<Trainer, rpc::TensorWriteParams>},
    {.trainer = answer<Trainer, rpc::TensorReadParams>},
    {.trainer = answer<Trainer, rpc::WeightsDigestParams>},
    {.trainer = answer<Trainer, rpc::WeightsSavedParams>},
    {.trainer = answer<Trainer, rpc::SeekParams>},
    {.link = answer<LinkTask, rpc::DocumentsWriteParams>},
    {.trainer = answer<Trainer, rpc::EvaluateParams>},
    {.trainer = answer<Trainer, rpc::TrainParams>},
    {.trainer = answer<Trainer, rpc::PauseParams>},
    {.trainer = answer<Trainer, rpc::StopParams>},
    {.trainer = answer<Trainer, rpc::SaveParams>},
    {.trainer = answer<Trainer, rpc::SampleParams>},
    {.trainer = answer<Trainer, rpc::TextBeginParams>},
    {.trainer = answer<Trainer, rpc::TextPlanParams>},
    {.trainer = answer<Trainer, rpc::TextReadParams>},
    {.trainer = answer<Trainer, rpc::TextStopParams>},
    {.trainer = answer<Trainer, rpc::DataBeginParams>},
    {.trainer = answer<Trainer, rpc::DataWriteParams>},
    {.trainer = answer<Trainer, rpc::DataCommitParams>},
    {.trainer = answer<Trainer, rpc::DataInfoParams>},
    {.trainer = answer<Trainer, rpc::ImageBeginParams>},
    {.trainer = answer<Trainer, rpc::ImageChecksumsParams>},
    {.trainer = answer<Trainer, rpc::ImageWriteParams>},
    {.trainer = answer<Trainer, rpc::ImageCommitParams>},
    {.trainer = answer<Trainer, rpc::ImageInfoParams>},
    {.trainer = answer<Trainer, rpc::ImageEraseParams>},
    {.trainer = answer<Trainer, rpc::CurveParams>},
    {.trainer = answer<Trainer, rpc::AutorunParams>},
    {.trainer = answer<Trainer, rpc::SelfTestParams>},
    {.trainer = answer<Trainer, rpc::ProfileParams>},
}};

}  // namespace ugpt::app
