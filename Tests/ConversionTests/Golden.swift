import Containers
import Conversion
import Quants
import Base
import TestSupport
import Testing

/// The trained tiny model of the fixtures.
let tinyModel = Fixtures.path("tiny-qwen3.5")

/// Runs one conversion.
@discardableResult
func convert(
  _ source: String, _ options: ConversionOptions, threads: Int = 2, kernels: Kernels = .best
) throws -> ConversionReport {
  try Conversion.plan(source: source, options: options).run(threads: threads, kernels: kernels)
}

/// The options of a conversion into a folder: `model.gguf` and `mmproj.gguf`.
func into(_ folder: TemporaryFolder, _ options: ConversionOptions, _ name: String = "model") -> ConversionOptions {
  var options = options
  options.output = folder.file(name + ".gguf")
  options.visionOutput = folder.file("mmproj-" + name + ".gguf")
  return options
}

func sha256(file path: String) throws -> String {
  let file = try InputFile(path: path)
  return try file.withBytes(at: 0, count: Int(file.size)) { bytes in
    var hash = SHA256Hash()
    hash.update(bytes)
    return hash.finalize()
  }
}

/// The name, type, shape and sum of every tensor, for comparing checkpoints.
func fingerprint(_ path: String) throws -> [String: String] {
  var result: [String: String] = [:]
  for tensor in try Containers.open(path).tensors {
    result[tensor.name] = "\(tensor.type.name) \(tensor.shape) \(try sha256(tensor))"
  }
  return result
}
