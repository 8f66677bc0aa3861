#include "ddpm/config/train_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

// For each field a legal text that is not its default's.
const std::map<std::string, std::string>& other_values() {
  static const std::map<std::string, std::string> values = {
      {"data", "images/"},
      {"network", unet_config_to_json({}).dump()},
      {"init_from", "runs/first"},
      {"image_size", "32x48"},
      {"channels", "4"},
      {"fit", "crop"},
      {"flip", "false"},
      {"max_bad_files", "0.25"},
      {"base_channels", "64"},
      {"channel_multipliers", "1,2"},
      {"blocks_per_level", "3"},
      {"attention_resolutions", "none"},
      {"norm_groups", "16"},
      {"norm_epsilon", "0.00001"},
      {"dropout", "0.3"},
      {"schedule", "cosine"},
      {"T", "500"},
      {"beta_1", "0.0002"},
      {"beta_T", "0.03"},
      {"betas", "0.1,0.25,1"},
      {"zero_terminal_snr", "true"},
      {"prediction", "v"},
      {"variance", "learned_range"},
      {"loss", "hybrid"},
      {"hybrid_weight", "0.002"},
      {"loss_weight", "min_snr"},
      {"min_snr_gamma", "3"},
      {"p2_gamma", "0.5"},
      {"p2_k", "2"},
      {"error", "huber"},
      {"huber_delta", "0.1"},
      {"timestep_sampling", "importance"},
      {"steps", "1000"},
      {"batch_size", "16"},
      {"learning_rate", "0.001"},
      {"warmup", "0"},
      {"learning_rate_decay", "cosine"},
      {"adam_beta1", "0.8"},
      {"adam_beta2", "0.99"},
      {"adam_epsilon", "1e-06"},
      {"gradient_clip", "0"},
      {"ema_decay", "0.99"},
      {"ema_rule", "constant"},
      {"precision", "bf16"},
      {"device", "cuda:1"},
      {"seed", "9007199254740993"},
      {"threads", "2"},
      {"max_bad_steps", "3"},
      {"save_every", "0"},
      {"sample_every", "7"},
      {"log_every", "1"},
      {"data_cache_bytes", "1000000"},
      {"loader_threads", "3"},
      {"keep_last", "0"},
      {"keep_every", "100"},
      {"time_limit", "360"},
      {"sampler", "ddpm"},
      {"sample_steps", "10"},
      {"sample_count", "9"},
  };
  return values;
}

TEST(TrainConfig, EveryFieldIsReadAndWrittenOnItsOwn) {
  std::set<std::string> keys;
  for (const ConfigField& field : train_config_fields()) {
    SCOPED_TRACE(field.key);
    keys.insert(field.key);
    ASSERT_EQ(other_values().count(field.key), 1u) << "the table above lacks the field";
    const std::string text = other_values().at(field.key);
    TrainConfig config;
    field.set_text(config, text);
    EXPECT_EQ(field.text(config), text);
    EXPECT_FALSE(config == TrainConfig{});
    // Exactly this field differs, so no two keys share a member.
    EXPECT_EQ(differences(TrainConfig{}, config),
              std::vector<std::string>{field.key + ": " + field.text(TrainConfig{}) +
                                       " in the run, " + text + " asked for"});
    EXPECT_EQ(train_config_from_json(train_config_to_json(config), "test"), config);
    // An edited config.json is noticed on resume, but for what a resume may change.
    const auto resumed = [&] { check_same_run({}, config, "x"); };
    EXPECT_EQ(complaint<InvalidArgument>(resumed).empty(), field.may_change_on_resume);
  }
  EXPECT_EQ(keys.size(), other_values().size());
}

TEST(TrainConfig, TheJsonHasEveryDefault) {
  const Json json = train_config_to_json({});
  EXPECT_EQ(json.size(), train_config_fields().size());
  EXPECT_EQ(train_config_from_json(json, "test"), TrainConfig{});
  // Through text as well: the shortest decimals read back as the same doubles.
  EXPECT_EQ(train_config_from_json(parse_json(json_text(json), "test"), "test"), TrainConfig{});
}

