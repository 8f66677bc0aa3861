#include "ddpm/terminal/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr int64_t kBarWidth = 30;
constexpr double kLeastSecondsOfARate = 0.2;  // before, it is that of the clock
constexpr auto kTerminalPause = std::chrono::milliseconds(100);
constexpr auto kPlainPause = std::chrono::seconds(10);

std::string bar(double share) {
  const auto filled = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

// The line cut so that a terminal does not wrap it: a wrapped one could not be rewritten.
std::string cut_to_terminal(std::string line) {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
    line.resize(std::min<size_t>(line.size(), size.ws_col - 1U));
  }
  return line;
}

// Three digits that matter: "0.42", "3.1", "58".
std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof(text), rate < 1 ? "%.2f" : rate < 20 ? "%.1f" : "%.0f", rate);
  return text;
}

}  // namespace

Progress::Progress(std::string label, std::string unit, int64_t total, int64_t start)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(start),
      done_(static_cast<double>(start)),
      terminal_(::isatty(STDOUT_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && drawn_) std::cout << '\n';
  std::cout.flush();
}

std::string Progress::text(const std::string& note) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
  const double rate =
      seconds > kLeastSecondsOfARate ? (done_ - static_cast<double>(start_)) / seconds : 0.0;
  const double share = total_ > 0 ? done_ / static_cast<double>(total_) : 1.0;
  std::string line = label_ + " ";
  if (terminal_) line += bar(share) + " ";
  line += concat(static_cast<int64_t>(done_), "/", total_, " ", unit_);
  if (rate > 0) {
    line += ", " + rate_text(rate) + " " + unit_ + "/s";
    if (done_ < static_cast<double>(total_)) {
      line += ", " + readable_duration((static_cast<double>(total_) - done_) / rate) + " left";
    }
  }
  return note.empty() ? line : line + ", " + note;
}

void Progress::clear() {
  if (terminal_ && drawn_) std::cout << "\r\033[K";
}

void Progress::update(double done, const std::string& note) {
  done_ = done;
  note_ = note;
  const auto now = Clock::now();
  const bool last = done >= static_cast<double>(total_);
  if (terminal_) {
    if (drawn_ && !last && now - shown_ < kTerminalPause) return;
    clear();
    std::cout << cut_to_terminal(text(note));
    drawn_ = true;
  } else {
    if (!last && now - shown_ < kPlainPause) return;
    std::cout << text(note) << '\n';
  }
  std::cout.flush();
  shown_ = now;
}

void Progress::erase() {
  clear();
  drawn_ = false;
  std::cout.flush();
}

void Progress::print(const std::string& line) {
  clear();
  std::cout << line << '\n';
  if (terminal_ && drawn_) std::cout << cut_to_terminal(text(note_));
  std::cout.flush();
}

}  // namespace ddpm
