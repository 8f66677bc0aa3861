#include <algorithm>
#include <cmath>

#include "ddpm/onnx/graph.h"
#include "ddpm/testing/onnx_interpreter.h"

namespace ddpm {

namespace {

Array array_of(const DecodedTensor& tensor) {
  Array array{tensor.shape, {}};
  for (int64_t i = 0; i < count_of(tensor.shape); ++i) {
    float value = 0.0F;
    int64_t integer = 0;
    if (tensor.type == static_cast<int32_t>(OnnxType::kFloat)) {
      std::memcpy(&value, tensor.bytes.data() + 4 * i, 4);
    } else {
      std::memcpy(&integer, tensor.bytes.data() + 8 * i, 8);
      value = static_cast<float>(integer);
    }
    array.values.push_back(value);
  }
  return array;
}

// "Multidirectional broadcasting": shapes are aligned at their ends, an extent of 1 is repeated.
Array broadcast(const Call& call, const std::function<double(double, double)>& f) {
  const Array& a = *call.in.at(0);
  const Array& b = *call.in.at(1);
  const size_t rank = std::max(a.shape.size(), b.shape.size());
  const auto padded = [rank](Ints shape) {
    shape.insert(shape.begin(), rank - shape.size(), 1);
    return shape;
  };
  const Ints sa = padded(a.shape);
  const Ints sb = padded(b.shape);
  Array y;
  for (size_t k = 0; k < rank; ++k) {
    want(sa[k] == sb[k] || sa[k] == 1 || sb[k] == 1, call.node);
    y.shape.push_back(std::max(sa[k], sb[k]));
  }
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    int64_t ia = 0;
    int64_t ib = 0;
    for (size_t k = 0; k < rank; ++k) {
      const int64_t index = n / product(y.shape, k + 1, rank) % y.shape[k];
      ia = ia * sa[k] + (sa[k] == 1 ? 0 : index);
      ib = ib * sb[k] + (sb[k] == 1 ? 0 : index);
    }
    y.values.push_back(static_cast<float>(
        f(a.values[static_cast<size_t>(ia)], b.values[static_cast<size_t>(ib)])));
  }
  return y;
}

Array each(const Call& call, const std::function<double(double)>& f) {
  Array y = call.x();
  for (float& value : y.values) value = static_cast<float>(f(value));
  return y;
}

Array mat_mul(const Call& call) {
  const Array& a = *call.in.at(0);
  const Array& b = *call.in.at(1);
  const size_t ra = a.shape.size();
  const size_t rb = b.shape.size();
  const int64_t rows = a.shape[ra - 2];
  const int64_t inner = a.shape[ra - 1];
  const int64_t columns = b.shape[rb - 1];
  const int64_t batch = std::max(product(a.shape, 0, ra - 2), product(b.shape, 0, rb - 2));
  want(b.shape[rb - 2] == inner && product(b.shape, 0, rb - 2) == batch &&
           (ra == 2 || product(a.shape, 0, ra - 2) == batch),
       call.node);
  Array y{b.shape, {}};
  y.shape[rb - 2] = rows;
  for (int64_t n = 0; n < batch * rows * columns; ++n) {
    const int64_t of_a = ra == 2 ? 0 : n / (rows * columns);
    double sum = 0.0;
    for (int64_t k = 0; k < inner; ++k) {
      sum +=
          static_cast<double>(
              a.values[static_cast<size_t>((of_a * rows + n / columns % rows) * inner + k)]) *
          b.values[static_cast<size_t>((n / (rows * columns) * inner + k) * columns + n % columns)];
    }
    y.values.push_back(static_cast<float>(sum));
  }
  return y;
}

Array gemm(const Call& call) {
  const Array& a = call.x();
  const Array& b = *call.in.at(1);
  const Array& c = *call.in.at(2);
  want(call.i("transB") == 1 && a.at(1) == b.at(1) && c.shape == Ints{b.at(0)}, call.node);
  Array y{{a.at(0), b.at(0)}, {}};
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    double sum = c.values[static_cast<size_t>(n % b.at(0))];
    for (int64_t k = 0; k < a.at(1); ++k) {
      sum += static_cast<double>(a.values[static_cast<size_t>(n / b.at(0) * a.at(1) + k)]) *
             b.values[static_cast<size_t>(n % b.at(0) * a.at(1) + k)];
    }
    y.values.push_back(static_cast<float>(sum));
  }
  return y;
}

Array reshape(const Call& call) {
  Array y{call.integers(1), call.x().values};
  int64_t known = 1;
  for (size_t k = 0; k < y.shape.size(); ++k) {
    if (y.shape[k] == 0) y.shape[k] = call.x().at(k);
    if (y.shape[k] != -1) known *= y.shape[k];
  }
  for (int64_t& extent : y.shape) {
    if (extent == -1) extent = count_of(call.x().shape) / known;
  }
  want(count_of(y.shape) == count_of(call.x().shape), call.node);
  return y;
}