TEST(TrainConfig, TheDocumentationHasARowForEveryKey) {
  const std::string text = read_file(std::string(DDPM_SOURCE_DIR) + "/docs/run_folder.md", 1 << 20);
  for (const ConfigField& field : train_config_fields()) {
    const std::string value = field.text(TrainConfig{});
    expect_contains(text, concat("| `", field.key, "` | ", value.empty() ? "" : "`" + value + "`",
                                 " | ", field.help, " |\n"));
  }
}

TEST(TrainConfig, AFileMaySayOnlyWhatDiffers) {
  TrainConfig base;
  base.batch_size = 7;
  const TrainConfig config = train_config_from_json({{"steps", 12}}, "test", base);
  EXPECT_EQ(config.steps, 12);
  EXPECT_EQ(config.batch_size, 7);
}

TEST(TrainConfig, AnUnknownKeyNamesTheNearestOne) {
  expect_contains(
      complaint<InvalidArgument>([] {
        train_config_from_json({{"lerning_rate", 1e-3}}, "my.json");
      }),
      "my.json: \"lerning_rate\" is no key of a configuration; did you mean 'learning_rate'?");
}

TEST(TrainConfig, AnErrorIsOneLineWhateverAFileSays) {
  for (const Json& json : {Json{{"a\nb", 1}}, Json{{"data", "a\nb"}}, Json{{"fit", "a\nb"}}}) {
    const std::string message =
        complaint<InvalidArgument>([&] { train_config_from_json(json, "my.json"); });
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(TrainConfig, ValuesOutOfTheirRangeAreRefusedWithTheRange) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"steps", "0"},
      {"steps", "1.5"},
      {"steps", "many"},
      {"learning_rate", "0"},
      {"learning_rate", "nan"},
      {"learning_rate", "inf"},
      {"dropout", "1"},
      {"dropout", "-0.1"},
      {"beta_T", "1.01"},
      {"beta_1", "-1e-9"},
      {"betas", "0.1,2"},
      {"betas", "nowhere.txt"},
      {"T", "0"},
      {"schedule", "log"},
      {"fit", "squeeze"},
      {"channels", "2"},
      {"image_size", "28"},
      {"image_size", "0x28"},
      {"image_size", "28x28x1"},
      {"channel_multipliers", "none"},
      {"channel_multipliers", "1,,2"},
      {"channel_multipliers", "1,0"},
      {"channel_multipliers", "automatic"},
      {"base_channels", "1000000000"},
      {"flip", "perhaps"},
      {"device", "gpu"},
      {"device", "cuda:-1"},
      {"time_limit", "6 minutes"},
      {"time_limit", "-1s"},
      {"time_limit", "1e999h"},
      {"seed", "-1"},
      {"seed", "9223372036854775808"},
      {"data", "a\nb"},
  };
  for (const auto& [key, text] : wrong) {
    TrainConfig config;
    const std::string message = complaint<InvalidArgument>(
        [&, &key = key, &text = text] { train_config_field(key).set_text(config, text); });
    expect_contains(message, key + " must be ");
    expect_contains(message, ", got " + json_shown(Json(text)));
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(config, TrainConfig{}) << "changed by " << message;
  }
}

TEST(TrainConfig, BetasComeFromAFileToo) {
  const TemporaryFolder folder;
  const auto file = folder.write("betas.txt", "0.1 0.25\n0.5,1\n");
  TrainConfig config;
  train_config_field("betas").set_text(config, file.string());
  EXPECT_EQ(config.betas, (std::vector<double>{0.1, 0.25, 0.5, 1.0}));
  folder.write("betas.txt", "0.1 0.25\n0.5,one\n");
  expect_contains(complaint<InvalidArgument>(
                      [&] { train_config_field("betas").set_text(config, file.string()); }),
                  "betas.txt");
  config.schedule = ScheduleKind::kList;
  config.sample_steps = 1;
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(config, "train"); }),
                  "wanted as many betas as T, 1000, got 4");
  config.T = 4;
  config.prediction = Prediction::kX0;
  EXPECT_NO_THROW(check_train_config(config, "train"));
}

