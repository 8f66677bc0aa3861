#include "ddpm/terminal/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "ddpm/base/folder_lock.h"
#include "ddpm/base/thread_signals.h"
#include "ddpm/base/unfinished.h"
#include "ddpm/testing/child_process.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

constexpr std::array kAll = {SIGINT, SIGTERM, SIGHUP};
constexpr int kAlive = 7;

void begin(SlowStop slow = SlowStop::kEnd) {
  end_at_stop_signals();
  catch_stop_signals(slow);
}

TEST(Signals, TheFirstIsRememberedAndALaterOneEndsTheProcess) {
  for (const int first : kAll) {
    for (const int second : kAll) {
      SCOPED_TRACE(first * 100 + second);
      const auto body = [&](bool twice) {
        begin();
        ::raise(first);
        if (stop_signal() != first || exit_code_of_stop() != 128 + first) return 1;
        if (!twice) return kAlive;
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        ::raise(second);
        return 2;
      };
      EXPECT_EQ(in_child([&] { return body(false); }), kAlive);
      EXPECT_EQ(in_child([&] { return body(true); }), -second);
    }
  }
}

// As `timeout` sends them, and a terminal that is closed.
TEST(Signals, ThoseThatComeTogetherCountAsOne) {
  EXPECT_EQ(in_child([] {
              begin();
              {
                const BlockedSignals together;
                for (const int signal : kAll) ::raise(signal);
              }
              return stop_signal() != 0 ? kAlive : 1;
            }),
            kAlive);
}

TEST(Signals, BeforeTheyAreCaughtOneEndsTheProcessAtOnceButFinishesAFile) {
  for (const int signal : kAll) {
    EXPECT_EQ(in_child([&] {
                end_at_stop_signals();
                ::raise(signal);
                return 1;
              }),
              -signal);
    EXPECT_EQ(in_child([&] {
                end_at_stop_signals();
                {
                  const Unfinished file;
                  ::raise(signal);
                  ::raise(SIGALRM);
                }
                ::raise(SIGALRM);
                return 1;
              }),
              -signal);
  }
}

TEST(Signals, OneThatIsIgnoredStaysIgnored) {
  for (const int ignored : kAll) {
    EXPECT_EQ(in_child([&] {
                ::signal(ignored, SIG_IGN);
                begin();
                ::raise(ignored);
                ::raise(ignored);
                if (stop_signal() != 0) return 1;
                ::raise(ignored == SIGTERM ? SIGINT : SIGTERM);
                return stop_signal() != 0 ? kAlive : 2;
              }),
              kAlive);
  }
}

TEST(Signals, WorkThatDoesNotAskIsEndedAndWorkThatDoesIsNot) {
  const auto body = [](bool asks) {
    begin();
    ::raise(SIGTERM);
    if (asks && !stop_requested()) return 1;
    ::raise(SIGALRM);  // which comes by itself after a second
    return kAlive;
  };
  EXPECT_EQ(in_child([&] { return body(false); }), -SIGTERM);
  EXPECT_EQ(in_child([&] { return body(true); }), kAlive);
}

TEST(Signals, WorkThatIsEndedPrintsItsLastLinesAndWorkThatAsksPrintsItsOwn) {
  const auto printed = [](bool asks) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    in_child([&] {
      ::dup2(ends[1], STDOUT_FILENO);
      end_at_stop_signals();
      catch_stop_signals(SlowStop::kEnd, "stopped\nnext: ddpm info");
      ::raise(SIGTERM);
      if (asks && !stop_requested()) return 1;
      ::raise(SIGALRM);
      return kAlive;
    });
    ::close(ends[1]);
    std::string text(100, '\0');
    text.resize(static_cast<size_t>(::read(ends[0], text.data(), text.size())));
    ::close(ends[0]);
    return text;
  };
  EXPECT_EQ(printed(false), "\nstopped\nnext: ddpm info\n");
  EXPECT_EQ(printed(true), "");
}

TEST(Signals, ALockGoesWithTheProcessThatASignalEnds) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "lock";
  for (const FolderLock::Afterwards afterwards :
       {FolderLock::Afterwards::kRemove, FolderLock::Afterwards::kKeep}) {
    EXPECT_EQ(in_child([&] {
                begin();
                const FolderLock lock(file, afterwards);
                ::raise(SIGTERM);
                ::raise(SIGALRM);
                return kAlive;
              }),
              -SIGTERM);
    EXPECT_EQ(std::filesystem::remove(file), afterwards == FolderLock::Afterwards::kKeep);
  }
}

TEST(Signals, TheAlarmComesByItself) {
  EXPECT_EQ(in_child([] {
              begin();
              ::raise(SIGHUP);
              for (;;) ::pause();
              return 1;
            }),
            -SIGHUP);
}

TEST(Signals, AFileThatIsBeingWrittenIsFinished) {
  EXPECT_EQ(in_child([] {
              begin();
              ::raise(SIGTERM);
              {
                const Unfinished file;
                ::raise(SIGALRM);
                ::raise(SIGALRM);
              }
              ::raise(SIGALRM);
              return 1;
            }),
            -SIGTERM);
  EXPECT_EQ(in_child([] {
              begin();
              ::raise(SIGTERM);
              const Unfinished file;
              ::raise(SIGALRM);
              return kAlive;
            }),
            kAlive);
}

TEST(Signals, WhatHasToSaveIsWaitedForAndSaysSoOnce) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  EXPECT_EQ(in_child([&] {
              ::dup2(pipe[1], STDOUT_FILENO);
              begin(SlowStop::kFinish);
              ::raise(SIGTERM);
              ::raise(SIGALRM);
              ::raise(SIGALRM);
              return kAlive;
            }),
            kAlive);
  ::close(pipe[1]);
  std::string text(1000, '\0');
  text.resize(static_cast<size_t>(::read(pipe[0], text.data(), text.size())));
  ::close(pipe[0]);
  EXPECT_NE(text.find("a second signal ends at once"), std::string::npos) << text;
  EXPECT_EQ(text.find("stopping"), text.rfind("stopping")) << text;
}

TEST(Signals, AThreadThatIsStartedBlockedHearsNone) {
  const auto blocks_sigterm = [] {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, SIGTERM) == 1 && ::sigismember(&mask, SIGBUS) == 0;
  };
  bool worker = false;
  std::thread thread;
  {
    const BlockedSignals blocked;
    thread = std::thread([&] { worker = blocks_sigterm(); });
  }
  thread.join();
  EXPECT_TRUE(worker);
  EXPECT_FALSE(blocks_sigterm());
}

}  // namespace
}  // namespace ddpm
