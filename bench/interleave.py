#!/usr/bin/env python3
"""Takes the steps of several programs in turn and compares their times.

Each argument is a command that prints a line that begins with "ready" and then, for each line that
it reads, does one step and prints its seconds first. The first command is the base of the ratios.
"""

import argparse
import shlex
import statistics
import subprocess
import sys


class Program:
    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.seconds = []
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit(f"interleave: '{command}' did not begin with ready")

    def step(self):
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"interleave: '{self.command}' ended")
        return float(line.split()[0])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.3f} ({low:.3f} .. {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="steps of each program, at least 2")
    parser.add_argument("--warmup", type=int, default=2, help="steps of each that do not count")
    parser.add_argument("commands", nargs="+")
    options = parser.parse_args()
    programs = [Program(command) for command in options.commands]
    for _ in range(options.warmup):
        for program in programs:
            program.step()
    for number in range(options.rounds):
        # every other round the other way round, so that none always follows the same one
        for program in programs if number % 2 == 0 else reversed(programs):
            program.seconds.append(program.step())
    base = programs[0]
    print("median (quartiles); ratio: the base's seconds / this one's, above 1 is faster")
    for program in programs:
        ratios = [a / b for a, b in zip(base.seconds, program.seconds)]
        print(f"{quartiles(program.seconds)} s, least {min(program.seconds):.3f}; "
              f"ratio {quartiles(ratios)}  {program.command}")
        program.end()


if __name__ == "__main__":
    main()