Array transpose(const Call& call) {
  const Array& x = call.x();
  const Ints& perm = call.ints("perm");
  const size_t rank = perm.size();
  want(rank == x.shape.size(), call.node);
  Array y;
  for (const int64_t axis : perm) y.shape.push_back(x.at(static_cast<size_t>(axis)));
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    int64_t place = 0;
    for (size_t k = 0; k < rank; ++k) {
      const int64_t index = n / product(y.shape, k + 1, rank) % y.shape[k];
      place += index * product(x.shape, static_cast<size_t>(perm[k]) + 1, rank);
    }
    y.values.push_back(x.values[static_cast<size_t>(place)]);
  }
  return y;
}

// Along the last axis.
Array softmax(const Call& call) {
  want(call.i("axis") == -1, call.node);
  Array y = call.x();
  const int64_t row = y.shape.back();
  for (int64_t n = 0; n < count_of(y.shape); n += row) {
    double sum = 0.0;
    for (int64_t k = n; k < n + row; ++k) sum += std::exp(call.x().values[static_cast<size_t>(k)]);
    for (int64_t k = n; k < n + row; ++k) {
      float& value = y.values[static_cast<size_t>(k)];
      value = static_cast<float>(std::exp(value) / sum);
    }
  }
  return y;
}

// Along axis 1, which is all that is used.
Array concatenate(const Call& call) {
  want(call.i("axis") == 1 && call.in.size() == 2, call.node);
  const Array& a = *call.in[0];
  const Array& b = *call.in[1];
  const int64_t of_a = product(a.shape, 1, a.shape.size());
  const int64_t of_b = product(b.shape, 1, b.shape.size());
  Array y{a.shape, {}};
  y.shape[1] += b.at(1);
  want(count_of(y.shape) == count_of(a.shape) + count_of(b.shape), call.node);
  for (int64_t n = 0; n < a.at(0); ++n) {
    const auto insert = [&y, n](const Array& from, int64_t size) {
      y.values.insert(y.values.end(), from.values.begin() + n * size,
                      from.values.begin() + (n + 1) * size);
    };
    insert(a, of_a);
    insert(b, of_b);
  }
  return y;
}

std::vector<Array> split(const Call& call) {
  want(call.i("axis") == 1, call.node);
  const Array& x = call.x();
  const int64_t inner = product(x.shape, 2, x.shape.size());
  int64_t first = 0;
  std::vector<Array> parts;
  for (const int64_t channels : call.integers(1)) {
    Array part{x.shape, {}};
    part.shape[1] = channels;
    for (int64_t n = 0; n < x.at(0); ++n) {
      const auto begin = x.values.begin() + (n * x.at(1) + first) * inner;
      part.values.insert(part.values.end(), begin, begin + channels * inner);
    }
    first += channels;
    parts.push_back(std::move(part));
  }
  want(first == x.at(1), call.node);
  return parts;
}

// Rows of a table.
Array gather(const Call& call) {
  want(call.i("axis") == 0, call.node);
  const int64_t width = call.x().at(1);
  Array y{{call.in.at(1)->at(0), width}, {}};
  for (const int64_t row : call.integers(1)) {
    want(row >= 0 && row < call.x().at(0), call.node);
    const auto begin = call.x().values.begin() + row * width;
    y.values.insert(y.values.end(), begin, begin + width);
  }
  return y;
}

using Operator = std::function<Array(const Call&)>;

const std::map<std::string, Operator>& operators() {
  const auto binary = [](double (*f)(double, double)) -> Operator {
    return [f](const Call& call) { return broadcast(call, f); };
  };
  const auto unary = [](double (*f)(double)) -> Operator {
    return [f](const Call& call) { return each(call, f); };
  };
  static const std::map<std::string, Operator> all = {
      {"Add", binary([](double a, double b) { return a + b; })},
      {"Sub", binary([](double a, double b) { return a - b; })},
      {"Mul", binary([](double a, double b) { return a * b; })},
      {"Div", binary([](double a, double b) { return a / b; })},
      {"Sigmoid", unary([](double a) { return 1.0 / (1.0 + std::exp(-a)); })},
      {"Sin", unary([](double a) { return std::sin(a); })},
      {"Cos", unary([](double a) { return std::cos(a); })},
      {"Cast",
       [](const Call& call) {
         want(call.i("to") == 1, call.node);
         return call.x();
       }},
      {"Conv", conv},
      {"AveragePool", average_pool},
      {"Resize", resize},
      {"MatMul", mat_mul},
      {"Gemm", gemm},
      {"Reshape", reshape},
      {"Transpose", transpose},
      {"Softmax", softmax},
      {"InstanceNormalization", instance_normalization},
      {"Concat", concatenate},
      {"Gather", gather}};
  return all;
}

}  // namespace

Arrays run_onnx(const DecodedModel& model, Arrays values) {
  for (const auto& [name, tensor] : model.tensors) values[name] = array_of(tensor);
  for (const DecodedNode& node : model.nodes) {
    Call call{node, {}};
    for (const std::string& input : node.inputs) {
      call.in.push_back(input.empty() ? nullptr : &values.at(input));
    }
    std::vector<Array> results =
        node.op == "Split" ? split(call) : std::vector<Array>{operators().at(node.op)(call)};
    want(results.size() == node.outputs.size(), node);
    for (size_t i = 0; i < results.size(); ++i) {
      want(count_of(results[i].shape) == std::ssize(results[i].values), node);
      values[node.outputs[i]] = std::move(results[i]);
    }
  }
  return values;
}

}  // namespace ddpm
