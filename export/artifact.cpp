#include "artifact.hpp"

#include <ATen/Version.h>
#include <caffe2/serialize/inline_container.h>
#include <sys/utsname.h>
#include <torch/version.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "errors.hpp"
#include "json.hpp"
#include "sha256.hpp"

namespace crystalgrid {
namespace {

using Reader = caffe2::serialize::PyTorchStreamReader;

constexpr long kFormat = 1;
constexpr auto kMetadata = "extra/crystalgrid.json", kChecksum = "extra/crystalgrid.sha256";

std::string text(Reader& reader, const std::string& name) {
  if (!reader.hasRecord(name)) throw InputError("not a crystalgrid model (no " + name + " in it)");
  const auto [data, size] = reader.getRecord(name);
  return {static_cast<const char*>(data.get()), size};
}

/// Return the SHA-256 over every record but the checksum itself, in the order of their names: name, a zero byte,
/// content. torch does not check the archive's own CRCs.
std::string checksum(Reader& reader) {
  std::vector<std::string> names = reader.getAllRecords();
  std::sort(names.begin(), names.end());
  Sha256 sum;
  for (const std::string& name : names) {
    if (name == kChecksum) continue;
    const auto [data, size] = reader.getRecord(name);
    sum.update(name.c_str(), name.size() + 1);
    sum.update(data.get(), size);
  }
  return sum.hex();
}

/// Describe the machine that a compiled model needs; empty for other models. The version of torch ends before a plus,
/// as it does in TORCH_VERSION.
std::string built_for(const Json& metadata) {
  if (!metadata.find("built_for")) return "";
  const Json& built = metadata.at("built_for");
  const std::string& torch = built.string("torch");
  return "torch " + torch.substr(0, torch.find('+')) + " on " + built.string("machine") + " with " +
         built.string("cpu");
}

/// Read what only generators have.
void read_generator(const Json& json, Metadata& metadata) {
  if (!json.find("training_ids")) return;
  for (const Json& id : json.array("training_ids")) metadata.training_ids.push_back(id.text());
}

/// Read what only models that decode cubes have.
void read_autoencoder(const Json& json, Metadata& metadata) {
  json.at("grid");
  metadata.latent_dim = json.whole("latent_dim");
  metadata.prior = json.find("prior") != nullptr;
  metadata.mode = json.string("mode");
  metadata.built_for = built_for(json);
}

Metadata metadata(Reader& reader) {
  const Json json = Json::parse(text(reader, kMetadata));
  const long format = json.whole("format");
  if (format != kFormat)
    throw InputError("artifact format " + std::to_string(format) + "; this program knows format " +
                     std::to_string(kFormat));
  const std::string sum = checksum(reader);
  if (sum != text(reader, kChecksum)) throw InputError("damaged or altered (its checksum does not match)");
  Metadata metadata;
  metadata.identity = json.find("identity") ? json.string("identity") : sum;
  const Json* kind = json.find("kind");
  metadata.is_generator = kind && kind->text() == "generator";
  if (const Json* grid = json.find("grid"))
    metadata.grid = {static_cast<int>(grid->whole("n")), grid->number("length"), grid->number("sigma")};
  if (metadata.is_generator)
    read_generator(json, metadata);
  else
    read_autoencoder(json, metadata);
  return metadata;
}

Metadata read_metadata(const std::string& path) {
  try {
    Reader reader(path);
    return metadata(reader);
  } catch (const InputError& error) {
    throw InputError(path + ": " + error.what());
  } catch (const c10::Error&) {
    throw InputError(path + ": not a crystalgrid model, or truncated (torch cannot read it)");
  }
}

/// Throws InputError if a compiled model, which is machine code for one torch and CPU, cannot run here.
void refuse_other_machine(const std::string& path, const std::string& built_for, const torch::Device& device) {
  struct utsname machine{};
  uname(&machine);
  const std::string this_machine =
      "torch " TORCH_VERSION " on " + std::string(machine.machine) + " with " + at::get_cpu_capability();
  if (built_for != this_machine)
    throw InputError(path + ": compiled for " + built_for + ", this is " + this_machine +
                     "; `crystalgrid-export RUN -o model.pt2` makes one for this machine, and a model.pt runs on any");
  if (!device.is_cpu()) throw InputError("--device: " + path + " is compiled for the CPU; a model.pt runs on cuda too");
}

}  // namespace

Artifact read_artifact(const std::string& path, const torch::Device& device) {
  if (!std::filesystem::exists(path)) throw InputError(path + ": no such file");
  if (!std::filesystem::is_regular_file(path))
    throw InputError(path + ": wanted the file that crystalgrid-export makes from a run, got a folder");
  Artifact artifact{read_metadata(path), std::nullopt, nullptr, nullptr, nullptr};
  const bool compiled = path.ends_with(".pt2");
  if (compiled && artifact.metadata.is_generator) throw InputError(path + ": a generator is a model.pt, not a .pt2");
  if (compiled) refuse_other_machine(path, artifact.metadata.built_for, device);
  try {
    if (compiled) {
      const auto method = [&](const char* name) {
        return std::make_unique<torch::inductor::AOTIModelPackageLoader>(path, name);
      };
      if (artifact.metadata.prior) artifact.prior = method("prior");
      artifact.decode = method("decode");
      artifact.segment = method("segment");
    } else {
      artifact.module = torch::jit::load(path, device);
      if (artifact.metadata.is_generator) artifact.metadata.latent_dim = artifact.module->attr("noise_dim").toInt();
    }
  } catch (const std::exception& error) {
    throw InputError(path + ": torch " TORCH_VERSION " cannot load it: " + first_line(error.what()));
  }
  return artifact;
}

}  // namespace crystalgrid
