// The picture of a run's loss.

#pragma once

#include <string>
#include <vector>

#include "ddpm/runlog/run_log.h"

namespace ddpm {

// Above, the loss against the steps on a log axis: as logged, pale, and smoothed; below, the loss
// in ten equal parts of [1, T], smoothed. The bytes of a PNG file. A run without metrics gives axes
// that say so.
std::string loss_plot_png(const RunLog& log);

// The exponential moving average m_i = a m_{i-1} + (1 - a) y_i, m_0 = 0, divided by 1 - a^i so that
// it begins at the first value. A value that is not finite is passed over: its place repeats the
// last.
std::vector<double> smoothed(const std::vector<double>& y, double a);

}  // namespace ddpm
