import Base

/// Names of models and of the files they become, by the GGUF naming convention.
enum Naming {
  /// The model's name as its folder or file carries it: without folders, extension, split suffix and encoding.
  static func stem(of path: String) -> String {
    var name = ownName(of: path)
    let shard = Path(name).shard
    for ending in [".gguf", ".safetensors", ".safetensors.index.json"] where name.hasSuffix(ending) {
      name = String(name.dropLast(ending.count))
    }
    if let shard { name = shard.stem }
    if let dash = name.lastIndex(of: "-"), isEncoding(String(name[name.index(after: dash)...])) {
      name = String(name[..<dash])
    }
    if name.hasPrefix("mmproj-") { name = String(name.dropFirst(7)) }
    return name.isEmpty ? "model" : name
  }

  /// The last part of a path that says which model it is.
  private static func ownName(of path: String) -> String {
    var parts = path.split(separator: "/")
    if let last = parts.last, last != ".", last != ".." {
      // Seen from inside of the Hugging Face cache a snapshot may be a hash and no more.
      let parent = path.hasPrefix("/") && parts.count == 1 ? "/" : Path(path.trimmed("/")).folder
      if let real = FileSystem.resolved(parent) { parts = real.split(separator: "/") + [last] }
    } else {
      // Dots name a folder without saying its name.
      parts = FileSystem.resolved(path)?.split(separator: "/") ?? []
    }
    // There the folder itself is named by a hash: models--OWNER--NAME/snapshots/HASH.
    if parts.count >= 3, parts[parts.count - 2] == "snapshots" { parts.removeLast(2) }
    let name = parts.last.map(String.init) ?? "model"
    guard name.hasPrefix("models--"), let cut = name.range(ofLast: "--") else { return name }
    return String(name[cut.upperBound...])
  }

  /// `NAME-ENCODING.gguf`, with `mmproj-` before a vision encoder.
  static func file(_ stem: String, encoding: String, vision: Bool = false) -> String {
    (vision ? "mmproj-" : "") + stem + "-" + encoding + ".gguf"
  }

  /// The name a reader shows: dashes become spaces, words in small letters get a capital.
  static func title(_ stem: String) -> String {
    stem.split(whereSeparator: { $0 == "-" || $0 == " " }).map { word in
      guard let first = word.first, first.isLetter, word == word.lowercased()[...] else { return String(word) }
      return first.uppercased() + word.dropFirst()
    }.joined(separator: " ")
  }

  /// A parameter count in the field's short form: `752M`, `4.2B`, two digits at least.
  static func sizeLabel(_ count: UInt64) -> String {
    let units: [(Double, String)] = [(1e12, "T"), (1e9, "B"), (1e6, "M")]
    let (unit, suffix) = units.first { Double(count) > $0.0 } ?? (1e3, "K")
    let value = Double(count) / unit
    let rounded = value.rounded(.toNearestOrEven)
    if rounded >= 10 { return String(Int(rounded)) + suffix }
    let tenths = Int((value * 10).rounded(.toNearestOrEven))
    // A count that rounds to nothing has no digits before the point, and so gets two behind it.
    if rounded == 0 {
      let hundredths = Int((value * 100).rounded(.toNearestOrEven))
      return "0." + (hundredths < 10 ? "0" : "") + String(hundredths) + suffix
    }
    return "\(tenths / 10).\(tenths % 10)\(suffix)"
  }

  private static func isEncoding(_ word: String) -> Bool {
    let label = word.uppercased()
    if ["F32", "F16", "BF16"].contains(label) { return true }
    let body = label.hasPrefix("I") ? label.dropFirst() : label[...]
    return (body.hasPrefix("Q") || body.hasPrefix("TQ") || label.hasPrefix("MXFP") || label.hasPrefix("NVFP"))
      && label.contains(where: \.isNumber) && label.allSatisfy { $0.isNumber || $0.isLetter || $0 == "_" }
      && (label.contains("_") || label.contains("FP"))
  }
}

extension String {
  /// The text without what may stand at its end several times.
  fileprivate func trimmed(_ ending: Character) -> String {
    var text = Substring(self)
    while text.last == ending { text.removeLast() }
    return String(text)
  }

  /// The last place of a text.
  fileprivate func range(ofLast text: String) -> Range<String.Index>? {
    var found: Range<String.Index>?
    for start in indices where self[start...].hasPrefix(text) {
      found = start..<index(start, offsetBy: text.count)
    }
    return found
  }
}
