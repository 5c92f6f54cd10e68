#include "generator.hpp"

#include <torch/csrc/jit/runtime/graph_executor.h>

#include <type_traits>
#include <utility>

#include "errors.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {
namespace {

c10::Dict<std::string, c10::List<double>> as_dict(const Conditions& conditions) {
  c10::Dict<std::string, c10::List<double>> dict;
  for (const auto& [name, values] : conditions.values) dict.insert(name, c10::List<double>(values));
  return dict;
}

template <class T>
std::vector<T> values_of(const at::Tensor& tensor) {
  constexpr auto kType = std::is_same_v<T, double>         ? at::kDouble
                         : std::is_same_v<T, std::int64_t> ? at::kLong
                                                           : at::kByte;
  const at::Tensor flat = tensor.to(at::kCPU, kType).contiguous();
  return {flat.data_ptr<T>(), flat.data_ptr<T>() + flat.numel()};
}

/// The named tuple that `draw` returns, by the names of its members.
class Members {
 public:
  explicit Members(const c10::IValue& value) : tuple_(value.toTuple()) {
    const auto& schema = tuple_->type()->schema();
    TORCH_CHECK(schema, "the generator's draw returns no named tuple");
    for (const c10::Argument& argument : schema->arguments()) names_.push_back(argument.name());
  }

  const at::Tensor& tensor(const std::string& name) const {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == name) return tuple_->elements()[i].toTensor();
    throw InputError("the generator's draw returns no " + name);
  }

  template <class T>
  void read(const char* name, std::vector<T>& values) const {
    values = values_of<T>(tensor(name));
  }

 private:
  c10::intrusive_ptr<c10::ivalue::Tuple> tuple_;
  std::vector<std::string> names_;
};

Draws read_draws(const Members& members) {
  Draws draws;
  members.read("space_group", draws.space_group);
  members.read("lattice", draws.lattice);
  members.read("orbit_offsets", draws.orbit_offsets);
  members.read("letters", draws.letters);
  members.read("multiplicities", draws.multiplicities);
  members.read("orbit_numbers", draws.orbit_numbers);
  members.read("orbit_coords", draws.orbit_coords);
  members.read("primitive_lattice", draws.primitive_lattice);
  members.read("atom_offsets", draws.atom_offsets);
  members.read("numbers", draws.numbers);
  members.read("frac_coords", draws.frac_coords);
  members.read("log_likelihood", draws.log_likelihood);
  members.read("relative", draws.relative);
  members.read("same_as", draws.same_as);
  members.read("formula_seen", draws.formula_seen);
  return draws;
}

/// Let this thread run TorchScript as it is: to optimize it would take a minute, and round the first batches
/// differently.
void leave_unoptimized() { torch::jit::setGraphExecutorOptimize(false); }

}  // namespace

Generator::Generator(Artifact artifact, const c10::Device& device, const Conditions& conditions, bool likeliest)
    : module_(std::move(*artifact.module)), device_(device), conditions_(as_dict(conditions)), likeliest_(likeliest) {
  leave_unoptimized();
  const std::string problem = module_.run_method("problem", conditions_).toStringRef();
  if (!problem.empty()) throw InputError(first_line(problem));
  plan_ = module_.run_method("plan", conditions_).toTensor();
}

const std::vector<double>& Generator::operations(std::int64_t space_group) {
  const auto [place, is_new] = operations_.try_emplace(space_group);
  if (is_new) place->second = values_of<double>(module_.run_method("operations", space_group).toTensor());
  return place->second;
}

Draws Generator::operator()(const at::Tensor& noise) {
  Stopwatch watch;
  leave_unoptimized();
  const c10::IValue drawn = likeliest_ ? module_.run_method("likeliest", noise.size(0), conditions_, plan_)
                                       : module_.run_method("draw", noise.to(device_), conditions_, plan_);
  Draws draws = read_draws(Members(drawn));
  if (draws.size() != noise.size(0))
    throw InputError("the generator gives " + std::to_string(draws.size()) + " crystals, wanted " +
                     std::to_string(noise.size(0)));
  const std::lock_guard lock(mutex_);
  for (std::int64_t b = 0; b < draws.size(); ++b)
    if (const std::int64_t group = draws.space_group[b]; group >= 1 && group <= 230)
      draws.operations.try_emplace(group, operations(group));
  profile_.front().second += watch.lap();
  return draws;
}

}  // namespace crystalgrid
