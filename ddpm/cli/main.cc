// The program `ddpm`, free of LibTorch: what it cannot do itself it hands over to `ddpm-torch`.

#include "ddpm/cli/program.h"

int main(int argc, char** argv) { return ddpm::run_program(argc, argv, {}); }
