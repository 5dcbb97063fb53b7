import Containers
import Foundation
import Quants
import TestSupport
import Base

/// One tensor of a model made for a test.
struct TestTensor {
  var name: String
  var type: TensorType
  var shape: [Int]
  var bytes: [UInt8]

  /// The values of a BF16 or F32 tensor.
  var floats: [Float] {
    get {
      [Float](unsafeUninitializedCapacity: shape.reduce(1, *)) { buffer, count in
        count = shape.reduce(1, *)
        bytes.withUnsafeBytes { type.codec?.decode($0, into: buffer) }
      }
    }
    set {
      bytes.withUnsafeMutableBytes { target in
        newValue.withUnsafeBufferPointer { type.codec?.encode($0, importance: nil, into: target) }
      }
    }
  }
}

/// The tiny model with changes: its tensors, its configuration, written as a folder of its own.
struct AlteredModel {
  var tensors: [TestTensor]
  var config: OrderedObject
  private let folder: TemporaryFolder

  /// The tiny model unchanged.
  init() throws {
    folder = try TemporaryFolder()
    config = try Fixtures.json("tiny-qwen3.5/config.json").objectValue ?? OrderedObject()
    tensors = try Containers.open(tinyModel).tensors.map { entry in
      TestTensor(
        name: entry.name, type: entry.type, shape: entry.shape.dimensions,
        bytes: try entry.withBytes { Array($0) })
    }
  }

  /// Changes one field of `text_config`.
  mutating func setText(_ key: String, _ value: OrderedJSON?) {
    var text = config["text_config"]?.objectValue ?? OrderedObject()
    text[key] = value
    config["text_config"] = .object(text)
  }

  /// Changes the tensors whose names contain a text.
  mutating func change(_ part: String, _ body: (inout TestTensor) -> Void) {
    for index in tensors.indices where tensors[index].name.contains(part) { body(&tensors[index]) }
  }

  mutating func remove(_ part: String) { tensors.removeAll { $0.name.contains(part) } }

  /// Writes the folder, into one that lives longer than this value where that is given.
  func write(into other: TemporaryFolder? = nil) throws -> String {
    let path = (other ?? folder).file("model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for name in ["tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "chat_template.jinja"] {
      try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: tinyModel + "/" + name)
    }
    try Data(OrderedJSON.object(config).serialized(pretty: true)).write(to: URL(filePath: path + "/config.json"))
    let writer = try SafetensorsWriter(
      path: path + "/model.safetensors",
      tensors: tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: Shape($0.shape)) })
    for (index, tensor) in tensors.enumerated() {
      try tensor.bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
    return path
  }
}
