#include "ddpm/diffusion/network.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

class LabelledNetwork : public Network {
 public:
  LabelledNetwork(NetworkPointer network, int64_t label)
      : network_(std::move(network)), label_(label) {}

  void predict(const NetworkInput& input, BatchView output) override {
    const std::vector<int64_t> labels = labels_for(input);
    network_->predict({input.x, input.timesteps, labels}, output);
  }
  int64_t max_useful_batch() const override { return network_->max_useful_batch(); }
  bool has_vjp() const override { return network_->has_vjp(); }
  void predict_vjp(const NetworkInput& input, ConstBatchView cotangent, BatchView output,
                   BatchView product) override {
    const std::vector<int64_t> labels = labels_for(input);
    network_->predict_vjp({input.x, input.timesteps, labels}, cotangent, output, product);
  }

 private:
  std::vector<int64_t> labels_for(const NetworkInput& input) const {
    DDPM_CHECK(input.labels.empty(), "network: all images have the label ", label_, ", got labels");
    return std::vector<int64_t>(static_cast<size_t>(input.x.images()), label_);
  }

  NetworkPointer network_;
  int64_t label_;
};

class SlicedNetwork : public Network {
 public:
  SlicedNetwork(NetworkPointer network, int64_t most) : network_(std::move(network)), most_(most) {}

  void predict(const NetworkInput& input, BatchView output) override {
    for_each_slice(input, [&](const NetworkInput& slice, int64_t first, int64_t count) {
      network_->predict(slice, output.slice(first, count));
    });
  }
  int64_t max_useful_batch() const override {
    return std::min(most_, network_->max_useful_batch());
  }
  bool has_vjp() const override { return network_->has_vjp(); }
  void predict_vjp(const NetworkInput& input, ConstBatchView cotangent, BatchView output,
                   BatchView product) override {
    for_each_slice(input, [&](const NetworkInput& slice, int64_t first, int64_t count) {
      network_->predict_vjp(slice, cotangent.slice(first, count), output.slice(first, count),
                            product.slice(first, count));
    });
  }

 private:
  template <typename Call>
  void for_each_slice(const NetworkInput& input, const Call& call) const {
    const auto images = static_cast<size_t>(input.x.images());
    DDPM_CHECK(input.timesteps.size() == images, "network: expected one timestep per image, ",
               images, ", got ", input.timesteps.size());
    DDPM_CHECK(input.labels.empty() || input.labels.size() == images,
               "network: expected one label per image, ", images, ", got ", input.labels.size());
    for (int64_t first = 0; first < input.x.images(); first += most_) {
      const int64_t count = std::min(most_, input.x.images() - first);
      const auto part = [&](const auto& all) {  // empty: no labels
        return all.empty() ? all
                           : all.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
      };
      call({input.x.slice(first, count), part(input.timesteps), part(input.labels)}, first, count);
    }
  }

  NetworkPointer network_;
  int64_t most_;
};

void check_no_labels(const NetworkInput& input) {
  DDPM_CHECK(input.labels.empty(), "network: a formula without classes, got labels");
}

class PredictFormula : public Network {
 public:
  explicit PredictFormula(PredictFunction function) : function_(std::move(function)) {}

  void predict(const NetworkInput& input, BatchView output) override {
    check_no_labels(input);
    function_(input.x, input.timesteps, output);
  }

 private:
  PredictFunction function_;
};

class VjpFormula : public Network {
 public:
  explicit VjpFormula(VjpFunction function) : function_(std::move(function)) {}

  void predict(const NetworkInput& input, BatchView output) override {
    const Batch zeros(output.shape());
    Batch product(input.x.shape());
    predict_vjp(input, zeros, output, product);
  }
  bool has_vjp() const override { return true; }
  void predict_vjp(const NetworkInput& input, ConstBatchView cotangent, BatchView output,
                   BatchView product) override {
    check_no_labels(input);
    function_(input.x, input.timesteps, cotangent, output, product);
  }

 private:
  VjpFunction function_;
};

}  // namespace

void Network::predict_vjp(const NetworkInput&, ConstBatchView, BatchView, BatchView) {
  throw InvalidArgument("network: expected one with a vector-Jacobian product, got one without");
}

NetworkPointer in_slices(NetworkPointer network, int64_t most) {
  DDPM_CHECK(network != nullptr, "network: expected a network, got none");
  DDPM_CHECK(most >= 1, "network: expected slices of at least 1 image, got ", most);
  return std::make_shared<SlicedNetwork>(std::move(network), most);
}

NetworkPointer with_label(NetworkPointer network, int64_t label) {
  DDPM_CHECK(network != nullptr, "network: expected a network, got none");
  return std::make_shared<LabelledNetwork>(std::move(network), label);
}

NetworkPointer network_of(PredictFunction predict) {
  DDPM_CHECK(predict != nullptr, "network: expected a function, got none");
  return std::make_shared<PredictFormula>(std::move(predict));
}

NetworkPointer network_of(VjpFunction vjp) {
  DDPM_CHECK(vjp != nullptr, "network: expected a function, got none");
  return std::make_shared<VjpFormula>(std::move(vjp));
}

}  // namespace ddpm
