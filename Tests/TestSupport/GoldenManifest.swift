import Base
import Containers
import Quants

/// What an independent converter wrote: metadata and the SHA-256 of every tensor.
package struct GoldenManifest: Sendable {
  package let tensors: [(name: String, type: String, shape: [Int], sha256: String)]
  package let metadata: [(key: String, types: [String], value: OrderedJSON)]

  /// Reads a fixture, for example `golden/tiny-qwen3.5/gguf-bf16.json`.
  package init(_ fixture: String) throws {
    let json = try Fixtures.json(fixture)
    tensors = (json["tensors"]?.arrayValue ?? []).map { entry in
      (
        entry["name"]?.stringValue ?? "", entry["type"]?.stringValue ?? "",
        (entry["shape"]?.arrayValue ?? []).compactMap(\.intValue), entry["sha256"]?.stringValue ?? ""
      )
    }
    metadata = (json["metadata"]?.objectValue?.entries ?? []).map { key, entry in
      (key, (entry["type"]?.arrayValue ?? []).compactMap(\.stringValue), entry["value"] ?? .null)
    }
  }

  /// Where a file differs, one line each: tensors that are missing, too many or others, and metadata that are missing or others.
  package func differences(in written: Checkpoint, besides ignored: Set<String>) throws -> [String] {
    var result = tensors.isEmpty ? ["the manifest has no tensors"] : []
    let known = Set(tensors.map(\.name))
    result += written.tensors.map(\.name).filter { !known.contains($0) }.map { "\($0) is too many" }
    for expected in tensors {
      guard let tensor = written[expected.name] else {
        result.append("\(expected.name) is missing")
        continue
      }
      if tensor.type.name != expected.type || tensor.shape.dimensions != expected.shape {
        result.append("\(expected.name) is \(tensor.type.name) \(tensor.shape), not \(expected.type) \(expected.shape)")
      } else if try sha256(tensor) != expected.sha256 {
        result.append("\(expected.name) has other bytes")
      }
    }
    for expected in metadata where !ignored.contains(expected.key) {
      guard let value = written.metadata[expected.key] else {
        result.append("\(expected.key) is missing")
        continue
      }
      if Self.typeName(value) != expected.types || !Self.isEqual(value, expected.value) {
        result.append("\(expected.key) is another")
      }
    }
    return result
  }

  private static func typeName(_ value: MetadataValue) -> [String] {
    let names = ["\(value.type)".uppercased()]
    if case .array(let array) = value { return names + ["\(array.type)".uppercased()] }
    return names
  }

  private static func isEqual(_ value: MetadataValue, _ expected: OrderedJSON) -> Bool {
    switch value {
    case .number(let number):
      if let flag = number.value(as: Bool.self) { return expected.boolValue == flag }
      if let float = number.value(as: Float.self) { return expected.doubleValue.map { Float($0) } == float }
      return expected.intValue.map(Int64.init) == number.signedInteger
    case .string(let text): return expected.stringValue == text
    case .array(let array):
      let lines: [String] = (0..<array.count).map { index in
        switch array[index] {
        case .string(let text): text
        case .number(let number):
          number.value(as: Bool.self).map { String($0) } ?? number.signedInteger.map { String($0) }
            ?? String(number.real ?? 0)
        default: "?"
        }
      }
      if let elements = expected.arrayValue {
        return elements.map {
          $0.boolValue.map(String.init) ?? $0.intValue.map(String.init) ?? "\($0.doubleValue ?? 0)"
        } == lines
      }
      var hash = SHA256Hash()
      Array(lines.joined(separator: "\n").utf8).withUnsafeBytes { hash.update($0) }
      let digest = hash.finalize()
      return expected["count"]?.intValue == array.count && expected["sha256_of_lines"]?.stringValue == digest
    default: return false
    }
  }
}

/// The SHA-256 of a tensor's stored bytes.
package func sha256(_ entry: TensorEntry) throws -> String {
  try entry.withBytes { bytes in
    var hash = SHA256Hash()
    hash.update(bytes)
    return hash.finalize()
  }
}
