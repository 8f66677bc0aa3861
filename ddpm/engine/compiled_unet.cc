#include "ddpm/engine/compiled_unet.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <mutex>

#include "ddpm/base/check.h"
#include "ddpm/engine/operator_profile.h"
#include "ddpm/engine/step.h"
#include "ddpm/engine/time_embedding.h"
#include "ddpm/engine/transformed_kernels.h"
#include "ddpm/unet/call.h"
#include "ddpm/unet/work.h"

namespace ddpm {

namespace {

constexpr int64_t kMostImages = 4096;

// Checked, and with a path.
EngineOptions resolved(EngineOptions options) {
  DDPM_CHECK(options.at_once >= 0 && options.at_once <= kMostImages,
             "engine: at_once: wanted 0 to ", kMostImages, ", got ", options.at_once);
  DDPM_CHECK(options.threads >= 0, "engine: threads: wanted at least 0, got ", options.threads);
  DDPM_CHECK(options.most_transformed >= 0, "engine: most_transformed: wanted at least 0, got ",
             options.most_transformed);
  DDPM_CHECK(options.kept_times >= 0, "engine: kept_times: wanted at least 0, got ",
             options.kept_times);
  if (!options.path) options.path = fastest_cpu_path();
  return options;
}

// As many as leave each worker's activations in the last cache: more would only wait for the
// memory.
int64_t images_that_pay(const MemoryPlan& plan, int64_t workers) {
  constexpr int64_t kMost = 16, kActivations = int64_t{24} << 20;
  const int64_t fitting = kActivations / (plan.size * int64_t{sizeof(float)}) * workers;
  return std::clamp<int64_t>(fitting, 1, std::max(kMost, workers));
}

// Calls make(i) for i in [0, count), shared by the workers; the exception of the lowest i that
// threw one is thrown on.
template <typename Make>
void for_each(Workers& workers, int64_t count, const Make& make) {
  std::mutex mutex;
  int64_t failed = std::numeric_limits<int64_t>::max();
  std::exception_ptr error;
  workers.run(count, [&](int64_t i, int64_t) {
    try {
      make(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (i < failed) {
        failed = i;
        error = std::current_exception();
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace

struct CompiledUNet::Implementation {
  Implementation(const UNetConfig& the_config, const TensorSource& tensors,
                 const EngineOptions& the_options)
      : config(the_config),
        options(resolved(the_options)),
        graph(build_graph(config)),
        plan(plan_memory(graph)),
        workers(options.threads),
        kernels(kernels_of(*options.path)) {
    if (options.at_once == 0) options.at_once = images_that_pay(plan, workers.count());
    make_steps(tensors);
    allocate();
  }

  void make_steps(const TensorSource& tensors) {
    const Engine engine{.graph = graph,
                        .kernels = kernels,
                        .precision = options.precision,
                        .keep_transformed = transformed_bytes(graph, options.precision) <=
                                            options.most_transformed};
    for (const Operator& op : graph.operators) {
      if (is_carried_out(plan, op)) operators.push_back(&op);
    }
    steps.resize(operators.size());
    const int64_t count = std::ssize(steps);
    for_each(workers, count + 1, [&](int64_t i) {
      if (i == count) {
        time = std::make_unique<TimeEmbedding>(graph, plan, options.at_once, options.kept_times,
                                               tensors);
      } else {
        const auto at = static_cast<size_t>(i);
        steps[at] = make_step(engine, *operators[at], tensors);
      }
    });
  }

  // The most that any step needs.
  ScratchNeed scratch_of(int64_t images) const {
    ScratchNeed most;
    for (const auto& step : steps) {
      const ScratchNeed need = step->scratch(images);
      most.shared = std::max(most.shared, need.shared);
      most.per_worker = std::max(most.per_worker, need.per_worker);
    }
    return most;
  }

  void allocate() {
    const ScratchNeed most = scratch_of(options.at_once);
    // a page between the areas of two workers, so that neither waits for the other's lines
    constexpr int64_t kPage = 4096;
    worker_scratch_size = (most.per_worker / kPage + 2) * kPage;
    shared_size = (scratch_of(images_apart()).shared / kPage + 1) * kPage;
    shared = Memory(
        std::max(most.shared + kPage, images_apart() > 0 ? shared_size * workers.count() : 0));
    worker_scratch = Memory(worker_scratch_size * workers.count());
    arena = Memory(plan.size * options.at_once * static_cast<int64_t>(sizeof(float)));
  }

  // Images that each worker may have for itself, if there are enough of them: 0 if there is no
  // room.
  int64_t images_apart() const {
    return workers.count() > 1 ? options.at_once / workers.count() : 0;
  }

  static void check_count(int64_t n) {
    DDPM_CHECK(n >= 1, "engine: n: wanted at least 1 image, got ", n);
  }

  void check(const int64_t* timesteps, const int64_t* labels, int64_t n) const {
    check_count(n);
    const size_t given = labels == nullptr ? 0 : static_cast<size_t>(n);
    check_labels(config, {labels, given}, n);
    for (int64_t i = 0; i < n; ++i) check_learned_time(config, timesteps[i]);
  }

  // Runs all steps, slice by slice; told(i) after step i of each.
  template <typename Told>
  void run(const float* x, const int64_t* timesteps, const int64_t* labels, int64_t n,
           float* output, const Told& told) {
    check(timesteps, labels, n);
    const int64_t pixels = config.height * config.width;
    for (int64_t first = 0; first < n;) {
      const int64_t count = size_of_slice(n - first);
      const TimeEmbedding::Rows rows = time->rows(
          kernels, workers, timesteps + first, labels != nullptr ? labels + first : nullptr, count);
      run_slice({.n = count,
                 .x = x + first * config.image_channels * pixels,
                 .output = output + first * config.output_channels() * pixels,
                 .time = rows.first,
                 .time_stride = rows.stride},
                told);
      first += count;
    }
  }

  // Of `left` images: slices of nearly equal size, in which each worker has as many as the others.
  int64_t size_of_slice(int64_t left) const {
    const int64_t team = images_apart() > 0 ? workers.count() : 1;
    const int64_t most = options.at_once / team * team;
    const int64_t slices = (left + most - 1) / most;
    const int64_t of_a_worker = ((left + slices - 1) / slices + team - 1) / team;
    return std::min(left, of_a_worker * team);
  }

  // Images that are worked on at once.
  struct Slice {
    int64_t n;
    const float* x;
    float* output;
    const float* time;
    int64_t time_stride;
  };

  // Each worker takes images for itself as long as there is one for each: what it has written is in
  // its own caches when it reads it, and nobody waits for anybody. The others are shared.
  template <typename Told>
  void run_slice(const Slice& slice, const Told& told) {
    const int64_t each = images_apart() > 0 ? slice.n / workers.count() : 0;
    const int64_t apart = each * workers.count();
    if (apart > 0) {
      workers.run(workers.count(), [&](int64_t part, int64_t worker) {
        const Slice own = part_of(slice, part * each, each);
        const Pass pass = pass_of(own, alone, images_apart(), part, worker);
        run_steps(pass, [&](size_t i) {
          if (part == 0) told(i);
        });
      });
    }
    if (apart == slice.n) return;
    const Slice rest = part_of(slice, apart, slice.n - apart);
    run_steps(pass_of(rest, workers, options.at_once, 0, 0), told);
  }

  Slice part_of(const Slice& slice, int64_t first, int64_t n) const {
    const int64_t pixels = config.height * config.width;
    return {.n = n,
            .x = slice.x + first * config.image_channels * pixels,
            .output = slice.output + first * config.output_channels() * pixels,
            .time = slice.time + first * slice.time_stride,
            .time_stride = slice.time_stride};
  }

  // By a team that works on up to `at_once` images in the part-th piece of the arena, its first
  // worker in the scratch of `worker`.
  Pass pass_of(const Slice& slice, Workers& team, int64_t at_once, int64_t part, int64_t worker) {
    return {.kernels = kernels,
            .workers = team,
            .plan = plan,
            .graph = graph,
            .at_once = at_once,
            .n = slice.n,
            .x = slice.x,
            .output = slice.output,
            .time = slice.time,
            .time_stride = slice.time_stride,
            .arena = arena.as<float>() + part * at_once * plan.size,
            .shared = shared.bytes() + part * shared_size,
            .worker_scratch = worker_scratch.bytes() + worker * worker_scratch_size,
            .worker_scratch_size = worker_scratch_size};
  }

  template <typename Told>
  void run_steps(const Pass& pass, const Told& told) const {
    for (size_t i = 0; i < steps.size(); ++i) {
      steps[i]->run(pass);
      told(i);
    }
  }

  UNetConfig config;
  EngineOptions options;
  Graph graph;
  MemoryPlan plan;
  Workers workers;
  Workers alone{1};  // whoever calls it
  const Kernels& kernels;
  std::vector<const Operator*> operators;  // of the graph, those that are carried out
  std::vector<std::unique_ptr<Step>> steps;
  std::unique_ptr<TimeEmbedding> time;
  Memory arena, shared, worker_scratch;
  int64_t shared_size = 0, worker_scratch_size = 0;  // of one of the pieces
};

CompiledUNet::CompiledUNet(const UNetConfig& config, const TensorSource& tensors,
                           const EngineOptions& options)
    : it_(std::make_unique<Implementation>(config, tensors, options)) {}

CompiledUNet::~CompiledUNet() = default;
CompiledUNet::CompiledUNet(CompiledUNet&&) noexcept = default;
CompiledUNet& CompiledUNet::operator=(CompiledUNet&&) noexcept = default;

const UNetConfig& CompiledUNet::config() const { return it_->config; }
const EngineOptions& CompiledUNet::options() const { return it_->options; }
int64_t CompiledUNet::threads() const { return it_->workers.count(); }

int64_t CompiledUNet::weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& step : it_->steps) bytes += step->weight_bytes();
  return bytes;
}

int64_t CompiledUNet::arena_bytes() const {
  return it_->arena.size() + it_->shared.size() + it_->worker_scratch.size();
}

void CompiledUNet::predict(const float* x, const int64_t* timesteps, const int64_t* labels,
                           int64_t n, float* output) {
  it_->run(x, timesteps, labels, n, output, [](size_t) {});
}

std::vector<OperationTime> CompiledUNet::profile(int64_t n, int64_t calls) {
  using Clock = std::chrono::steady_clock;
  const UNetConfig& config = it_->config;
  const int64_t pixels = config.height * config.width;
  it_->check_count(n);
  const std::vector<float> x(static_cast<size_t>(n * config.image_channels * pixels), 0.0F);
  std::vector<float> output(static_cast<size_t>(n * config.output_channels() * pixels));
  const std::vector<int64_t> zeros(static_cast<size_t>(n), 0);
  std::vector<OperationTime> times;
  for (size_t i = 0; i < it_->steps.size(); ++i) {
    const Operator& op = *it_->operators[i];
    const auto multiply_adds = static_cast<double>(multiply_adds_of(it_->graph, op));
    times.push_back(
        {.name = name_of(op),
         .kind = kind_of(op),
         .seconds = std::numeric_limits<double>::infinity(),
         .multiply_adds = static_cast<double>(n) * multiply_adds,
         .computed = static_cast<double>(n) * it_->steps[i]->computed().value_or(multiply_adds),
         .weight_bytes = it_->steps[i]->weight_bytes(),
         .activation_bytes = n * activation_bytes_of(it_->graph, op)});
  }
  std::vector<double> seconds(times.size());
  for (int64_t call = 0; call < calls; ++call) {
    std::fill(seconds.begin(), seconds.end(), 0.0);
    auto before = Clock::now();
    it_->run(x.data(), zeros.data(), config.classes > 0 ? zeros.data() : nullptr, n, output.data(),
             [&](size_t i) {
               const auto now = Clock::now();
               seconds[i] += std::chrono::duration<double>(now - before).count();
               before = now;
             });
    for (size_t i = 0; i < times.size(); ++i) {
      times[i].seconds = std::min(times[i].seconds, seconds[i]);
    }
  }
  return times;
}

}  // namespace ddpm
