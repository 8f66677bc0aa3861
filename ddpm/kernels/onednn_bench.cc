// The only file that knows oneDNN, whose versions 2 and 3 describe operations differently.

#include "ddpm/testing/onednn.h"

#ifndef DDPM_ONEDNN

namespace ddpm {

std::string onednn_version() { return ""; }
void limit_onednn(CpuPath) {}
OnednnPrimitives onednn_products(bool, const OnednnImages&, int64_t, int64_t,
                                 const std::vector<float>&, const std::vector<float>&) {
  return {};
}
OnednnPrimitives onednn_convolutions(bool, const OnednnImages&, int64_t, int64_t,
                                     const std::vector<float>&, const std::vector<float>&,
                                     const std::vector<float>&) {
  return {};
}
OnednnPrimitives onednn_softmax(bool, int64_t, int64_t, const std::vector<float>&) { return {}; }
OnednnPrimitives onednn_silu(const std::vector<float>&) { return {}; }
OnednnPrimitives onednn_reorder(const OnednnReorder&, const std::vector<float>&) { return {}; }

}  // namespace ddpm

#else

#include <omp.h>

#include <algorithm>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "ddpm/base/check.h"
#include "ddpm/kernels/gemm.h"
#include "ddpm/testing/kernel_bench.h"

namespace ddpm {

namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;
using Type = memory::data_type;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream& stream() {
  static dnnl::stream in_order(engine());
  return in_order;
}

Type type_of(bool bf16) { return bf16 ? Type::bf16 : Type::f32; }

#if DNNL_VERSION_MAJOR >= 3

dnnl::matmul::primitive_desc product_of(const memory::desc& a, const memory::desc& b,
                                        const memory::desc& c) {
  return {engine(), a, b, c};
}
dnnl::convolution_forward::primitive_desc convolution_of(algorithm how, const memory::desc& x,
                                                         const memory::desc& weights,
                                                         const memory::desc& bias,
                                                         const memory::desc& y,
                                                         const Dims& padding) {
  return {engine(), prop_kind::forward_inference, how, x, weights, bias, y, {1, 1}, padding,
          padding};
}
using DnnlSoftmax = dnnl::softmax_forward;
DnnlSoftmax::primitive_desc softmax_of(const memory::desc& s, const memory::desc& p) {
  return {engine(), prop_kind::forward_inference, algorithm::softmax_accurate, s, p, 1};
}
dnnl::eltwise_forward::primitive_desc silu_of(const memory::desc& x) {
  return {engine(), prop_kind::forward_inference, algorithm::eltwise_swish, x, x, 1.0F};
}

#else

dnnl::matmul::primitive_desc product_of(const memory::desc& a, const memory::desc& b,
                                        const memory::desc& c) {
  return {{a, b, c}, engine()};
}
dnnl::convolution_forward::primitive_desc convolution_of(algorithm how, const memory::desc& x,
                                                         const memory::desc& weights,
                                                         const memory::desc& bias,
                                                         const memory::desc& y,
                                                         const Dims& padding) {
  const Dims strides = {1, 1};
  return {{prop_kind::forward_inference, how, x, weights, bias, y, strides, padding, padding},
          engine()};
}
using DnnlSoftmax = dnnl::softmax_v2_forward;
DnnlSoftmax::primitive_desc softmax_of(const memory::desc& s, const memory::desc& p) {
  return {{prop_kind::forward_inference, algorithm::softmax_accurate, s, p, 1}, engine()};
}
dnnl::eltwise_forward::primitive_desc silu_of(const memory::desc& x) {
  return {{prop_kind::forward_inference, algorithm::eltwise_swish, x, 1.0F}, engine()};
}

#endif

// Memory of the same kind as the engine's.
struct Place {
  explicit Place(const memory::desc& desc)
      : bytes(static_cast<int64_t>(desc.get_size())), view(desc, engine(), bytes.data()) {}
  Array<std::byte> bytes;
  memory view;
};
using Places = std::vector<std::shared_ptr<Place> >;

void copy(memory from, memory to) {
  dnnl::reorder(from, to).execute(stream(), from, to);
  stream().wait();
}

// The values, of shape `dims` in the order `plain`, where and how a primitive wants them.
std::shared_ptr<Place> brought(const std::vector<float>& values, const Dims& dims, Tag plain,
                               const memory::desc& wanted) {
  auto place = std::make_shared<Place>(wanted);
  // oneDNN takes no const, and only reads here
  copy(memory({dims, Type::f32, plain}, engine(), const_cast<float*>(values.data())), place->view);
  return place;
}

// And back.
std::vector<float> plain_values(const Place& place, const Dims& dims, Tag plain) {
  int64_t count = 1;
  for (const int64_t extent : dims) count *= extent;
  std::vector<float> values(static_cast<size_t>(count));
  copy(place.view, memory({dims, Type::f32, plain}, engine(), values.data()));
  return values;
}

// Makes a primitive, unless this oneDNN has none for it.
template <typename Make>
void add(OnednnPrimitives& list, const std::string& name, const Make& make) {
  try {
    OnednnPrimitive made = make();
    made.name = concat(name, ", ", made.name);
    list.push_back(std::move(made));
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) {
      throw Error(concat("oneDNN: ", name, ": ", error.what()));
    }
  }
}

