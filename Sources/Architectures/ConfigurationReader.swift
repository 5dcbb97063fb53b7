import Base

/// Reads a model's hyper-parameters, from `config.json` or from GGUF metadata, and checks every one against its range.
///
/// A field is named once with both its names; an error names the key the source really uses and the rule it broke.
package struct ConfigurationReader: Sendable {
  private enum Source: Sendable {
    case json(OrderedJSON, place: String)
    case gguf(Metadata, prefix: String)
  }

  /// The two names of one field: the key of `config.json` and the GGUF key after the architecture's prefix.
  package struct Key: Sendable {
    package let huggingFace: String
    package let gguf: String

    package init(_ huggingFace: String, _ gguf: String) {
      self.huggingFace = huggingFace
      self.gguf = gguf
    }
  }

  private let source: Source
  private let file: String

  /// Reads from one object of a `config.json`; `place` is its path inside the file, such as `text_config`.
  package init(json: OrderedJSON, place: String, file: String) {
    source = .json(json, place: place)
    self.file = file
  }

  /// Reads from GGUF metadata whose keys start with `prefix` and a dot.
  package init(metadata: Metadata, prefix: String, file: String) {
    source = .gguf(metadata, prefix: prefix)
    self.file = file
  }

  /// An error about `key` that says which rule it broke.
  package func broken(_ key: Key, _ rule: String, code: CheckpointError.Code = .malformed) -> CheckpointError {
    CheckpointError(code, "\(written(key)) \(rule)", file: file)
  }

  /// The key as the source spells it.
  package func written(_ key: Key) -> String {
    switch source {
    case .json(_, let place): place.isEmpty ? key.huggingFace : "\(place).\(key.huggingFace)"
    case .gguf(_, let prefix): "\(prefix).\(key.gguf)"
    }
  }

  /// Whether the source has a value (other than null) for `key`.
  package func has(_ key: Key) -> Bool {
    switch source {
    case .json(let json, _):
      if let value = json[key.huggingFace], value != .null { return true }
      return false
    case .gguf(let metadata, let prefix): return metadata["\(prefix).\(key.gguf)"] != nil
    }
  }

  /// A whole number within `range`; without a value the fallback, or an error if there is none.
  package func integer(
    _ key: Key, in range: ClosedRange<Int>, fallback: Int? = nil
  ) throws(CheckpointError) -> Int {
    guard has(key) else {
      if let fallback { return fallback }
      throw broken(key, "is missing", code: .missing)
    }
    let value: Int?
    switch source {
    case .json(let json, _):
      value = json[key.huggingFace]?.intValue
    case .gguf(let metadata, let prefix):
      value = metadata.int("\(prefix).\(key.gguf)").flatMap { Int(exactly: $0) }
    }
    guard let value, range.contains(value) else {
      try refuseNonFinite(key)
      throw broken(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)\(found(key))")
    }
    return value
  }

  /// A finite number above zero and at most `limit`.
  package func positive(
    _ key: Key, upTo limit: Double, fallback: Double? = nil
  ) throws(CheckpointError) -> Double {
    guard has(key) else {
      if let fallback { return fallback }
      throw broken(key, "is missing", code: .missing)
    }
    let value: Double?
    switch source {
    case .json(let json, _): value = json[key.huggingFace]?.doubleValue
    case .gguf(let metadata, let prefix): value = metadata["\(prefix).\(key.gguf)"]?.realNumber
    }
    guard let value, value.isFinite, value > 0, value <= limit else {
      try refuseNonFinite(key)
      throw broken(key, "must be a number above 0 and at most \(limit)\(found(key))")
    }
    return value
  }

  /// A list of whole numbers within `range`, at most `count` of them; nil without a value.
  package func integers(
    _ key: Key, in range: ClosedRange<Int>, count: ClosedRange<Int>
  ) throws(CheckpointError) -> [Int]? {
    guard has(key) else { return nil }
    let values: [Int?]?
    switch source {
    case .json(let json, _):
      values = json[key.huggingFace]?.arrayValue?.map { $0.intValue }
    case .gguf(let metadata, let prefix):
      values = metadata.integers("\(prefix).\(key.gguf)")?.map { Int(exactly: $0) }
    }
    let good = values?.compactMap { $0 }.filter(range.contains) ?? []
    guard let values, good.count == values.count, count.contains(values.count) else {
      throw broken(
        key,
        "must be a list of \(count.lowerBound) to \(count.upperBound) whole numbers from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return good
  }

  /// True or false; without a value the fallback.
  package func bool(_ key: Key, fallback: Bool) throws(CheckpointError) -> Bool {
    guard has(key) else { return fallback }
    let value: Bool?
    switch source {
    case .json(let json, _): value = json[key.huggingFace]?.boolValue
    case .gguf(let metadata, let prefix): value = metadata.bool("\(prefix).\(key.gguf)")
    }
    guard let value else { throw broken(key, "must be true or false\(found(key))") }
    return value
  }

  /// The raw `config.json` value of a key; nil when absent or when the source is GGUF.
  package func value(_ key: String) -> OrderedJSON? {
    guard case .json(let json, _) = source else { return nil }
    return json[key]
  }

  /// The text of a `config.json` key; nil when it is absent or not a text.
  package func text(_ key: String) -> String? { value(key)?.stringValue }

  /// The text under a GGUF key; nil when it is absent or not a text, or when the source is `config.json`.
  package func name(_ key: Key) -> String? {
    guard case .gguf(let metadata, let prefix) = source else { return nil }
    return metadata.string("\(prefix).\(key.gguf)")
  }

  /// The list of truth values under a GGUF key, empty for anything else there; nil when the source is `config.json`.
  package func flags(_ key: Key) -> [Bool]? {
    guard case .gguf(let metadata, let prefix) = source else { return nil }
    return metadata.bools("\(prefix).\(key.gguf)") ?? []
  }

  /// Python reads and writes NaN and infinities, and so they may be in a file; what is used has to be a number.
  private func refuseNonFinite(_ key: Key) throws(CheckpointError) {
    guard case .json(let json, _) = source, let value = json[key.huggingFace]?.doubleValue, !value.isFinite else {
      return
    }
    throw broken(key, "is \(value.isNaN ? "NaN" : "infinite"), which is not a finite number")
  }

  private func found(_ key: Key) -> String {
    guard case .json(let json, _) = source, let value = json[key.huggingFace] else { return "" }
    let text = String(decoding: value.serialized(pretty: false).prefix(40), as: UTF8.self)
    return ", not \(text)"
  }
}

extension MetadataValue {
  /// The value as a `Double`, for floats and integers; nil for others.
  package var realNumber: Double? { number?.real ?? signedInteger.map(Double.init) }
}
