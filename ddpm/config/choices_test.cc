// The words of every enumeration in a training configuration: complete, distinct, read and written.

#include "ddpm/config/choices.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/config/train_config.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/enumerators.h"

namespace ddpm {
namespace {

// One enumeration, its field and where its value is.
template <typename Value>
struct Choice {
  std::string key;
  Value& (*value)(TrainConfig&);
};

// Calls check(choice) for each of them.
template <typename Check>
void for_each_choice(Check check) {
  using C = TrainConfig;
  check(Choice<Fit>{"fit", [](C& c) -> Fit& { return c.fit; }});
  check(Choice<ScheduleKind>{"schedule", [](C& c) -> ScheduleKind& { return c.schedule; }});
  check(Choice<Prediction>{"prediction", [](C& c) -> Prediction& { return c.prediction; }});
  check(Choice<Variance>{"variance", [](C& c) -> Variance& { return c.variance; }});
  check(Choice<LossKind>{"loss", [](C& c) -> LossKind& { return c.loss; }});
  check(Choice<LossWeight>{"loss_weight", [](C& c) -> LossWeight& { return c.loss_weight.kind; }});
  check(Choice<ErrorKind>{"error", [](C& c) -> ErrorKind& { return c.error; }});
  check(Choice<TimestepSampling>{"timestep_sampling",
                                 [](C& c) -> TimestepSampling& { return c.timestep_sampling; }});
  check(Choice<LearningRateDecay>{
      "learning_rate_decay", [](C& c) -> LearningRateDecay& { return c.learning_rate_decay; }});
  check(Choice<EmaRule>{"ema_rule", [](C& c) -> EmaRule& { return c.ema_rule; }});
  check(Choice<Precision>{"precision", [](C& c) -> Precision& { return c.precision; }});
  check(Choice<PreviewSampler>{"sampler", [](C& c) -> PreviewSampler& { return c.sampler; }});
}

TEST(Choices, EveryEnumeratorHasAWordOfItsOwnThatIsReadBack) {
  for_each_choice([]<typename Value>(const Choice<Value>& choice) {
    SCOPED_TRACE(choice.key);
    const ConfigField& field = train_config_field(choice.key);
    std::vector<std::string> words;
    for (const Value value : all_enumerators<Value>()) {
      TrainConfig config;
      choice.value(config) = value;
      words.push_back(field.text(config));
      TrainConfig from_json;
      field.set_json(from_json, field.get(config));
      EXPECT_EQ(choice.value(from_json), value) << words.back();
      TrainConfig from_text;
      field.set_text(from_text, words.back());
      EXPECT_EQ(from_text, config) << words.back();
      EXPECT_EQ(train_config_from_json(train_config_to_json(config), "test"), config);
    }
    EXPECT_GE(words.size(), 2U);
    EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), words.size());
    EXPECT_EQ(field.words, words);
    EXPECT_EQ(field.metavar, join(words, "|"));
    EXPECT_TRUE(field.help.ends_with("; one of " + join(words, ", "))) << field.help;
  });
}

TEST(Choices, EveryFieldWithWordsIsAnEnumeration) {
  std::set<std::string> keys;
  for_each_choice([&](const auto& choice) { keys.insert(choice.key); });
  for (const ConfigField& field : train_config_fields()) {
    EXPECT_EQ(field.words.empty(), keys.count(field.key) == 0) << field.key;
  }
}

TEST(Choices, AnEnumeratorCastFromNothingIsOurOwnMistake) {
  for_each_choice([]<typename Value>(const Choice<Value>& choice) {
    SCOPED_TRACE(choice.key);
    TrainConfig config;
    choice.value(config) = static_cast<Value>(60);
    EXPECT_THROW(train_config_to_json(config), std::logic_error);
    EXPECT_THROW(check_train_config(config, "train"), std::logic_error);
  });
}

TEST(Choices, AMistypedWordIsRefusedWithTheNearestOne) {
  const std::map<std::string, std::pair<std::string, std::string>> wrong = {
      {"fit", {"strech", "stretch"}},
      {"schedule", {"cosin", "cosine"}},
      {"prediction", {"esp", "eps"}},
      {"variance", {"learned_rang", "learned_range"}},
      {"loss", {"hybird", "hybrid"}},
      {"loss_weight", {"minsnr", "min_snr"}},
      {"error", {"hubr", "huber"}},
      {"timestep_sampling", {"importence", "importance"}},
      {"learning_rate_decay", {"cosin", "cosine"}},
      {"ema_rule", {"warmpu", "warmup"}},
      {"precision", {"bf61", "bf16"}},
      {"sampler", {"dim", "ddim"}}};
  for_each_choice([&](const auto& choice) {
    const auto& [word, nearest] = wrong.at(choice.key);
    const ConfigField& field = train_config_field(choice.key);
    const std::string expected = concat(choice.key, " must be one of ", join(field.words, ", "),
                                        ", got \"", word, "\"; did you mean '", nearest, "'?");
    TrainConfig config;
    const Json json = {{choice.key, word}};
    EXPECT_EQ(complaint<InvalidArgument>([&] { field.check_text(json[choice.key]); }), expected);
    EXPECT_EQ(complaint<InvalidArgument>([&] { train_config_from_json(json, "f"); }),
              "f: " + expected);
  });
}

// The alias of --schedule is no word of a configuration.
TEST(Choices, ScaledLinearIsNoScheduleOfAConfiguration) {
  EXPECT_EQ(complaint<InvalidArgument>([] {
              train_config_field("schedule").check_text("scaled");
            }).find("schedule must be one of linear, "),
            0U);
  EXPECT_NE(complaint<InvalidArgument>(
                [] { train_config_field("schedule").check_text("scaled_linear"); }),
            "");
}

// A config.json of the first release, without the keys that came later.
TEST(Choices, AnOldConfigurationIsStillRead) {
  const std::string file =
      std::string(DDPM_SOURCE_DIR) + "/tests/hostile/formats/documents/whole_config";
  const std::string text = read_file(file, 1 << 20).substr(1);  // behind the kind of document
  const Json json = parse_json(text, file);
  const TrainConfig config = train_config_from_json(json, file);
  EXPECT_EQ(config.fit, Fit::kStretch);
  EXPECT_EQ(config.schedule, ScheduleKind::kLinear);
  EXPECT_EQ(config.variance, Variance::kFixedLarge);
  EXPECT_EQ(config.error, ErrorKind::kSquared);
  EXPECT_EQ(config.sampler, PreviewSampler::kDdim);
  const Json again = train_config_to_json(config);
  for (const auto& [key, value] : json.items()) EXPECT_EQ(again.at(key), value) << key;
}

}  // namespace
}  // namespace ddpm
