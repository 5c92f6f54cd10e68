#include "artifact.hpp"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
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

/// SHA-256 over every record but the checksum itself, in the order of their names: name, a zero byte, content.
/// torch does not look at the archive's own CRCs.
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

Artifact described(Reader& reader) {
  const Json metadata = Json::parse(text(reader, kMetadata));
  const long format = metadata.whole("format");
  if (format != kFormat)
    throw InputError("artifact format " + std::to_string(format) + "; this program knows format " +
                     std::to_string(kFormat));
  Artifact artifact;
  artifact.checksum = checksum(reader);
  if (artifact.checksum != text(reader, kChecksum)) throw InputError("damaged or altered (its checksum does not match)");
  const Json& grid = metadata.at("grid");
  artifact.grid = {static_cast<int>(grid.whole("n")), grid.number("length"), grid.number("sigma")};
  artifact.latent_dim = metadata.whole("latent_dim");
  artifact.mode = metadata.string("mode");
  return artifact;
}

}  // namespace

Artifact read_artifact(const std::string& path, const torch::Device& device) {
  if (!std::filesystem::exists(path)) throw InputError(path + ": no such file");
  if (!std::filesystem::is_regular_file(path)) throw InputError(path + ": wanted an exported model.pt, got a folder (of a run? crystalgrid-export makes one of it)");
  try {
    Reader reader(path);
    Artifact artifact = described(reader);
    artifact.module = torch::jit::load(path, device);
    artifact.module.eval();
    return artifact;
  } catch (const InputError& error) {
    throw InputError(path + ": " + error.what());
  } catch (const c10::Error&) {
    throw InputError(path + ": not a crystalgrid model, or truncated (torch cannot read it)");
  }
}

}  // namespace crystalgrid
