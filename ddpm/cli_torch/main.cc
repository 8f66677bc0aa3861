// The program `ddpm-torch`: every command of `ddpm`, with LibTorch.

#include "ddpm/cli/program.h"
#include "ddpm/cli_torch/torch_hooks.h"

int main(int argc, char** argv) { return ddpm::run_program(argc, argv, ddpm::torch_hooks()); }