std::function<void()> running(const dnnl::primitive& primitive, const Arguments& arguments,
                              const Places& places) {
  return [primitive, arguments, places] {
    primitive.execute(stream(), arguments);
    stream().wait();
  };
}

OnednnPrimitive product(bool bf16, int64_t rows, int64_t k, int64_t columns,
                        const std::vector<float>& a, const std::vector<float>& b) {
  const Dims a_dims = {rows, k}, b_dims = {k, columns}, c_dims = {rows, columns};
  const auto how = product_of({a_dims, type_of(bf16), Tag::any}, {b_dims, type_of(bf16), Tag::any},
                              {c_dims, Type::f32, Tag::any});
  const auto from = brought(a, a_dims, Tag::ab, how.src_desc());
  const auto weights = brought(b, b_dims, Tag::ab, how.weights_desc());
  const auto to = std::make_shared<Place>(how.dst_desc());
  const Arguments arguments = {
      {DNNL_ARG_SRC, from->view}, {DNNL_ARG_WEIGHTS, weights->view}, {DNNL_ARG_DST, to->view}};
  return {.name = how.impl_info_str(),
          .run = running(dnnl::matmul(how), arguments, {from, weights, to}),
          .result = [to, c_dims] { return plain_values(*to, c_dims, Tag::ab); }};
}

struct Convolution {
  bool bf16;
  OnednnImages shape;
  int64_t in, out;
  int64_t extent;                     // of a kernel: 1 or 3
  const std::vector<float>& x;        // [pixels][in]
  const std::vector<float>& weights;  // in the order of weights_tag
  Tag weights_tag;
  const std::vector<float>& bias;  // [out], or none
};

OnednnPrimitive convolution(algorithm how_to, const Convolution& c) {
  const OnednnImages& shape = c.shape;
  const Dims x_dims = {shape.images, c.in, shape.height, shape.width};
  const Dims w_dims = {c.out, c.in, c.extent, c.extent}, bias_dims = {c.out};
  const Dims y_dims = {shape.images, c.out, shape.height, shape.width};
  const memory::desc bias_desc =
      c.bias.empty() ? memory::desc() : memory::desc(bias_dims, Type::f32, Tag::a);
  const auto how = convolution_of(how_to, {x_dims, type_of(c.bf16), Tag::any},
                                  {w_dims, type_of(c.bf16), Tag::any}, bias_desc,
                                  {y_dims, Type::f32, Tag::any}, {c.extent / 2, c.extent / 2});
  const auto x = brought(c.x, x_dims, Tag::nhwc, how.src_desc());
  const auto weights = brought(c.weights, w_dims, c.weights_tag, how.weights_desc());
  const auto y = std::make_shared<Place>(how.dst_desc());
  Arguments arguments = {
      {DNNL_ARG_SRC, x->view}, {DNNL_ARG_WEIGHTS, weights->view}, {DNNL_ARG_DST, y->view}};
  Places places = {x, weights, y};
  if (!c.bias.empty()) {
    places.push_back(brought(c.bias, bias_dims, Tag::a, bias_desc));
    arguments.insert({DNNL_ARG_BIAS, places.back()->view});
  }
  return {.name = how.impl_info_str(),
          .run = running(dnnl::convolution_forward(how), arguments, places),
          .result = [y, y_dims] { return plain_values(*y, y_dims, Tag::nhwc); }};
}

dnnl::cpu_isa isa_of(CpuPath path) {
  switch (path) {
    case CpuPath::kPortable:
      return dnnl::cpu_isa::sse41;
    case CpuPath::kAvx2:
      return dnnl::cpu_isa::avx2;
    case CpuPath::kAvx512:
      return dnnl::cpu_isa::avx512_core;
    case CpuPath::kAvx512Bf16:
      break;
  }
  return dnnl::cpu_isa::avx512_core_bf16;
}

}  // namespace

std::string onednn_version() {
  const dnnl::version_t* version = dnnl::version();
  return concat(version->major, ".", version->minor, ".", version->patch);
}

