#include "learn/platform/torch/kernels.hpp"

#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define WATTLE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WATTLE_CLONES
#endif

namespace wattle::learn {
namespace {
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kLanes = 16;  // sums are kept in lanes so that the compiler may vectorise

// y = x·inverse·weight; inverse: [n], 1/rms of each row
WATTLE_CLONES void rms_forward(const float* x, const float* weight, float* y, float* inverse,
                               std::int64_t n, std::int64_t d, float epsilon) {
  for (std::int64_t row = 0; row < n; ++row) {
    const float* in = x + row * d;
    float lanes[kLanes] = {};
    for (std::int64_t i = 0; i < d; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] += in[i + lane] * in[i + lane];
      }
    }
    float sum = 0.0F;
    for (const float lane : lanes) sum += lane;
    const float scale = 1.0F / std::sqrt(sum / static_cast<float>(d) + epsilon);
    inverse[row] = scale;
    float* out = y + row * d;
    for (std::int64_t i = 0; i < d; ++i) out[i] = in[i] * scale * weight[i];
  }
}

WATTLE_CLONES void rms_backward(const float* x, const float* weight, const float* inverse,
                                const float* dy, float* dx, float* dweight, std::int64_t n,
                                std::int64_t d) {
  for (std::int64_t row = 0; row < n; ++row) {
    const float* in = x + row * d;
    const float* grad = dy + row * d;
    const float scale = inverse[row];
    float lanes[kLanes] = {};
    for (std::int64_t i = 0; i < d; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] += grad[i + lane] * weight[i + lane] * in[i + lane];
      }
    }
    float dot = 0.0F;
    for (const float lane : lanes) dot += lane;
    const float back = dot * scale * scale * scale / static_cast<float>(d);
    float* out = dx + row * d;
    for (std::int64_t i = 0; i < d; ++i) {
      out[i] = grad[i] * weight[i] * scale - in[i] * back;
      dweight[i] += grad[i] * in[i] * scale;
    }
  }
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        double epsilon) {
    const std::int64_t n = x.size(0);
    const std::int64_t d = x.size(1);
    Tensor y = torch::empty_like(x);
    Tensor inverse = torch::empty({n});
    rms_forward(x.data_ptr<float>(), weight.data_ptr<float>(), y.data_ptr<float>(),
                inverse.data_ptr<float>(), n, d, static_cast<float>(epsilon));
    context->save_for_backward({x, weight, inverse});
    return y;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor dy = gradients[0].contiguous();
    Tensor dx = torch::empty_like(saved[0]);
    Tensor dweight = torch::zeros_like(saved[1]);
    rms_backward(saved[0].data_ptr<float>(), saved[1].data_ptr<float>(), saved[2].data_ptr<float>(),
                 dy.data_ptr<float>(), dx.data_ptr<float>(), dweight.data_ptr<float>(), dx.size(0),
                 dx.size(1));
    return {dx, dweight, Tensor()};
  }
};

WATTLE_CLONES void swiglu_forward(const float* gate_up, const float* sigmoid, float* y,
                                  std::int64_t n, std::int64_t f) {
  for (std::int64_t row = 0; row < n; ++row) {
    const float* gate = gate_up + row * 2 * f;
    const float* s = sigmoid + row * f;
    float* out = y + row * f;
    for (std::int64_t i = 0; i < f; ++i) out[i] = gate[i] * s[i] * gate[f + i];
  }
}

WATTLE_CLONES void swiglu_backward(const float* gate_up, const float* sigmoid, const float* dy,
                                   float* dx, std::int64_t n, std::int64_t f) {
  for (std::int64_t row = 0; row < n; ++row) {
    const float* gate = gate_up + row * 2 * f;
    const float* s = sigmoid + row * f;
    const float* grad = dy + row * f;
    float* out = dx + row * 2 * f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float silu = gate[i] * s[i];
      out[i] = grad[i] * gate[f + i] * (s[i] + silu * (1.0F - s[i]));
      out[f + i] = grad[i] * silu;
    }
  }
}

struct SwiGlu : torch::autograd::Function<SwiGlu> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_up) {
    const std::int64_t f = gate_up.size(1) / 2;
    const Tensor sigmoid = torch::sigmoid(gate_up.narrow(1, 0, f)).contiguous();
    Tensor y = torch::empty({gate_up.size(0), f});
    swiglu_forward(gate_up.data_ptr<float>(), sigmoid.data_ptr<float>(), y.data_ptr<float>(),
                   y.size(0), f);
    context->save_for_backward({gate_up, sigmoid});
    return y;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor dy = gradients[0].contiguous();
    Tensor dx = torch::empty_like(saved[0]);
    swiglu_backward(saved[0].data_ptr<float>(), saved[1].data_ptr<float>(), dy.data_ptr<float>(),
                    dx.data_ptr<float>(), dx.size(0), dy.size(1));
    return {dx};
  }
};