TEST(TrainConfig, JsonOfAnotherKindIsRefused) {
  const std::vector<Json> wrong = {{{"steps", "12"}},
                                   {{"steps", 12.5}},
                                   {{"flip", 1}},
                                   {{"fit", nullptr}},
                                   {{"learning_rate", "x"}},
                                   {{"channel_multipliers", 2}},
                                   {{"image_size", {28, 28}}},
                                   {{"seed", 18446744073709551615u}}};
  for (const Json& json : wrong) {
    expect_contains(complaint<InvalidArgument>([&] { train_config_from_json(json, "f"); }),
                    " must be ");
  }
  expect_contains(complaint<InvalidArgument>([] { train_config_from_json(Json::array(), "f"); }),
                  "JSON object");
}

TEST(TrainConfig, ATimeLimitTakesSecondsMinutesAndHours) {
  const std::map<std::string, double> cases = {{"90", 90.0},   {"90s", 90.0},  {"6m", 360.0},
                                               {"2h", 7200.0}, {"1.5m", 90.0}, {"0", 0.0}};
  for (const auto& [text, seconds] : cases) {
    TrainConfig config;
    train_config_field("time_limit").set_text(config, text);
    EXPECT_EQ(config.time_limit, seconds) << text;
  }
  EXPECT_EQ(train_config_from_json({{"time_limit", "6m"}}, "f").time_limit, 360.0);
}

TEST(TrainConfig, FieldsThatDoNotFitTogetherAreRefused) {
  EXPECT_NO_THROW(check_train_config({}, "train"));
  TrainConfig groups;
  groups.norm_groups = 48;
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(groups, "train"); }),
                  "train: base_channels must be a multiple of norm_groups, 48, got 128");
  TrainConfig betas;
  betas.T = 15;
  betas.schedule = ScheduleKind::kLinearScaled;
  betas.sample_steps = 1;
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(betas, "train"); }),
                  "train: schedule: beta_12 must be in [0, 1], got");
  TrainConfig blind;
  blind.zero_terminal_snr = true;
  expect_contains(
      complaint<InvalidArgument>([&] { check_train_config(blind, "train"); }),
      "train: prediction: at t = 1000, where alpha_bar is 0 and beta 1, eps does not tell what "
      "x_0 is; predict v or x0");
  blind.prediction = Prediction::kV;
  EXPECT_NO_THROW(check_train_config(blind, "train"));
  TrainConfig samples;
  samples.T = 10;
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(samples, "train"); }),
                  "sample_steps must be at most T, 10, got 50");
  TrainConfig range;
  range.steps = -3;
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(range, "train"); }),
                  "train: steps must be a whole number in [1, 1000000000000], got -3");
  TrainConfig nan;
  nan.dropout = std::nan("");
  expect_contains(complaint<InvalidArgument>([&] { check_train_config(nan, "train"); }),
                  "dropout must be");
}

TEST(TrainConfig, ASizeThatTheLevelsDoNotDivideIsRefusedBeforeAnyDataIsRead) {
  TrainConfig config;
  config.channel_multipliers = {1, 2, 2, 2};  // four levels: multiples of 8
  config.height = 28;
  config.width = 32;
  EXPECT_FALSE(complaint<InvalidArgument>([&] { check_train_config(config, "train"); }).empty());
  config.height = 32;
  EXPECT_NO_THROW(check_train_config(config, "train"));
}

TEST(CheckResume, TakesWhatMayChangeAndKeepsTheRest) {
  TrainConfig run;
  run.data = "old/";
  TrainConfig asked;
  asked.data = "new/";
  asked.threads = 1;
  asked.data_cache_bytes = 0;
  asked.loader_threads = 2;
  asked.device = "cpu";
  asked.time_limit = 5.0;
  asked.steps = 900000;
  asked.batch_size = 1;  // not given on the command line, so not asked for
  const std::vector<std::string> given = {
      "data", "threads", "data_cache_bytes", "loader_threads", "device", "time_limit", "steps"};
  TrainConfig expected = asked;
  expected.batch_size = run.batch_size;
  EXPECT_EQ(check_resume(run, asked, given), expected);
  EXPECT_EQ(check_resume(run, asked, {}), run);
}