void limit_onednn(CpuPath path) {
  static_assert(DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP ||
                    DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_SEQ,
                "wanted a oneDNN whose threads are OpenMP's; -DDNNL_LIBRARY=OFF builds without it");
  omp_set_num_threads(1);
  if (path != available_cpu_paths().back()) dnnl::set_max_cpu_isa(isa_of(path));
}

OnednnPrimitives onednn_products(bool bf16, const OnednnImages& shape, int64_t k, int64_t columns,
                                 const std::vector<float>& a, const std::vector<float>& b) {
  const std::vector<float> no_bias;
  OnednnPrimitives list;
  add(list, "matmul", [&] { return product(bf16, shape.pixels(), k, columns, a, b); });
  add(list, "1x1 convolution", [&] {
    return convolution(algorithm::convolution_direct, {.bf16 = bf16,
                                                       .shape = shape,
                                                       .in = k,
                                                       .out = columns,
                                                       .extent = 1,
                                                       .x = a,
                                                       .weights = b,
                                                       .weights_tag = Tag::hwio,
                                                       .bias = no_bias});
  });
  return list;
}

OnednnPrimitives onednn_convolutions(bool bf16, const OnednnImages& shape, int64_t in, int64_t out,
                                     const std::vector<float>& x, const std::vector<float>& weights,
                                     const std::vector<float>& bias) {
  const Convolution c = {.bf16 = bf16,
                         .shape = shape,
                         .in = in,
                         .out = out,
                         .extent = 3,
                         .x = x,
                         .weights = weights,
                         .weights_tag = Tag::oihw,
                         .bias = bias};
  OnednnPrimitives list;
  add(list, "direct", [&] { return convolution(algorithm::convolution_direct, c); });
  add(list, "winograd", [&] { return convolution(algorithm::convolution_winograd, c); });
  add(list, "auto", [&] { return convolution(algorithm::convolution_auto, c); });
  return list;
}

OnednnPrimitives onednn_softmax(bool bf16, int64_t rows, int64_t columns,
                                const std::vector<float>& s) {
  OnednnPrimitives list;
  add(list, "softmax", [&] {
    const Dims dims = {rows, columns};
    const memory::desc from(dims, Type::f32, Tag::ab), to(dims, type_of(bf16), Tag::ab);
    const auto how = softmax_of(from, to);
    const auto scores = brought(s, dims, Tag::ab, from);
    const auto p = bf16 ? std::make_shared<Place>(to) : scores;
    return OnednnPrimitive{
        .name = how.impl_info_str(),
        .run = running(DnnlSoftmax(how), {{DNNL_ARG_SRC, scores->view}, {DNNL_ARG_DST, p->view}},
                       {scores, p}),
        .result = [p, dims] { return plain_values(*p, dims, Tag::ab); }};
  });
  return list;
}

OnednnPrimitives onednn_silu(const std::vector<float>& x) {
  OnednnPrimitives list;
  add(list, "eltwise", [&] {
    const Dims dims = {std::ssize(x)};
    const memory::desc desc(dims, Type::f32, Tag::a);
    const auto how = silu_of(desc);
    const auto place = brought(x, dims, Tag::a, desc);
    return OnednnPrimitive{
        .name = how.impl_info_str(),
        .run = running(dnnl::eltwise_forward(how),
                       {{DNNL_ARG_SRC, place->view}, {DNNL_ARG_DST, place->view}}, {place}),
        .result = [place, dims] { return plain_values(*place, dims, Tag::a); }};
  });
  return list;
}

OnednnPrimitives onednn_reorder(const OnednnReorder& reorder, const std::vector<float>& values) {
  OnednnPrimitives list;
  add(list, "reorder", [&] {
    const auto from =
        std::make_shared<Place>(memory::desc(reorder.extents, Type::f32, reorder.from));
    std::copy(values.begin(), values.end(), reinterpret_cast<float*>(from->bytes.data()));
    const auto to =
        std::make_shared<Place>(memory::desc(reorder.extents, type_of(reorder.bf16), reorder.to));
    const dnnl::reorder::primitive_desc how(engine(), from->view.get_desc(), engine(),
                                            to->view.get_desc());
    return OnednnPrimitive{
        .name = how.impl_info_str(),
        .run = running(dnnl::reorder(how), {{DNNL_ARG_SRC, from->view}, {DNNL_ARG_DST, to->view}},
                       {from, to}),
        .result = [to, type = type_of(reorder.bf16), count = std::ssize(values)] {
          const Dims flat = {count};
          std::vector<float> result(static_cast<size_t>(count));
          const memory::desc desc(flat, type, Tag::a);
          copy(memory(desc, engine(), to->bytes.data()),
               memory({flat, Type::f32, Tag::a}, engine(), result.data()));
          return result;
        }};
  });
  return list;
}

}  // namespace ddpm

#endif
