// A trainer's whole state, to and from a checkpoint.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/checkpoints/store.h"
#include "ddpm/training_torch/trainer.h"

namespace ddpm {

// Writes the checkpoint of trainer.steps_done() into `store`. What the trainer itself knows
// overwrites the same fields of `state` (step, updates, skipped); the caller fills in the rest:
// data and `carried`. Throws as CheckpointStore::save does; the trainer is unchanged.
std::filesystem::path save_snapshot(Trainer& trainer, TrainingState state, CheckpointStore& store,
                                    const KeepPolicy& keep,
                                    const CheckpointStore::KeptReport& report = {});

// Makes the trainer, built for the same network, go on bit for bit where the checkpoint was
// written. Throws FormatError or InvalidArgument; the trainer may then have parts of it and must
// not be used.
TrainingState restore_snapshot(const std::filesystem::path& checkpoint, Trainer& trainer);

// Gives a fresh trainer the averaged weights of a run or a checkpoint wherever names and shapes are
// those of its own network, weights and averages alike; the rest stays as it is. Returns what
// became of each tensor, as lines for a person. Throws as resolve_checkpoint and read_arrays do,
// and InvalidArgument if nothing fits; the trainer is then unchanged.
std::vector<std::string> begin_from(const std::filesystem::path& checkpoint, Trainer& trainer);

}  // namespace ddpm