// Rotates each pair by its angle; `direction` −1 undoes it. in and out: rows of head_dim.
WATTLE_CLONES void rotate(const float* in, const float* rope, float* out, std::int64_t length,
                          std::int64_t in_stride, std::int64_t out_stride, std::int64_t head_dim,
                          float direction, float scale) {
  for (std::int64_t t = 0; t < length; ++t) {
    const float* x = in + t * in_stride;
    const float* angle = rope + t * head_dim;
    float* y = out + t * out_stride;
    for (std::int64_t i = 0; i < head_dim; i += 2) {
      const float c = angle[i] * scale;
      const float s = angle[i + 1] * direction * scale;
      y[i] = x[i] * c - x[i + 1] * s;
      y[i + 1] = x[i] * s + x[i + 1] * c;
    }
  }
}

void copy_rows(const float* in, float* out, std::int64_t length, std::int64_t in_stride,
               std::int64_t out_stride, std::int64_t head_dim) {
  for (std::int64_t t = 0; t < length; ++t) {
    std::copy_n(in + t * in_stride, head_dim, out + t * out_stride);
  }
}

// From probabilities p and their gradient dp (overwritten) to the gradient of the scores.
WATTLE_CLONES void softmax_backward(const float* p, float* dp, std::int64_t rows,
                                    std::int64_t length) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* prob = p + row * length;
    float* grad = dp + row * length;
    const std::int64_t whole = length / kLanes * kLanes;
    float lanes[kLanes] = {};
    for (std::int64_t i = 0; i < whole; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] += prob[i + lane] * grad[i + lane];
      }
    }
    float dot = 0.0F;
    for (const float lane : lanes) dot += lane;
    for (std::int64_t i = whole; i < length; ++i) dot += prob[i] * grad[i];
    for (std::int64_t i = 0; i < length; ++i) grad[i] = prob[i] * (grad[i] - dot);
  }
}

// The heads of qkv, rotated and gathered so that each KV head meets its group of query heads:
// q: [b·kv, group·t, head_dim], k and v: [b·kv, t, head_dim].
struct Heads {
  Tensor q, k, v;
};

Heads gather(const Tensor& qkv, const Tensor& rope, const AttentionShape& s) {
  const std::int64_t group = s.n_heads / s.n_kv_heads;
  const std::int64_t stride = qkv.size(1);
  Heads heads{torch::empty({s.batch * s.n_kv_heads, group * s.length, s.head_dim}),
              torch::empty({s.batch * s.n_kv_heads, s.length, s.head_dim}),
              torch::empty({s.batch * s.n_kv_heads, s.length, s.head_dim})};
  const float scale = 1.0F / std::sqrt(static_cast<float>(s.head_dim));
  const float* angles = rope.data_ptr<float>();
  const std::int64_t block = s.length * s.head_dim;
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const float* rows = qkv.data_ptr<float>() + b * s.length * stride;
    for (std::int64_t h = 0; h < s.n_heads; ++h) {
      rotate(rows + h * s.head_dim, angles, heads.q.data_ptr<float>() + (b * s.n_heads + h) * block,
             s.length, stride, s.head_dim, s.head_dim, 1.0F, scale);
    }
    for (std::int64_t h = 0; h < s.n_kv_heads; ++h) {
      const std::int64_t out = (b * s.n_kv_heads + h) * block;
      rotate(rows + (s.n_heads + h) * s.head_dim, angles, heads.k.data_ptr<float>() + out, s.length,
             stride, s.head_dim, s.head_dim, 1.0F, 1.0F);
      copy_rows(rows + (s.n_heads + s.n_kv_heads + h) * s.head_dim, heads.v.data_ptr<float>() + out,
                s.length, stride, s.head_dim, s.head_dim);
    }
  }
  return heads;
}

