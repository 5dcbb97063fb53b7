import Architectures
import Base
import Containers

extension Plan {
  /// The same plan with tensors of the first file that are finished: they are copied instead of encoded.
  ///
  /// `finished` has them by name; each has the type of the plan, columns in the order of the output, and rows in that of the source.
  /// - Throws: `fault` when one of them is not what was planned.
  package func taking(_ finished: [String: TensorEntry]) throws(CheckpointError) -> Plan {
    var copy = self
    guard let file = files.first, case .gguf = file.container else { return self }
    copy.files[0] = try file.taking(finished)
    return copy
  }
}

extension PlannedFile {
  fileprivate func taking(_ finished: [String: TensorEntry]) throws(CheckpointError) -> PlannedFile {
    var copy = self
    for (index, tensor) in tensors.enumerated() {
      guard let entry = finished[tensor.name] else { continue }
      guard entry.type == tensor.type, entry.shape.elementCount == tensor.shape.elementCount, tensor.parts.count == 1
      else { throw CheckpointError(.fault, "what was rounded is not what is planned", tensor: tensor.name) }
      let rows = tensor.parts[0].steps.filter { if case .rows = $0.transform { true } else { false } }
      copy.tensors[index] = try PlannedTensor(
        name: tensor.name, type: tensor.type, shape: tensor.shape, parts: [TensorPart(entry, rows)], note: tensor.note)
    }
    return copy
  }
}