TEST(CheckResume, RefusesOtherSettingsWithEachDifference) {
  TrainConfig asked;
  asked.learning_rate = 1e-3;
  asked.batch_size = 64;
  const std::vector<std::string> given = {"learning_rate", "batch_size", "seed"};
  const std::string message = complaint<InvalidArgument>([&] { check_resume({}, asked, given); });
  expect_contains(message, "learning_rate: 0.0002 in the run, 0.001 asked for");
  expect_contains(message, "batch_size: 128 in the run, 64 asked for");
  EXPECT_EQ(message.find("seed"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(CheckResume, AnnealedRunsKeepTheirSteps) {
  TrainConfig run;
  run.learning_rate_decay = LearningRateDecay::kCosine;
  TrainConfig asked = run;
  asked.steps = 900000;
  const std::vector<std::string> given = {"steps"};
  expect_contains(complaint<InvalidArgument>([&] { check_resume(run, asked, given); }),
                  "steps: 800000 in the run, 900000 asked for");
}

TEST(LearningRate, TheWarmUpBeginsAtZeroAsInThePapersCode) {
  const TrainConfig paper;  // 2e-4 over 5000 updates
  EXPECT_EQ(learning_rate_at(paper, 0), 0.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(paper, 1), 4e-8);
  EXPECT_DOUBLE_EQ(learning_rate_at(paper, 2), 8e-8);
  EXPECT_DOUBLE_EQ(learning_rate_at(paper, 5000), 2e-4);
  TrainConfig config;
  config.learning_rate = 8e-4;
  config.warmup = 4;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 1), 2e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 3), 6e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 4), 8e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 100000), 8e-4);
  config.warmup = 0;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 0), 8e-4);
  EXPECT_THROW(learning_rate_at(config, -1), InvalidArgument);
}

TEST(Network, LevelsLeftOpenSuitTheImages) {
  using List = std::vector<int64_t>;
  struct Case {
    int64_t height, width;
    List multipliers, attention;
  };
  const std::vector<Case> cases = {
      {32, 32, {1, 2, 2, 2}, {16}}, {28, 28, {1, 2, 2}, {14}}, {32, 48, {1, 2, 2, 2}, {16}},
      {64, 64, {1, 2, 2, 2}, {16}}, {8, 8, {1, 2}, {8}},       {4, 4, {1}, {4}},
      {30, 30, {1, 2}, {15}},       {13, 13, {1}, {13}},       {256, 256, {1, 1, 2, 2, 4, 4}, {16}},
      {40, 24, {1, 2, 2}, {10}},
  };
  for (const Case& one : cases) {
    const UNetConfig unet = unet_config_of({}, 3, one.height, one.width);
    EXPECT_EQ(unet.levels, paper_levels(128, one.multipliers, one.attention, one.height));
    const TrainConfig closed = with_network_of({}, unet);
    EXPECT_EQ(closed.channel_multipliers, one.multipliers) << one.height << "x" << one.width;
    EXPECT_EQ(closed.attention_resolutions, one.attention) << one.height << "x" << one.width;
    EXPECT_EQ(unet_config_of(closed, 3, one.height, one.width), unet);
  }
}

TEST(Network, ASizeThatCannotBeHalvedEnoughNamesItsNeighbours) {
  for (const auto& [side, lower, upper] :
       {std::tuple(25, "24x24", "32x32"), {50, "48x48", "56x56"}, {101, "96x96", "104x104"}}) {
    const std::string message =
        complaint<InvalidArgument>([side = side] { unet_config_of({}, 1, side, side); });
    expect_contains(message, lower);
    expect_contains(message, upper);
    expect_contains(message, "--fit");
  }
}

TEST(LearningRate, CosineFallsToZeroAtTheLastStep) {
  TrainConfig config;
  config.learning_rate = 1.0;
  config.warmup = 0;
  config.steps = 300;
  config.learning_rate_decay = LearningRateDecay::kCosine;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 0), 1.0);
  EXPECT_NEAR(learning_rate_at(config, 100), 0.75, 1e-15);  // (1 + cos 60 degrees) / 2
  EXPECT_NEAR(learning_rate_at(config, 150), 0.5, 1e-15);
  EXPECT_NEAR(learning_rate_at(config, 200), 0.25, 1e-15);
  EXPECT_GT(learning_rate_at(config, 299), 0.0);
  EXPECT_NEAR(learning_rate_at(config, 300), 0.0, 1e-15);
  EXPECT_NEAR(learning_rate_at(config, 301), 0.0, 1e-15);  // it does not rise again
}

}  // namespace
}  // namespace ddpm