// The way back: gradients of q, k, v to the gradient of qkv.
Tensor scatter(const Heads& grad, const Tensor& rope, const AttentionShape& s) {
  const std::int64_t stride = (s.n_heads + 2 * s.n_kv_heads) * s.head_dim;
  Tensor out = torch::empty({s.batch * s.length, stride});
  const float scale = 1.0F / std::sqrt(static_cast<float>(s.head_dim));
  const float* angles = rope.data_ptr<float>();
  const std::int64_t block = s.length * s.head_dim;
  for (std::int64_t b = 0; b < s.batch; ++b) {
    float* rows = out.data_ptr<float>() + b * s.length * stride;
    for (std::int64_t h = 0; h < s.n_heads; ++h) {
      rotate(grad.q.data_ptr<float>() + (b * s.n_heads + h) * block, angles, rows + h * s.head_dim,
             s.length, s.head_dim, stride, s.head_dim, -1.0F, scale);
    }
    for (std::int64_t h = 0; h < s.n_kv_heads; ++h) {
      const std::int64_t in = (b * s.n_kv_heads + h) * block;
      rotate(grad.k.data_ptr<float>() + in, angles, rows + (s.n_heads + h) * s.head_dim, s.length,
             s.head_dim, stride, s.head_dim, -1.0F, 1.0F);
      copy_rows(grad.v.data_ptr<float>() + in, rows + (s.n_heads + s.n_kv_heads + h) * s.head_dim,
                s.length, s.head_dim, stride, s.head_dim);
    }
  }
  return out;
}

// [b·kv, group·t, head_dim] ↔ [b·t, n_heads·head_dim]
Tensor heads_to_rows(const Tensor& heads, const AttentionShape& s) {
  return heads.view({s.batch, s.n_heads, s.length, s.head_dim})
      .transpose(1, 2)
      .reshape({s.batch * s.length, s.n_heads * s.head_dim});
}
Tensor rows_to_heads(const Tensor& rows, const AttentionShape& s) {
  const std::int64_t group = s.n_heads / s.n_kv_heads;
  return rows.view({s.batch, s.length, s.n_heads, s.head_dim})
      .transpose(1, 2)
      .reshape({s.batch * s.n_kv_heads, group * s.length, s.head_dim});
}

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(AutogradContext* context, const Tensor& qkv, const Tensor& rope,
                        const Tensor& mask, AttentionShape shape) {
    const Heads heads = gather(qkv, rope, shape);
    const Tensor scores = torch::baddbmm(mask, heads.q, heads.k.transpose(1, 2));
    const Tensor p = torch::softmax(scores, -1);
    const Tensor out = torch::bmm(p, heads.v);
    context->save_for_backward({heads.q, heads.k, heads.v, p, rope});
    context->saved_data["shape"] = std::vector<std::int64_t>{
        shape.batch, shape.length, shape.n_heads, shape.n_kv_heads, shape.head_dim};
    return heads_to_rows(out, shape);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto sizes = context->saved_data["shape"].toIntVector();
    const AttentionShape shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]};
    const Tensor& p = saved[3];
    const Tensor dout = rows_to_heads(gradients[0].contiguous(), shape);
    Tensor dscores = torch::bmm(dout, saved[2].transpose(1, 2));
    softmax_backward(p.data_ptr<float>(), dscores.data_ptr<float>(), p.size(0) * p.size(1),
                     p.size(2));
    const Heads grad{torch::bmm(dscores, saved[1]), torch::bmm(dscores.transpose(1, 2), saved[0]),
                     torch::bmm(p.transpose(1, 2), dout)};
    return {scatter(grad, saved[4], shape), Tensor(), Tensor(), Tensor()};
  }
};
}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  return RmsNorm::apply(x, weight, epsilon);
}

Tensor swiglu(const Tensor& gate_up) {
  return SwiGlu::apply(gate_up);
}

Tensor attention(const Tensor& qkv, const Tensor& rope, const AttentionShape& shape) {
  const std::int64_t group = shape.n_heads / shape.n_kv_heads;
  const Tensor mask =
      torch::full({shape.length, shape.length}, -1e9F).triu(1).repeat({group, 1}).unsqueeze(0);
  return Attention::apply(qkv, rope, mask, shape);
}

Tensor rope_table(std::int64_t length, std::int64_t head_dim, double base) {
  Tensor table = torch::empty({length, head_dim});
  float* out = table.data_ptr<float>();
  for (std::int64_t t = 0; t < length; ++t) {
    for (std::int64_t i = 0; i < head_dim; i += 2) {
      const double angle = static_cast<double>(t) *
                           std::pow(base, -static_cast<double>(i) / static_cast<double>(head_dim));
      out[t * head_dim + i] = static_cast<float>(std::cos(angle));
      out[t * head_dim + i + 1] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

}  // namespace wattle::learn
