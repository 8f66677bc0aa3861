// A trainer's whole state, to and from a checkpoint.

#pragma once

#include <filesystem>

#include "ddpm/checkpoints/store.h"
#include "ddpm/training/trainer.h"

namespace ddpm {

// Writes the checkpoint of trainer.steps_done() into `store`. What the trainer itself knows
// overwrites the same fields of `state` (step, updates, skipped); the caller fills in the rest:
// data and `carried`. Throws as CheckpointStore::save does; the trainer is unchanged.
std::filesystem::path save_snapshot(Trainer& trainer, TrainingState state, CheckpointStore& store,
                                    const KeepPolicy& keep);

// Makes the trainer, built for the same network, go on bit for bit where the checkpoint was
// written. Throws FormatError or InvalidArgument; the trainer may then have parts of it and must
// not be used.
TrainingState restore_snapshot(const std::filesystem::path& checkpoint, Trainer& trainer);

}  // namespace ddpm
